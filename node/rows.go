package node

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/internal/store"
)

func contactToRow(c Contact) store.Contact {
	row := store.Contact{Account: c.Account, State: string(c.State), Since: c.Since, Verified: string(c.Verified)}
	if c.State == Pending {
		row.SelfName = c.Name
	} else {
		row.Alias = c.Name
	}
	return row
}

func contactFromRow(row store.Contact) Contact {
	c := Contact{Account: row.Account, Name: row.Alias, State: ContactState(row.State), Since: row.Since, Verified: Verification(row.Verified)}
	if c.State == Pending {
		c.Name = row.SelfName
	}
	return c
}

func transferToRow(t Transfer) store.Transfer {
	row := store.Transfer{
		ID: t.ID, Conversation: t.Conversation, Entry: t.Entry, Exact: t.exact, Ended: t.Ended, Direction: string(t.Direction), Account: t.Account, Device: t.Device,
		Name: t.Name, File: t.File, Size: t.Size, Bytes: t.Bytes, State: t.State,
		Reason: t.Reason, Code: string(t.Code), Sum: t.Sum, Tree: t.Tree, Manifest: t.Manifest,
		Rule: t.Rule, PathKind: pathKind(t.Path), Path: pathToRow(t.Path),
		Created: t.Created, Updated: t.Updated,
	}
	for _, p := range t.Parts {
		row.Parts = append(row.Parts, store.Part{
			Device: p.Device, Account: p.Account, State: p.State, Bytes: p.Bytes, Reason: p.Reason, Code: string(p.Code),
			PathKind: pathKind(p.Path), Path: pathToRow(p.Path), Updated: p.Updated,
		})
	}
	return row
}

func (n *Node) transferFromRow(row store.Transfer) (Transfer, error) {
	path, err := pathFromRow(row.PathKind, row.Path)
	if err != nil {
		return Transfer{}, fmt.Errorf("stored transfer %s: %w", row.ID, err)
	}
	t := Transfer{
		ID: row.ID, Conversation: row.Conversation, Entry: row.Entry, exact: row.Exact, Ended: row.Ended,
		Direction: Direction(row.Direction), Contact: n.called(row.Account), Account: row.Account, Device: row.Device,
		Name: row.Name, File: row.File, Size: row.Size, Bytes: row.Bytes, State: row.State,
		Reason: row.Reason, Code: EndCode(row.Code), Sum: row.Sum, Tree: row.Tree, Manifest: row.Manifest, Rule: row.Rule, Path: path,
		Created: row.Created, Updated: row.Updated,
	}
	if t.OneShot = isOneShot(t.Account, t.Conversation); t.OneShot {
		t.Contact = ""
	}
	if row.Direction == string(Outgoing) && !row.Conversation.IsZero() {
		if s, err := n.conversations.Summary(row.Conversation); err == nil {
			t.Contact = n.titleOf(s)
		}
	}
	for _, p := range row.Parts {
		path, err := pathFromRow(p.PathKind, p.Path)
		if err != nil {
			return t, fmt.Errorf("stored transfer %s: %w", row.ID, err)
		}
		t.Parts = append(t.Parts, Part{
			Device: p.Device, Account: p.Account, Contact: n.called(p.Account), State: p.State, Bytes: p.Bytes,
			Reason: p.Reason, Code: EndCode(p.Code), Path: path, Updated: p.Updated,
		})
	}
	return t, nil
}

// pathRow is what is kept of a path: the facts, not the certificates.
type pathRow struct {
	LocalType   string         `json:"local_type"`
	RemoteType  string         `json:"remote_type"`
	Local       netip.AddrPort `json:"local"`
	Remote      netip.AddrPort `json:"remote"`
	Relay       string         `json:"relay"`
	Controlling bool           `json:"controlling"`
	RTT         time.Duration  `json:"rtt"`
	TLSVersion  uint16         `json:"tls_version"`
	TLSCipher   uint16         `json:"tls_cipher"`
	TLSGroup    tls.CurveID    `json:"tls_group"`
}

func pathKind(p *icetcp.Path) string {
	if p == nil {
		return ""
	}
	return string(p.Kind)
}

func pathToRow(p *icetcp.Path) json.RawMessage {
	if p == nil {
		return nil
	}
	raw, err := json.Marshal(pathRow{
		LocalType: p.LocalType, RemoteType: p.RemoteType, Local: p.Local, Remote: p.Remote,
		Relay: p.Relay, Controlling: p.Controlling, RTT: p.RTT,
		TLSVersion: p.TLS.Version, TLSCipher: p.TLS.CipherSuite, TLSGroup: p.TLS.CurveID,
	})
	if err != nil {
		panic(err) // every field has a JSON form
	}
	return raw
}

func pathFromRow(kind string, raw json.RawMessage) (*icetcp.Path, error) {
	if kind == "" {
		return nil, nil
	}
	var row pathRow
	if err := json.Unmarshal(raw, &row); err != nil {
		return nil, err
	}
	p := &icetcp.Path{
		Kind: icetcp.PathKind(kind), LocalType: row.LocalType, RemoteType: row.RemoteType,
		Local: row.Local, Remote: row.Remote, Relay: row.Relay, Controlling: row.Controlling, RTT: row.RTT,
	}
	p.TLS.Version, p.TLS.CipherSuite, p.TLS.CurveID = row.TLSVersion, row.TLSCipher, row.TLSGroup
	return p, nil
}

package api

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Node says who the node is. Addrs are dialable as they stand and empty while
// no node runs.
type Node struct {
	Account string   `json:"account"`
	Device  string   `json:"device"`
	Addrs   []string `json:"addrs"` // multiaddrs, to be dialled as they stand
}

// Contact is an account that the user knows (requested, accepted) or that asks
// to be known (pending). The name of a pending contact is what it calls itself:
// hostile text that may equal the alias of somebody else.
type Contact struct {
	Account string `json:"account"`
	Name    string `json:"name"`
	// State is requested (asked from here), pending (asks us) or accepted (by both).
	State node.ContactState `json:"state"`
	// Verified is how the user made sure who it is: code (they met by a one-time code),
	// person (he has compared the account with what the contact's own device shows), or
	// "" (not at all).
	Verified node.Verification `json:"verified"`
}

// Comparison is what came of comparing a contact's account with the one that the
// contact's own device shows.
type Comparison struct {
	// Verified: they are the same. If false, no earlier proof is trusted any more.
	Verified bool `json:"verified"`
}

// Transfer is one file on its way to all devices of those it is sent to, or from
// one device.
type Transfer struct {
	// ID is 16 hex digits, unique on this node.
	ID string `json:"id"`
	// Direction is from here, outgoing, or to here, incoming.
	Direction node.Direction `json:"direction"`
	// Contact is the contact's local alias, or its account where it has none. Of a
	// file sent to a group it is the group's name, and Account is "".
	Contact string `json:"contact"`
	Account string `json:"account"`
	// Device is a peer ID, "" while there is none; of several the most hopeful one.
	Device string `json:"device"`
	Name   string `json:"name"`
	// Size and Bytes are in bytes; Bytes have crossed.
	Size  int64 `json:"size"`
	Bytes int64 `json:"bytes"`
	// State is how far it has come.
	State filexfer.State `json:"state"`
	// Path is direct, punched, mapped or relayed; "" until a connection stands.
	Path string `json:"path" enum:",direct,punched,mapped,relayed"`
	// PathDetails is null until a connection stands.
	PathDetails *PathDetails `json:"path_details"`
	// Code classifies a bad end in one word, Reason explains it in a sentence.
	Code   node.EndCode `json:"code"`
	Reason string       `json:"reason"`
	// SHA3Sum is the SHA3-512 in hex of the file, "" until known: of a large one it
	// follows the transfer. SHA3Tree is the root of its tree of sums, which was
	// verified; "" where there is none.
	SHA3Sum  string `json:"sha3sum"`
	SHA3Tree string `json:"sha3tree"`
	// Folder: it is a folder, not a file.
	Folder bool `json:"folder"`
	// File is the source (outgoing), or where the file lies once it has arrived.
	File string `json:"file"`
	// Created is when it was known here, Updated when it changed last.
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	// Conversation and Entry are what the file belongs to, 64 hex digits each; "" if
	// it was offered outside of any.
	Conversation string `json:"conversation"`
	Entry        string `json:"entry"`
	// Rule is the name of the rule that accepted or refused it, "" if a person did.
	Rule string `json:"rule"`
	// Why says in a sentence, of an offer that waits, why no rule took it although one
	// would have; else "".
	Why string `json:"why"`
	// Limit is how many bytes a second it may take, beside the limits of the node and the
	// contact; left out without one.
	Limit int64 `json:"limit,omitempty"`
	// OneShot: it goes by a one-shot code; contact is "" then.
	OneShot bool `json:"one_shot"`
	// Ended: nothing more will happen. A file that one device has is finished while
	// others may still take it.
	Ended bool `json:"ended"`
	// Parts are the devices that an outgoing file is offered to. State and Bytes of
	// the whole are the most hopeful view of them.
	Parts []Part `json:"parts"`
}

// PathDetails tell how the connection came about and what TLS agreed on.
type PathDetails struct {
	// Transport is "ice", or "tcp" for a connection of the host's own TCP.
	Transport string `json:"transport" enum:"ice,tcp"`
	// Local and Remote are ADDRESS:PORT.
	Local  string `json:"local"`
	Remote string `json:"remote"`
	// LocalType and RemoteType are ICE candidate types: host, srflx, prflx, relay.
	LocalType  string `json:"local_type"`
	RemoteType string `json:"remote_type"`
	// Relay names the TURN server of a relayed path.
	Relay string `json:"relay"`
	// RTT is the round trip in milliseconds, 0 if unknown.
	RTT float64 `json:"rtt_ms"`
	// TLSVersion is for instance "TLS 1.3", TLSCipher the suite, TLSGroup "X25519MLKEM768".
	// They are "" where they are not known: of libp2p's own TCP only the version is.
	TLSVersion string `json:"tls_version"`
	TLSCipher  string `json:"tls_cipher"`
	TLSGroup   string `json:"tls_group"`
	// Controlling: this side chose the pair of addresses.
	Controlling bool `json:"controlling"`
}

// Event is one thing that happened, to exactly one of Transfer, Contact, Message,
// Conversation, Pairing and Device: each is as it was afterwards. With Reset it is about
// none of them.
type Event struct {
	Time     time.Time `json:"time"` // when it happened
	Transfer *Transfer `json:"transfer,omitempty"`
	// Phase is a step towards a connection, "" where only the transfer changed.
	Phase   node.Phase `json:"phase,omitempty"`
	Detail  string     `json:"detail,omitempty"`
	Contact *Contact   `json:"contact,omitempty"`
	// Removed: the contact is none any more.
	Removed bool `json:"removed,omitempty"`
	// Message was written, here or elsewhere, or changed.
	Message      *Message      `json:"message,omitempty"`
	Conversation *Conversation `json:"conversation,omitempty"`
	Pairing      *Pairing      `json:"pairing,omitempty"`
	// Device is one of the node's own account.
	Device *Device `json:"device,omitempty"`
	// Reset: events were missed and are lost. Whoever keeps lists reads them again.
	Reset bool `json:"reset,omitempty"`
}

// NewContact asks an account to become a contact under a local alias.
type NewContact struct {
	Account string `json:"account"`
	// Name is the local alias. Without one the answer is bad-name: nobody knows yet what
	// the account calls itself.
	Name string `json:"name" required:"false"`
}

// Alias is the local name that the user gives a contact; "" lets the node choose.
type Alias struct {
	Name string `json:"name" required:"false"`
}

// NewTransfer offers a file or a folder, given by its absolute path on the node's
// machine, to a contact (alias or account) or to the members of a conversation, which
// Contact names then. Files are several paths in one folder, which go as a folder.
type NewTransfer struct {
	// File is the absolute path of a file or folder on the node's machine.
	File string `json:"file" required:"false"`
	// Files are several absolute paths in one folder.
	Files []string `json:"files,omitempty" maxItems:"10000"`
	// Uploads are ids of files that were handed to the node: instead of file and files.
	// Several go as a folder.
	Uploads []string `json:"uploads,omitempty" maxItems:"1000" pattern:"^[0-9a-f]{16}$"`
	// Contact is a contact's alias or account, or what names a conversation.
	Contact string `json:"contact" required:"false"`
	// Code sends it to whoever enters a one-shot code, not to a contact.
	Code bool `json:"code,omitempty"`
	// Lifetime is how long the code can be entered, at most 24h; "" is 10m.
	Lifetime string `json:"lifetime,omitempty" pattern:"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$" patternDescription:"a time like 90s, 10m or 2h" example:"10m" dependentRequired:"code"`
}

// Sent is a transfer that has begun.
type Sent struct {
	Transfer
	// Pairing has the code, where the transfer was asked for with one.
	Pairing *Pairing `json:"pairing,omitempty"`
}

// Target says where an accepted file goes: an absolute path of a folder or a
// file; "" is the node's folder for downloads. Only are patterns of what is wanted of
// a folder; none: everything.
type Target struct {
	// Path is absolute: of a folder (it ends in a slash, or exists) or of a file.
	Path string `json:"path" required:"false"`
	// Only are patterns of what is wanted of a folder, as "*.jpg" or "2025/**".
	Only []string `json:"only,omitempty" maxItems:"1000"`
}

// TransferLimit is a limit of one transfer.
type TransferLimit struct {
	// Rate is in bytes a second, at least 16384; 0: no limit.
	Rate int64 `json:"rate" minimum:"0"`
}

// NodeOf is the JSON form of an identity.
func NodeOf(i node.Identity) Node {
	n := Node{Account: i.Account.String(), Device: i.Device.String(), Addrs: make([]string, 0, len(i.Addrs))}
	for _, addr := range i.Addrs {
		n.Addrs = append(n.Addrs, addr.String())
	}
	return n
}

func contactOf(c node.Contact) Contact {
	return Contact{Account: c.Account.String(), Name: c.Name, State: c.State, Verified: c.Verified}
}

func transferOf(t node.Transfer) Transfer {
	out := Transfer{
		ID: t.ID, Direction: t.Direction, Contact: t.Contact, Account: t.Account.String(),
		Name: t.Name, Size: t.Size, Bytes: t.Bytes, State: t.State,
		Code: t.Code, Reason: t.Reason, SHA3Sum: t.Sum, SHA3Tree: t.Tree, Folder: t.Manifest > 0, File: t.File,
		Created: t.Created.UTC(), Updated: t.Updated.UTC(),
		Conversation: idText(t.Conversation), Entry: idText(t.Entry), Rule: t.Rule, Why: t.Why, Limit: t.Limit, OneShot: t.OneShot, Ended: t.Ended, Parts: each(t.Parts, partOf),
	}
	if t.Device != "" {
		out.Device = t.Device.String()
	}
	if t.Path != nil {
		out.Path, out.PathDetails = string(t.Path.Kind), detailsOf(*t.Path)
	}
	return out
}

func detailsOf(p icetcp.Path) *PathDetails {
	d := &PathDetails{
		Transport: "ice",
		Local:     addrText(p.Local), Remote: addrText(p.Remote),
		LocalType: p.LocalType, RemoteType: p.RemoteType,
		Relay: p.Relay, RTT: milliseconds(p.RTT), Controlling: p.Controlling,
	}
	if p.LocalType == "" {
		d.Transport = "tcp" // a connection without candidates was not made by ICE
	}
	if p.TLS.Version != 0 {
		d.TLSVersion = tls.VersionName(p.TLS.Version)
	}
	if p.TLS.CipherSuite != 0 {
		d.TLSCipher = tls.CipherSuiteName(p.TLS.CipherSuite)
	}
	if p.TLS.CurveID != 0 {
		d.TLSGroup = p.TLS.CurveID.String()
	}
	return d
}

func addrText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func eventOf(e node.Event) Event {
	return Event{
		Time: e.Time.UTC(), Transfer: pointer(e.Transfer, transferOf), Phase: e.Phase, Detail: e.Detail,
		Contact: pointer(e.Contact, contactOf), Removed: e.Removed,
		Message: pointer(e.Message, messageOf), Conversation: pointer(e.Conversation, conversationOf),
		Pairing: pointer(e.Pairing, pairingOf), Device: pointer(e.Device, deviceOf),
	}
}

package history_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/protocols/history"
)

// diary is the log of an app with a single conversation, in memory, parents first. It
// takes whatever is signed: who may write is for the app to say (package membership).
type diary struct {
	mu      sync.Mutex
	entries []*conversation.Entry
}

var _ history.Log = (*diary)(nil)

func (d *diary) find(id conversation.ID) *conversation.Entry {
	if i := slices.IndexFunc(d.entries, func(e *conversation.Entry) bool { return e.ID == id }); i >= 0 {
		return d.entries[i]
	}
	return nil
}

// past is ids and all that they hang on.
func (d *diary) past(ids []conversation.ID) map[conversation.ID]bool {
	set := map[conversation.ID]bool{}
	for len(ids) > 0 {
		if e := d.find(ids[0]); e != nil && !set[e.ID] {
			set[e.ID] = true
			ids = append(ids, e.Parents...)
		}
		ids = ids[1:]
	}
	return set
}

// Heads are the entries on which no other one hangs.
func (d *diary) Heads(conversation.ID) (heads []conversation.ID, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	followed := map[conversation.ID]bool{}
	for _, e := range slices.Backward(d.entries) {
		if !followed[e.ID] {
			heads = append(heads, e.ID)
		}
		for _, p := range e.Parents {
			followed[p] = true
		}
	}
	return heads, nil
}

func (d *diary) Known(_ conversation.ID, ids []conversation.ID) (known []conversation.ID, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(ids), func(id conversation.ID) bool { return d.find(id) == nil }), nil
}

func (d *diary) Missing(_ context.Context, _ conversation.ID, want, have []conversation.ID, after conversation.ID,
	maxEntries, maxBytes int, send func(conversation.Raw) error) (more bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wanted, there := d.past(want), d.past(have)
	from := slices.IndexFunc(d.entries, func(e *conversation.Entry) bool { return e.ID == after }) + 1
	for _, e := range d.entries[from:] {
		if !wanted[e.ID] || there[e.ID] {
			continue
		}
		if maxEntries == 0 || maxBytes <= 0 {
			return true, nil
		}
		if err := send(e.Raw); err != nil {
			return false, err
		}
		maxEntries--
		maxBytes -= len(e.Raw.Header) + len(e.Raw.Signature) + len(e.Raw.Body)
	}
	return false, nil
}

func (d *diary) Raws(_ context.Context, _ conversation.ID, ids []conversation.ID, send func(conversation.Raw) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		if e := d.find(id); e != nil {
			if err := send(e.Raw); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *diary) Ingest(_ context.Context, _ conversation.ID, batch []conversation.Raw, _ history.Source, _ bool) (in history.Ingested, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, raw := range batch {
		e, err := conversation.Decode(raw)
		if err == nil {
			err = e.Verify()
		}
		switch {
		case err != nil:
			return in, fmt.Errorf("%w: %w", history.ErrInvalid, err)
		case d.find(e.ID) != nil:
			continue
		case slices.ContainsFunc(e.Parents, func(p conversation.ID) bool { return d.find(p) == nil }):
			return in, history.ErrParent
		}
		d.entries = append(d.entries, e)
		in.Added++
	}
	return in, nil
}

// What a log may leave out: Locator and Common save bytes where two long histories
// differ, and a body that is always there lacks nowhere.

func (d *diary) Locator(conversation.ID) ([]conversation.ID, error)             { return nil, nil }
func (d *diary) Common(peer.ID, conversation.ID) ([]conversation.ID, error)     { return nil, nil }
func (d *diary) SetCommon(peer.ID, conversation.ID, []conversation.ID) error    { return nil }
func (d *diary) Lacking(_, _ conversation.ID, _ int) ([]conversation.ID, error) { return nil, nil }

// write appends an entry of an account's device.
func (d *diary) write(key conversation.AccountKey, h host.Host, draft conversation.Draft) *conversation.Entry {
	draft.Account, draft.Time = key.Account(), time.Now()
	e, err := draft.Sign(h.Peerstore().PrivKey(h.ID()))
	if err != nil {
		log.Fatal(err)
	}
	d.entries = append(d.entries, e)
	return e
}

// Alice's laptop has written; her phone gets it.
func Example() {
	laptop, phone := newHost(), newHost()
	defer laptop.Close()
	defer phone.Close()
	alice, err := conversation.NewAccountKey(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	certificate, err := alice.Certify(laptop.ID())
	if err != nil {
		log.Fatal(err)
	}
	written, read := &diary{}, &diary{}
	first := written.write(alice, laptop, conversation.Draft{Type: conversation.TypeInitial,
		Content: conversation.InitialContent(conversation.Own, conversation.Account{}, ""), Certificate: &certificate})
	written.write(alice, laptop, conversation.Draft{Conversation: first.ID, Parents: []conversation.ID{first.ID},
		Type: conversation.TypeText, Content: conversation.Text{Text: "buy bread"}.Content()})

	start := func(h host.Host, l history.Log, other peer.ID) *history.Service {
		mine := func(device peer.ID, conv conversation.ID) bool { return device == other && conv == first.ID }
		s, err := history.New(h, history.Config{
			Log: l,
			SourceOf: func(device peer.ID) (history.Source, bool) {
				return history.Source{Account: alice.Account(), Own: true}, device == other
			},
			Shared:  func(peer.ID) []conversation.ID { return []conversation.ID{first.ID} },
			Reads:   mine,
			Accepts: mine,
		})
		if err != nil {
			log.Fatal(err)
		}
		h.SetStreamHandler(s.ID(), s.HandleStream)
		return s
	}
	defer start(laptop, written, phone.ID()).Close()
	sync := start(phone, read, laptop.ID())
	defer sync.Close()

	ctx := context.Background()
	err = phone.Connect(ctx, *host.InfoFromHost(laptop))
	fmt.Println(errors.Join(err, sync.Sync(ctx, laptop.ID())))
	for _, e := range read.entries {
		content, _ := e.Content()
		fmt.Printf("%s: %s\n", e.Type, content)
	}

	// Output:
	// <nil>
	// initial: {"mode":"own","rules":"1"}
	// text/plain: buy bread
}

func newHost() host.Host {
	h, err := libp2p.New(
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.DisableRelay(),
	)
	if err != nil {
		log.Fatal(err)
	}
	return h
}

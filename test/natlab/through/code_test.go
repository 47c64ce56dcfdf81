package through

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
	"github.com/passeur-p2p/passeur/test/natlab"
)

// Two who are no contacts, each behind a NAT, hand a file over by a one-shot code.
func TestOneShotCode(t *testing.T) {
	t.Parallel()
	side := natlab.Side{NAT: natlab.PRC}
	s := live(t, natlab.Config{A: side, B: side}, onlySTUN)
	path, dir := people.File(t, 4<<20), t.TempDir()
	var sent api.Sent
	post(t, s.alice, "/v1/transfers", api.NewTransfer{File: path, Code: true}, &sent)
	var typed api.Pairing
	post(t, s.bob, "/v1/receive", api.NewReceive{Code: sent.Pairing.Code, Path: dir}, &typed)
	lab.Eventually(t, "the pairing to end", func() bool {
		p, err := s.bob.Pairing(t.Context(), typed.ID)
		typed = p
		return err == nil && (p.State == node.PairDone || p.State == node.PairFailed)
	})
	if typed.State != node.PairDone {
		t.Fatalf("the pairing ended as %+v", typed)
	}
	here, there := ended(t, s.alice, sent.ID), ended(t, s.bob, typed.Transfer)
	for _, x := range []api.Transfer{here, there} {
		if x.State != filexfer.Finished || x.Path != "punched" || x.Contact != "" || !x.OneShot {
			t.Errorf("ended as %+v", x)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(there.File); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is another file (%v)", there.File, err)
	}
	for _, p := range []*people.Person{s.alice, s.bob} {
		if contacts, err := p.Contacts(t.Context()); err != nil || len(contacts) != 0 {
			t.Errorf("contacts: %+v, %v", contacts, err)
		}
	}
}

// ended waits for the end of a transfer.
func ended(t *testing.T, p *people.Person, id string) (x api.Transfer) {
	t.Helper()
	lab.Eventually(t, "the transfer to end", func() bool {
		var err error
		x, err = p.Transfer(t.Context(), id)
		return err == nil && x.Ended
	})
	return x
}

// post asks a person's node for something new.
func post(t *testing.T, p *people.Person, path string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", api.SocketPath(p.Home))
	}}}
	defer client.CloseIdleConnections()
	r, err := client.Post("http://node"+path, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %s", path, r.Status)
	}
	if err := json.NewDecoder(r.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
}

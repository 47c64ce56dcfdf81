package load

import (
	"bufio"
	"fmt"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// perConnection is how many offers are made over one connection at a time: more than
// are let in.
const perConnection = 32

// offersOfAContact offers file after file as a contact's device. What waits for a
// person is withdrawn when the connection ends, and more is offered over a new one.
func (w *world) offersOfAContact() (thrown, outcome string) {
	answers := w.offer(w.mallory, w.most.offers)
	await(func() bool { return w.node.metric("passeur_transfers", `state="awaiting-host"`) == 0 })
	return fmt.Sprintf("%d offers", w.most.offers),
		fmt.Sprintf("%s; %d transfers are remembered", answers, len(w.node.transfers()))
}

// offersOfStrangers does so as devices that nobody knows.
func (w *world) offersOfStrangers() (thrown, outcome string) {
	before := len(w.node.transfers())
	answers := w.offer(nil, w.most.offers)
	if n := len(w.node.transfers()) - before; n > 1 { // the honest one's
		w.t.Errorf("offers of strangers are remembered as %d transfers", n)
	}
	return fmt.Sprintf("%d offers from %d addresses", w.most.offers, w.most.addresses), answers.String()
}

// offer makes offers as the device that has the key, or as a stranger on each connection.
func (w *world) offer(key crypto.PrivKey, n int) *tally {
	answers := new(tally)
	atOnce := 8
	if key != nil {
		atOnce = 4 // a device may have twice as many connections
	}
	inParallel(atOnce, (n+perConnection-1)/perConnection, func(i int) {
		c, err := w.node.connect(w.t.Context(), strangerAddr(i%w.most.addresses), key)
		if err != nil {
			for range perConnection {
				answers.add("not connected")
			}
			return
		}
		defer c.Close()
		var asked sync.WaitGroup
		for k := range perConnection {
			asked.Go(func() { answers.add(w.offerOne(c, fmt.Sprintf("offer-%d-%d", i, k))) })
		}
		asked.Wait()
	})
	return answers
}

// offerOne makes one offer and gives the answer in a word. One that waits for a person
// is left waiting.
func (w *world) offerOne(c *bare, name string) string {
	header, err := filexfer.Header{Length: 1 << 30, Name: name, Trailer: true}.MarshalText()
	if err != nil {
		return err.Error()
	}
	s, err := c.open(w.t.Context(), filexfer.ID)
	if err != nil {
		return "not opened"
	}
	s.SetDeadline(soon())
	if _, err := s.Write(header); err != nil {
		return "reset"
	}
	answer, err := bufio.NewReader(s).ReadString('\n')
	switch {
	case strings.Contains(answer, "busy"):
		return "busy"
	case strings.HasPrefix(answer, "NGO"):
		return "refused"
	case isTimeout(err):
		return "left waiting"
	case err != nil:
		return "reset"
	}
	return strings.TrimSpace(answer)
}

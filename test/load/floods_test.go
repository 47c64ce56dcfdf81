package load

import (
	"bytes"
	"context"
	"crypto/hpke"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/signalling"
)

// soon is when an attacker loses patience with an answer.
func soon() time.Time { return time.Now().Add(3 * time.Second) }

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// served are the protocols that a node answers.
var served = []protocol.ID{
	"/passeur/filexfer/1.0.0", "/passeur/rerequest/1.0.0", "/passeur/history/1.0.0", "/passeur/link/1.0.0",
	"/passeur/oneshot/1.0.0", "/passeur/clock/1.0.0", "/passeur/inbox/1.0.0", "/passeur/signal/1.0.0",
	"/passeur/kad/1.0.0", "/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0", "/no/such/protocol",
}

// streamsOfStrangers opens streams of every protocol, says half of something on each,
// and leaves them open.
func (w *world) streamsOfStrangers() (thrown, outcome string) {
	crowd := w.crowd(2 * w.most.addresses)
	defer closeAll(crowd)
	return w.flood(crowd), fmt.Sprintf("of %d connections", len(crowd)) + w.flooded
}

// streamsOfAContact does so as a contact's device, on as many connections as it gets.
func (w *world) streamsOfAContact() (thrown, outcome string) {
	var crowd []*bare
	for i := range 16 {
		if c, err := w.node.connect(w.t.Context(), strangerAddr(i), w.mallory); err == nil {
			crowd = append(crowd, c)
		}
	}
	defer closeAll(crowd)
	return w.flood(crowd), fmt.Sprintf("of %d connections", len(crowd)) + w.flooded
}

// flood opens the streams of each protocol on all connections, and tells how many still
// stand after a while.
func (w *world) flood(crowd []*bare) (thrown string) {
	w.flooded = ""
	if len(crowd) == 0 {
		w.t.Error("nobody was let in")
		return ""
	}
	var open []*stream
	var mu sync.Mutex
	var refused atomic.Int64
	inParallel(16, w.most.streams*len(served), func(i int) {
		s, err := crowd[i%len(crowd)].open(w.t.Context(), served[i%len(served)])
		if err == nil {
			_, err = s.Write(bytes.Repeat([]byte{0, 0, 0, 200, 7}, 20))
		}
		if err != nil {
			refused.Add(1)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		open = append(open, s)
	})
	w.transfer(w.contacts[1], w.most.size/4) // while they stand
	for _, s := range open {
		s.Reset()
	}
	w.flooded = fmt.Sprintf(": %d not opened; a file crossed meanwhile", refused.Load())
	return fmt.Sprintf("%d streams of each of %d protocols, held open", w.most.streams, len(served))
}

// keyless knows nobody's key: what is sealed is sealed to peer IDs.
type keyless struct{}

func (keyless) SealKey(context.Context, peer.ID) (hpke.PublicKey, error) {
	return nil, signalling.ErrNoKey
}
func (keyless) OpenKeys() []hpke.PrivateKey { return nil }

// nowhere is a DHT without anybody.
type nowhere struct{}

func (nowhere) GetClosestPeers(context.Context, string) ([]peer.ID, error) {
	return nil, errors.New("there is no DHT")
}

// contactRequests has strangers ask to be contacts, each of them again and again.
func (w *world) contactRequests() (thrown, outcome string) {
	answers := new(tally)
	const times = 4
	inParallel(8, w.most.requests, func(i int) {
		if err := w.askToBeContact(fmt.Sprintf("stranger-%d", i), times, answers); err != nil {
			answers.add(err.Error())
		}
	})
	pending := w.node.metric("passeur_contacts", `state="pending"`)
	if pending > 100 {
		w.t.Errorf("%v requests wait", pending)
	}
	return fmt.Sprintf("%d requests of %d strangers", times*w.most.requests, w.most.requests),
		fmt.Sprintf("%s; %.0f wait for a word", answers, pending)
}

func (w *world) askToBeContact(name string, times int, answers *tally) error {
	key, _, err := crypto.GenerateEd25519Key(crand.Reader)
	if err != nil {
		return err
	}
	h, err := libp2p.New(libp2p.Identity(key), libp2p.NoListenAddrs, libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(libp2ptls.ID, libp2ptls.New), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		return err
	}
	defer h.Close()
	account, payload, err := introduction(h.ID(), name)
	if err != nil {
		return err
	}
	at := multiaddr.StringCast("/ip4/" + nodeAddr + "/tcp/" + nodePort)
	if err := h.Connect(w.t.Context(), peer.AddrInfo{ID: w.node.device, Addrs: []multiaddr.Multiaddr{at}}); err != nil {
		return errors.New("not connected")
	}
	s, err := signalling.New(signalling.Config{Host: h, Routing: nowhere{}, Keys: keyless{}, Key: key, Account: account})
	if err != nil {
		return err
	}
	defer s.Close()
	for range times {
		ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
		raw, err := s.Request(ctx, w.node.device, "contact", payload)
		cancel()
		var answer struct{ State string }
		switch {
		case err == nil && json.Unmarshal(raw, &answer) == nil:
			answers.add(answer.State)
		case errors.Is(err, signalling.ErrRefused):
			answers.add("refused")
		default:
			answers.add("unanswered")
		}
	}
	return nil
}

// introduction is what a contact request says.
func introduction(device peer.ID, name string) (conversation.Account, []byte, error) {
	key, err := conversation.NewAccountKey(crand.Reader)
	if err != nil {
		return conversation.Account{}, nil, err
	}
	record, err := directory.SignRecord(key, directory.Record{
		Seq: 1, Devices: []directory.Device{{ID: device, Name: name, Added: time.Now()}},
	})
	if err != nil {
		return conversation.Account{}, nil, err
	}
	payload, err := json.Marshal(map[string]any{"name": name, "record": record})
	return key.Account(), payload, err
}

// messagesForInboxes leaves messages of the greatest size in arbitrary inboxes, from all
// addresses.
func (w *world) messagesForInboxes() (thrown, outcome string) {
	crowd := w.crowd(w.most.addresses)
	defer closeAll(crowd)
	if len(crowd) == 0 {
		w.t.Error("nobody was let in")
		return
	}
	answers := new(tally)
	inParallel(32, w.most.messages, func(i int) { answers.add(w.put(crowd[i%len(crowd)])) })
	return fmt.Sprintf("%d messages of 16 KiB from %d addresses", w.most.messages, w.most.addresses),
		fmt.Sprintf("%s; %.0f are kept", answers, w.node.metric("passeur_inbox_queued_messages"))
}

// put leaves a message and gives the answer: the frame's type, and its code.
func (w *world) put(c *bare) string {
	s, err := c.open(w.t.Context(), signalling.InboxProtocol)
	if err != nil {
		return "not opened"
	}
	defer s.Reset()
	frame := make([]byte, 4+1+32+2+signalling.MaxMessage)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	for i := range frame[5:] {
		frame[5+i] = byte(rand.Uint32())
	}
	frame[4] = 2
	binary.BigEndian.PutUint16(frame[4+1+32:], uint16(signalling.MaxTTL/time.Second))
	if _, err := s.Write(frame); err != nil {
		return "reset"
	}
	var answer [6]byte
	if _, err := s.Read(answer[:]); err != nil {
		return "reset"
	}
	if answer[4] == 4 {
		return "taken"
	}
	return map[byte]string{3: "belong elsewhere", 4: "full", 5: "busy", 6: "too fast"}[answer[5]]
}

// connections makes connections as ever new devices, and keeps them.
func (w *world) connections() (thrown, outcome string) {
	crowd := w.crowd(w.most.conns)
	defer closeAll(crowd)
	online := w.node.metric("passeur_contacts_online")
	if online < float64(len(w.contacts)) {
		w.t.Errorf("only %.0f of %d contacts are connected still", online, len(w.contacts))
	}
	alive := 0
	for _, c := range crowd {
		if !c.IsClosed() {
			alive++
		}
	}
	return fmt.Sprintf("%d connections of as many devices, from %d addresses", w.most.conns, w.most.addresses),
		fmt.Sprintf("%d let in, %d still there at the end; %.0f contacts online", len(crowd), alive, online)
}

// dawdleAtTCP, dawdleAtICE and dawdleAtAPI begin to say something to a port, and never
// get to its end.
func (w *world) dawdleAtTCP() (thrown, outcome string) {
	return w.dawdle(port{addr: nodeAddr + ":" + nodePort, from: strangerAddr, beginning: "\x13/multistream/1.0.0\n\x0b/tls/1.0"})
}

func (w *world) dawdleAtICE() (thrown, outcome string) {
	return w.dawdle(port{addr: w.node.icePort(), from: strangerAddr, beginning: "\x01\x00\x00", most: 256})
}

// dawdleAtAPI looks whether who has the token is answered meanwhile.
func (w *world) dawdleAtAPI() (thrown, outcome string) {
	return w.dawdle(port{
		addr: httpAddr, beginning: "GET /v1/node HTTP/1.1\r\nHost: " + httpAddr + "\r\nX-A", most: 256 + 1, // the last one comes before the first one goes
		open: w.node.askOnTCP,
	})
}

package signalling

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/passeur-p2p/passeur/test/dialogue"
)

// dialogueMemory is what two nodes and one stream between them may allocate, their keys
// and the network in memory counted.
const dialogueMemory = 128 << 20

// bubbleStart is when a synctest bubble begins.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// FuzzDialogueOfClient plays who opens a stream to an inbox server, or to a device that
// it is connected to. It holds no more than its limits, and its Close leaves nothing.
func FuzzDialogueOfClient(f *testing.F) {
	sealed := readVectors(f, "sealed/request.txt")[0].hex(f, "sealed")
	client, server := idOfKey(f, senderKey), idOfKey(f, recipientKey)
	epoch := EpochAt(bubbleStart)
	f.Add(dialogue.Say(wire(put{InboxOf(server, epoch), time.Minute, sealed})), false)
	f.Add(dialogue.Say(wire(put{InboxOf(client, epoch), time.Minute, sealed})), false)
	f.Add(dialogue.Say(wire(subscribe{InboxOf(client, epoch)})), false)
	f.Add(dialogue.Say(wire(subscribe{InboxOf(server, epoch)})), false)
	f.Add(dialogue.Say(wire(message{sealed})), true)
	f.Fuzz(func(t *testing.T, script []byte, direct bool) {
		id := map[bool]protocol.ID{false: InboxProtocol, true: DirectProtocol}[direct]
		dialogue.InBubble(t, dialogueMemory, func(t *testing.T) {
			inSim(t, func(t *testing.T, s *sim) {
				server, client := s.nodeOf(recipientKey, true, nil), s.nodeOf(senderKey, false, nil)
				st, err := client.host.NewStream(t.Context(), server.host.ID(), id)
				if err != nil {
					t.Fatal(err)
				}
				dialogue.Play(st, script)
				if q := server.Status().Queued; q > 1 {
					t.Errorf("%d messages are kept of one", q)
				}
			})
		})
	})
}

// mostPlayed is how often a script is played to one who comes again: what it says, up to
// 8 MiB, counts as the device's memory.
const mostPlayed = 8

// FuzzDialogueOfServer plays an inbox server that a device subscribes to. The device
// takes no message that is not sealed to it, and its Close leaves nothing.
func FuzzDialogueOfServer(f *testing.F) {
	sealed := readVectors(f, "sealed/request.txt")[0].hex(f, "sealed")
	f.Add(dialogue.Say(wire(ok{}), wire(message{sealed}), wire(message{[]byte("x")})))
	f.Add(dialogue.Say(wire(codeElsewhere)))
	f.Add(dialogue.Say(wire(ok{}), wire(ok{1})))
	f.Fuzz(func(t *testing.T, script []byte) {
		dialogue.InBubble(t, dialogueMemory, func(t *testing.T) {
			inSim(t, func(t *testing.T, s *sim) {
				server := s.nodeOf(senderKey, false, nil)
				var players sync.WaitGroup
				var played atomic.Int64
				server.host.SetStreamHandler(InboxProtocol, func(st network.Stream) {
					if played.Add(1) > mostPlayed {
						st.Reset()
						return
					}
					players.Go(func() { dialogue.Play(st, script) })
				})
				s.announce(server)
				device := s.nodeOf(recipientKey, false, nil)
				device.Handle("ice", echo)
				pass(5 * time.Minute)
				device.Service.Close()
				players.Wait()
			})
		})
	})
}

func idOfKey(t testing.TB, key crypto.PrivKey) peer.ID {
	t.Helper()
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

package history

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/test/dialogue"
)

// dialogueMemory is what a session of some entries may allocate, the network in memory
// counted.
const dialogueMemory = 96 << 20

// FuzzDialogue plays the bytes of the other side of a session, in any pieces and with
// any silences: what [FuzzStream], which says whole messages, does not. The service
// holds little, and Close leaves nothing.
func FuzzDialogue(f *testing.F) {
	script := recordedSync(f)
	f.Add(script)
	f.Fuzz(func(t *testing.T, script []byte) {
		dialogue.InBubble(t, dialogueMemory, func(t *testing.T) {
			w := newWorld(t)
			victim := w.device("victim", newPerson(t, "victim"), func(c *Config) {
				c.Limits = Limits{Entries: 8, Bytes: 4096, Conversations: 8}
			})
			mallory := w.bare("mallory", newPerson(t, "mallory"))
			conv := mallory.first(t)
			victim.log.put(mallory.log.all(conv)...)
			w.connect(victim, mallory)
			dialogue.Play(mallory.speak(t, victim).Stream, script)
			for _, c := range victim.service.sessions() {
				wantLittle(t, c)
			}
			for _, e := range victim.log.all(conv) {
				if e.Conversation != conv {
					t.Errorf("an entry of %s is kept in %s", e.Conversation, conv)
				}
			}
		})
	})
}

// recordedSync is the script of a device that brings another level.
func recordedSync(f *testing.F) []byte {
	var r dialogue.Recorder
	w := newWorld(f)
	victim := w.device("victim", newPerson(f, "victim"), nil)
	author := w.device("mallory", newPerson(f, "mallory"), nil)
	author.wrap = func(s network.Stream) network.Stream { return r.Wrap(s) }
	conv := author.first(f)
	victim.log.put(author.log.all(conv)...)
	author.line(f, conv, 5)
	w.connect(author, victim)
	author.sync(f, victim)
	w.close()
	return r.Script()
}

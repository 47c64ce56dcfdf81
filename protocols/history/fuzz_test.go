package history

import (
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// script makes messages of a fuzzer's bytes: such as fit the victim's
// conversation, in any order, and frames of anything.
type script struct {
	rest    []byte
	conv    conversation.ID
	entries []*conversation.Entry
}

func (s *script) byte() byte {
	if len(s.rest) == 0 {
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b
}

func (s *script) bytes() []byte {
	n := min(int(s.byte()), len(s.rest))
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return b
}

func (s *script) id() conversation.ID {
	b := s.byte()
	if b < 200 {
		return s.entries[int(b)%len(s.entries)].ID
	}
	return idOf(string(b))
}

func (s *script) ids() []conversation.ID {
	ids := make([]conversation.ID, s.byte()%8)
	for i := range ids {
		ids[i] = s.id()
	}
	return ids
}

func (s *script) about() conversation.ID {
	if s.byte() > 250 {
		return idOf("elsewhere")
	}
	return s.conv
}

func (s *script) raw() conversation.Raw {
	raw := s.entries[int(s.byte())%len(s.entries)].Raw
	switch s.byte() {
	case 1:
		raw.Body = nil
	case 2:
		raw.Body = append([]byte(nil), s.bytes()...)
	case 3:
		raw.Header = append([]byte{1}, s.bytes()...)
	}
	return raw
}

// next gives the bytes of a message.
func (s *script) next() []byte {
	var m message
	switch s.byte() % 11 {
	case 0:
		m = hello{uint64(s.byte()), uint16(s.byte()) + 1, uint32(s.byte()) + 1, uint32(s.byte())}
	case 1:
		ids := s.ids()
		m = heads{s.about(), uint32(len(ids)) + uint32(s.byte()%2), digestOf(ids), ids}
	case 2:
		m = want{wantKind(s.byte() % 2), s.about(), s.ids(), s.ids(), s.id()}
	case 3:
		m = want{kind: wantBodies, conv: s.about(), ids: s.ids()}
	case 4, 5:
		m = entry{s.raw()}
	case 6:
		m = end{s.about(), s.byte()%2 == 1}
	case 7:
		m = fresh{s.about(), s.raw()}
	case 8:
		m = no{conv: s.about(), reason: reason(s.byte())}
	case 9:
		m = record{append([]byte{1}, s.bytes()...)}
	default:
		return s.bytes()
	}
	wire, _ := encode(m)
	return wire
}

// FuzzStream plays the other side against a service. Whatever it says, the
// service holds little, and Close leaves nothing.
func FuzzStream(f *testing.F) {
	w := newWorld(f)
	author := w.bare("author", newPerson(f, "author"))
	conv := author.first(f)
	author.line(f, conv, 5)
	entries := author.log.all(conv)
	f.Add([]byte{1, 1, 5, 0, 0, 4, 0, 0, 4, 1, 0, 4, 2, 0, 6, 0, 0})          // HEADS, ENTRYs, END
	f.Add([]byte{7, 0, 3, 0, 6, 0, 0, 7, 0, 0, 0, 7, 0, 1, 0, 7, 0, 2, 1})    // NEWs, an orphan first
	f.Add([]byte{2, 1, 0, 1, 5, 0, 0, 3, 0, 1, 2, 2, 0, 0, 0, 0, 0})          // WANTs
	f.Add([]byte{8, 0, 1, 8, 0, 2, 9, 3, 1, 2, 3, 10, 4, 200, 1, 2, 3, 0, 1}) // NO, RECORD, anything
	f.Add([]byte{1, 3, 1, 2, 3, 251, 1, 3, 1, 2, 3, 0, 1, 6, 0, 1, 6, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		before := runtime.NumGoroutine()
		w := newWorld(t)
		victim := w.device("victim", newPerson(t, "victim"), func(c *Config) {
			c.Limits = Limits{Entries: 8, Bytes: 4096, Conversations: 8}
		})
		mallory := w.bare("mallory", newPerson(t, "mallory"))
		victim.log.put(entries[:2]...)
		w.connect(victim, mallory)
		h := mallory.speak(t, victim)
		go io.Copy(io.Discard, h.Stream)
		h.say(hello{1, 8, 4096, 0})
		s := &script{data, conv, entries}
		for range 200 {
			if len(s.rest) == 0 || h.frames.out.WriteMsg(s.next()) != nil || h.frames.flush() != nil {
				break
			}
		}
		for _, c := range victim.service.sessions() {
			wantLittle(t, c)
		}
		w.close()
		for _, e := range victim.log.all(conv) {
			if e.Conversation != conv {
				t.Errorf("an entry of %s is kept in %s", e.Conversation, conv)
			}
		}
		for i := 0; runtime.NumGoroutine() > before; i++ { // yamux ends by itself
			if i > 3000 {
				t.Fatalf("%d goroutines are left", runtime.NumGoroutine()-before)
			}
			<-time.After(10 * time.Millisecond)
		}
	})
}

// wantLittle fails if a session holds more than its limits.
func wantLittle(t *testing.T, c *session) {
	l := c.service.cfg.Limits
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.talks) > l.Conversations || len(c.foreign) > l.Conversations || len(c.wants) > 2*l.Conversations ||
		len(c.queue) > len(c.talks) || len(c.later) > len(c.talks) || len(c.asked) > len(c.talks) {
		t.Errorf("%d talks, %d refusals, %d WANTs, %d in the queue, %d later, %d asked",
			len(c.talks), len(c.foreign), len(c.wants), len(c.queue), len(c.later), len(c.asked))
	}
	for _, talk := range c.talks {
		if p := talk.pull; len(p.heads) > maxIDs || len(p.putOff) > maxIDs || len(p.ids) > maxIDs || len(p.listed) > maxIDs {
			t.Errorf("%d heads, %d put off, %d asked for, %d listed", len(p.heads), len(p.putOff), len(p.ids), len(p.listed))
		}
	}
}

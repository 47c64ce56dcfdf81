package history

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/passeur-p2p/passeur/conversation"
)

// Here mallory speaks by hand, mostly badly, to the service of alice.

// victim makes alice with a service, and mallory with a log and none.
func victim(t *testing.T, change func(*Config)) (w *world, alice, mallory *device) {
	w = newWorld(t)
	alice = w.device("alice", newPerson(t, "alice"), change)
	mallory = w.bare("mallory", newPerson(t, "mallory"))
	w.connect(alice, mallory)
	return w, alice, mallory
}

// entries are those of a conversation of d as messages.
func (d *device) entries(conv conversation.ID) []message {
	var all []message
	for _, e := range d.log.all(conv) {
		all = append(all, entry{e.Raw})
	}
	return all
}

// announces says where d stands.
func (d *device) announces(conv conversation.ID) heads {
	ids, _ := d.log.Heads(conv)
	return heads{conv, uint32(len(ids)), digestOf(ids), ids[:min(len(ids), maxHeads)]}
}

// asked says HEADS and gives the WANT that comes of it.
func (h *hand) asked(d *device, conv conversation.ID) want {
	h.t.Helper()
	h.say(d.announces(conv))
	m := expect[want](h)
	if m.kind != wantHistory || m.conv != conv {
		h.t.Fatalf("%s", text(m))
	}
	return m
}

// wantCutOff fails unless alice has ended the stream for a breach, and does not
// speak with mallory for a minute.
func wantCutOff(t *testing.T, h *hand, alice, mallory *device) {
	t.Helper()
	h.wantReset(codeProtocol)
	e := alice.events.await(t, CutOff)
	if !errors.Is(e.Err, ErrProtocol) || e.Device != mallory.id || time.Until(e.Until) > time.Minute {
		t.Errorf("%+v", e)
	}
	mallory.speak(t, alice).wantReset(codeBackOff)
	if err := alice.trySync(t, mallory); !errors.Is(err, ErrBackOff) {
		t.Errorf("alice: %v", err)
	}
	settle(time.Minute)
	h = mallory.greeted(t, alice)
	h.Reset()
	settle(time.Second)
}

func TestAttack14ReplayTenTimes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, mallory := victim(t, nil)
		conv := mallory.first(t)
		mallory.line(t, conv, 3)
		h := mallory.greeted(t, alice)
		h.asked(mallory, conv)
		for range 10 { // duplicates in the answer
			h.say(mallory.entries(conv)...)
		}
		h.say(end{conv, false})
		for range 10 { // and behind it
			for _, e := range mallory.log.all(conv) {
				h.say(fresh{conv, e.Raw})
			}
			h.say(mallory.announces(conv))
			for expect[want](h).kind != wantNothing {
			}
		}
		settle(time.Second)
		wantSame(t, conv, alice, mallory)
		if n := alice.events.count(Received); n != 1 {
			t.Errorf("received %d times", n)
		}
	})
}

// Lies about ends and counts break nothing: at worst the liar is cut off.
func TestAttack14LiesAboutCounts(t *testing.T) {
	conv := idOf("some conversation")
	lies := map[string]func(*hand, *device) []message{
		"END out of turn":                 func(h *hand, m *device) []message { return []message{end{conv, false}} },
		"END of another conversation":     func(h *hand, m *device) []message { h.asked(m, m.first(t)); return []message{end{conv, false}} },
		"END that promises more for ever": func(h *hand, m *device) []message { c := m.first(t); h.asked(m, c); return []message{end{c, true}} },
		"an answer to HEADS never sent":   func(h *hand, m *device) []message { return []message{want{kind: wantNothing, conv: conv}} },
		"a second HELLO":                  func(h *hand, m *device) []message { return []message{hello{2, 1, 1, 0}} },
		"a second WANT before the first END": func(h *hand, m *device) []message {
			w := want{kind: wantHistory, conv: conv}
			all := make([]message, 100)
			for i := range all {
				all[i] = w
			}
			return all
		},
		"more entries than were asked for": func(h *hand, m *device) []message {
			c := m.first(t)
			h.asked(m, c)
			var all []message
			for range 513 {
				all = append(all, m.entries(c)...)
			}
			return all
		},
		"more bytes than were asked for": func(h *hand, m *device) []message {
			c := m.first(t)
			big := entry{m.write(t, c, string(bytes.Repeat([]byte("x"), 60_000))).Raw}
			h.asked(m, c)
			var all []message
			for range 1<<20/60_000 + 2 {
				all = append(all, big)
			}
			return all
		},
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, alice, mallory := victim(t, nil)
				h := mallory.greeted(t, alice)
				h.say(lie(h, mallory)...)
				wantCutOff(t, h, alice, mallory)
			})
		})
	}
}

// HEADS that name what their sender does not give are asked for once.
func TestAttack14HeadsThatDoNotExist(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, mallory := victim(t, nil)
		conv := mallory.first(t)
		h := mallory.greeted(t, alice)
		h.say(heads{conv, 1_000_000, digestOf(idsOf(3)), idsOf(maxHeads)})
		asked := 0
		for {
			m := expect[want](h)
			if m.kind == wantNothing {
				break
			}
			asked++
			if len(m.ids) > 0 {
				t.Errorf("asks for %d of a million", len(m.ids))
			}
			h.say(end{conv, false})
		}
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
		settle(time.Second)
	})
}

func TestAttack15EntryNotAskedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, mallory := victim(t, nil)
		conv := mallory.first(t)
		h := mallory.greeted(t, alice)
		h.say(mallory.entries(conv)...)
		wantCutOff(t, h, alice, mallory)
	})
}

func TestAttack15ChildBeforeParent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, mallory := victim(t, nil)
		conv := mallory.first(t)
		mallory.line(t, conv, 2)
		all := mallory.entries(conv)
		h := mallory.greeted(t, alice)
		h.asked(mallory, conv)
		h.say(all[0], all[2], all[1], end{conv, false})
		wantCutOff(t, h, alice, mallory)
		if n := len(alice.log.all(conv)); n != 1 {
			t.Errorf("%d entries are kept", n)
		}
	})
}

// Pushed entries whose parents never come cost 64 ids, and a question.
func TestAttack15ParentsThatNeverExist(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, mallory := victim(t, nil)
		conv := mallory.first(t)
		h := mallory.greeted(t, alice)
		for i := range 200 {
			h.say(fresh{conv, mallory.after(t, conv, "orphan", idOf(fmt.Sprint(i))).Raw})
		}
		settle(time.Second)
		c := alice.session(t, mallory)
		c.mu.Lock()
		p := c.talks[conv].pull
		if len(p.heads) > maxIDs || len(c.talks) != 1 || len(c.asked) != 1 {
			t.Errorf("%d heads, %d talks, %d questions", len(p.heads), len(c.talks), len(c.asked))
		}
		c.mu.Unlock()
		for range 2 { // for the first of them, for all there is
			expect[want](h)
			h.say(end{conv, false})
			settle(time.Second)
		}
		if n := len(alice.log.all(conv)); n != 0 {
			t.Errorf("%d entries are kept", n)
		}
	})
}

// session is the stream of d with another device.
func (d *device) session(t testing.TB, with *device) *session {
	t.Helper()
	d.service.mu.Lock()
	defer d.service.mu.Unlock()
	c := d.service.current[with.id]
	if c == nil {
		t.Fatalf("%s has no stream with %s", d.name, with.name)
	}
	return c
}

func randomIDs(r *rand.Rand, n int) []conversation.ID {
	ids := make([]conversation.ID, n)
	for i := range ids {
		for j := range ids[i] {
			ids[i][j] = byte(r.Uint32())
		}
	}
	return ids
}

// WANTs of random ids are answered with nothing, one after the other, and leave
// no trace.
func TestAttack15WantOfRandomIDs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, mallory := victim(t, nil)
		conv := alice.first(t)
		alice.line(t, conv, 10)
		h := mallory.greeted(t, alice)
		h.say(want{kind: wantNothing, conv: expect[heads](h).conv})
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 200 {
			kind := []wantKind{wantHistory, wantBodies}[i%2]
			about := conv
			if i%3 == 0 {
				about = randomIDs(r, 1)[0]
			}
			h.say(want{kind: kind, conv: about, ids: randomIDs(r, maxIDs), have: randomIDs(r, maxIDs), after: randomIDs(r, 1)[0]})
			if m := h.next().(end); m.conv != about || m.more {
				t.Fatalf("%s", text(m))
			}
		}
		c := alice.session(t, mallory)
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.talks) != 1 || len(c.wants) != 0 || len(c.wanted) != 0 || len(c.foreign) != 0 {
			t.Errorf("%d talks, %d and %d WANTs, %d refusals are kept", len(c.talks), len(c.wants), len(c.wanted), len(c.foreign))
		}
	})
}

// A fan of heads, a comb and a tree of merges arrive in answers of 16, though 64
// ids cannot say what is here.
func TestAttack16WideHistories(t *testing.T) {
	shapes := map[string]func(*testing.T, *device, conversation.ID){
		"fan of 200 heads": func(t *testing.T, d *device, conv conversation.ID) { d.fan(t, conv, 200, conv) },
		"comb, 100 wide": func(t *testing.T, d *device, conv conversation.ID) {
			spine := conv
			for i := range 100 {
				d.log.put(d.after(t, conv, fmt.Sprint("tooth ", i), spine))
				e := d.after(t, conv, fmt.Sprint("spine ", i), spine)
				d.log.put(e)
				spine = e.ID
			}
		},
		"tree of merges, 256 leaves": func(t *testing.T, d *device, conv conversation.ID) {
			level := d.fan(t, conv, 256, conv)
			for len(level) > 1 {
				var next []conversation.ID
				for i := 0; i < len(level); i += 16 {
					e := d.after(t, conv, fmt.Sprint("merge ", len(level), i), level[i:i+16]...)
					d.log.put(e)
					next = append(next, e.ID)
				}
				level = next
			}
		},
	}
	for name, build := range shapes {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				small := func(c *Config) { c.Limits = Limits{Entries: 16} }
				alice := w.device("alice", newPerson(t, "alice"), small)
				bob := w.device("bob", newPerson(t, "bob"), small)
				w.connect(alice, bob)
				conv := alice.first(t)
				build(t, alice, conv)
				bob.sync(t, alice)
				wantSame(t, conv, alice, bob)
				n := len(alice.log.all(conv))
				if alice.log.most > 16 || alice.log.served > n+16 {
					t.Errorf("%d entries: %d given, at most %d at a time", n, alice.log.served, alice.log.most)
				}
				// Nothing is given twice to one who has it.
				alice.log.served = 0
				bob.sync(t, alice)
				if alice.log.served > 0 {
					t.Errorf("%d entries given again", alice.log.served)
				}
			})
		})
	}
}

// fan makes n entries beside each other.
func (d *device) fan(t testing.TB, conv conversation.ID, n int, parents ...conversation.ID) []conversation.ID {
	t.Helper()
	var ids []conversation.ID
	for i := range n {
		e := d.after(t, conv, fmt.Sprint("leaf ", i), parents...)
		d.log.put(e)
		ids = append(ids, e.ID)
	}
	return ids
}

// More heads than one message holds are told by their digest.
func TestAttack16MoreHeadsThanAMessageHolds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, bob := pair(t)
		conv := alice.first(t)
		alice.log.set(func(l *memLog) { l.silent = true })
		alice.fan(t, conv, maxHeads+100, conv)
		bob.sync(t, alice)
		wantSame(t, conv, alice, bob)
		alice.log.served = 0
		bob.sync(t, alice)
		if alice.log.served > 0 {
			t.Errorf("%d entries given again", alice.log.served)
		}
		alice.write(t, conv, "one more")
		bob.sync(t, alice)
		wantSame(t, conv, alice, bob)
	})
}

// A body that is not the one that was signed: its giver is cut off, and the
// entry is had from somebody else.
func TestAttack20AnotherBody(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"other bytes": func(b []byte) []byte { b = bytes.Clone(b); b[len(b)-1] ^= 1; return b },
		"a byte more": func(b []byte) []byte { return append(bytes.Clone(b), 0) },
		"a byte less": func(b []byte) []byte { return b[:len(b)-1] },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w, alice, mallory := victim(t, nil)
				carol := w.device("carol", newPerson(t, "carol"), nil)
				w.connect(alice, carol)
				conv := carol.first(t)
				e := carol.write(t, conv, "a file")
				mallory.log.put(carol.log.all(conv)...)
				raw := e.Raw
				raw.Body = change(raw.Body)
				h := mallory.greeted(t, alice)
				h.asked(mallory, conv)
				h.say(mallory.entries(conv)[0], entry{raw}, end{conv, false})
				wantCutOff(t, h, alice, mallory)
				alice.sync(t, carol)
				wantSame(t, conv, alice, carol)
			})
		})
	}
}

// A body that is withheld for no reason: the header is taken, the body asked for
// elsewhere; also when there are more of them than an answer holds.
func TestAttack20BodyWithheld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, alice, mallory := victim(t, nil)
		carol := w.device("carol", newPerson(t, "carol"), func(c *Config) { c.Limits.Bytes = 4000 })
		conv := carol.first(t)
		for i := range 150 {
			carol.write(t, conv, fmt.Sprintf("%d %s", i, bytes.Repeat([]byte("x"), 100)))
		}
		mallory.log.put(carol.log.all(conv)...)
		h := mallory.greeted(t, alice)
		h.asked(mallory, conv)
		for _, e := range mallory.log.all(conv) {
			raw := e.Raw
			if e.Type == conversation.TypeText {
				raw.Body = nil
			}
			h.say(entry{raw})
		}
		h.say(end{conv, false})
		for { // mallory is asked for them once, and has none
			m := expect[want](h)
			if m.kind == wantNothing {
				break
			}
			h.say(end{conv, false})
		}
		if n := len(alice.texts(conv)); n != 0 {
			t.Fatalf("%d texts", n)
		}
		w.connect(alice, carol)
		alice.sync(t, carol)
		wantSame(t, conv, alice, carol)
	})
}

// answers gives what the service says to a message, until it has nothing more
// to say, with the conversation taken out.
func (h *hand) answers(about conversation.ID, m ...message) []string {
	h.t.Helper()
	h.say(m...)
	h.say(want{kind: wantHistory, conv: idOf("the end of the answers")})
	var all []string
	for {
		m := h.next()
		if e, ok := m.(end); ok && e.conv == idOf("the end of the answers") {
			return all[:len(all)-1] // the NO before it
		}
		wire, err := encode(m)
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, string(bytes.ReplaceAll(wire, about[:], []byte("it"))))
	}
}

// A conversation that one may not read and one that is not here get the same
// answers, bit by bit, whatever is asked.
func TestAttack21UnknownAndForbiddenLookAlike(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var shared conversation.ID
		_, alice, mallory := victim(t, func(c *Config) {
			mine := func(_ peer.ID, conv conversation.ID) bool { return conv == shared }
			c.Shared = func(peer.ID) []conversation.ID { return []conversation.ID{shared} }
			c.Reads, c.Accepts = mine, mine
		})
		secret := alice.first(t)
		alice.line(t, secret, 3)
		shared = alice.first(t)
		head := alice.write(t, secret, "secret")
		h := mallory.greeted(t, alice)
		if m := expect[heads](h); m.conv != shared {
			t.Fatalf("told of %s", m.conv)
		}
		for name, ask := range map[string]func(conversation.ID) []message{
			"WANT of the heads": func(c conversation.ID) []message { return []message{want{kind: wantHistory, conv: c}} },
			"WANT of an entry": func(c conversation.ID) []message {
				return []message{want{kind: wantHistory, conv: c, ids: []conversation.ID{head.ID}}}
			},
			"WANT of a body": func(c conversation.ID) []message {
				return []message{want{kind: wantBodies, conv: c, ids: []conversation.ID{head.ID}}}
			},
			"HEADS that are true": func(c conversation.ID) []message {
				return []message{heads{c, 1, digestOf([]conversation.ID{head.ID}), []conversation.ID{head.ID}}}
			},
			"HEADS that are not": func(c conversation.ID) []message { return []message{heads{c, 5, [32]byte{}, idsOf(2)}} },
			"NEW":                func(c conversation.ID) []message { return []message{fresh{c, head.Raw}} },
		} {
			forbidden, unknown := h.answers(secret, ask(secret)...), h.answers(idOf("nowhere"), ask(idOf("nowhere"))...)
			if fmt.Sprintf("%x", forbidden) != fmt.Sprintf("%x", unknown) || len(forbidden) == 0 {
				t.Errorf("%s: %x is answered to one, %x to the other", name, forbidden, unknown)
			}
		}
		alice.write(t, secret, "later")
		settle(time.Second)
		if got := h.answers(shared); len(got) > 0 {
			t.Errorf("told %x", got)
		}
	})
}

// A stranger's stream is reset before a word is said.
func TestAttack21StrangerIsNotSpokenWith(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, mallory := victim(t, func(c *Config) {
			c.SourceOf = func(peer.ID) (Source, bool) { return Source{}, false }
		})
		h := mallory.speak(t, alice)
		h.say(hello{1, 1, 1, 0})
		h.wantReset(codeRefused)
		if err := alice.trySync(t, mallory); !errors.Is(err, ErrRefused) {
			t.Errorf("alice: %v", err)
		}
	})
}

// Conversations that are not shared, by the thousand, end the stream when their
// refusals are not read.
func TestAttack21ProbingIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, alice, mallory := victim(t, func(c *Config) {
			c.Limits.Conversations = 100
			c.Accepts = func(peer.ID, conversation.ID) bool { return false }
		})
		h := mallory.greeted(t, alice)
		for i := range 100_000 {
			m := heads{conv: idOf(fmt.Sprint(i))}
			if h.frames.write(m) != nil || h.frames.flush() != nil {
				break
			}
		}
		wantCutOff(t, h, alice, mallory)
	})
}

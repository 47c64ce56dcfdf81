package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

const (
	simStepsEnv = "PASSEUR_SIM_STEPS" // of each seed; 100 if not set
	simSeedsEnv = "PASSEUR_SIM_SEEDS" // separated by commas; 1 if not set
	simFailures = "testdata/sim.txt"  // a seed and a number of steps, a line
)

// TestSimulation lets honest and hostile devices do as they like, then connects
// all, and demands that all who may read have the same. A run that fails is
// added to testdata/sim.txt.
func TestSimulation(t *testing.T) {
	steps, seeds := simSize(t)
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Logf("seed %d, %d steps", seed, steps)
			defer func() { // a bubble that fails does not return
				if t.Failed() {
					keepFailure(t, seed, steps)
				}
			}()
			simulate(t, seed, steps)
		})
	}
}

// TestSimulationsThatFailed runs again what once failed.
func TestSimulationsThatFailed(t *testing.T) {
	f, err := os.Open(simFailures)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var seed uint64
		var steps int
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		if _, err := fmt.Sscan(lines.Text(), &seed, &steps); err != nil {
			t.Fatalf("%s: %q: %v", simFailures, lines.Text(), err)
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { simulate(t, seed, steps) })
	}
}

func simSize(t *testing.T) (steps int, seeds []uint64) {
	steps, seeds = 100, []uint64{1}
	if text := os.Getenv(simStepsEnv); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s: %v", simStepsEnv, err)
		}
		steps = n
	}
	if text := os.Getenv(simSeedsEnv); text != "" {
		seeds = nil
		for part := range strings.SplitSeq(text, ",") {
			seed, err := strconv.ParseUint(part, 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", simSeedsEnv, err)
			}
			seeds = append(seeds, seed)
		}
	}
	return steps, seeds
}

func keepFailure(t *testing.T, seed uint64, steps int) {
	f, err := os.OpenFile(simFailures, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Log(err)
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "%d %d\n", seed, steps)
}

func simulate(t *testing.T, seed uint64, steps int) {
	cryptotest.SetGlobalRandom(t, seed)
	bubble(t, func(t *testing.T) {
		s := newSim(t, seed)
		defer s.end()
		s.begin()
		for i := range steps {
			s.step()
			settle(time.Duration(s.r.IntN(3000)) * time.Millisecond)
			if i%1000 == 999 {
				s.reconcile()
				s.begin() // who is banned for good, or left, is in again
			}
			if t.Failed() {
				t.Logf("in step %d of seed %d", i, seed)
				return
			}
		}
		s.reconcile()
	})
}

// begin makes two new conversations of everybody, the hostile account among
// them.
func (s *sim) begin() {
	s.convs = nil
	for range 2 {
		first := s.honest[0]
		c, err := first.store.Create(s.t.Context(), first.author(), conversation.Group, conversation.Account{}, "sim")
		if err != nil {
			s.t.Fatal(err)
		}
		s.convs = append(s.convs, c.ID)
		s.note(first, c.ID, c.ID)
		for _, p := range s.persons() {
			if p != first.person {
				s.act(first, c.ID, conversation.Invite, p)
			}
		}
	}
}

func (s *sim) persons() []*person {
	all := []*person{s.evil}
	for _, d := range s.honest {
		if !slices.Contains(all, d.person) {
			all = append(all, d.person)
		}
	}
	return all
}

// note keeps what Append has acknowledged.
func (s *sim) note(d *simDevice, conv, id conversation.ID) {
	d.acks[conv] = append(d.acks[conv], id)
	e, err := d.store.Entry(conv, id)
	if err != nil {
		s.t.Errorf("%s has lost %s, which it just wrote: %v", d.name, id, err)
		return
	}
	s.entries[conv] = append(s.entries[conv], e)
}

// write appends to a conversation, if the rules allow it.
func (s *sim) write(d *simDevice, conv conversation.ID, mediaType string, content []byte) {
	e, err := d.store.Append(s.t.Context(), conv, d.author(), mediaType, content)
	switch {
	case err == nil:
		s.note(d, conv, e.ID)
	case !errors.Is(err, logstore.ErrNotAllowed) && !errors.Is(err, logstore.ErrUnknownConversation):
		s.t.Errorf("%s: %v", d.name, err)
	}
}

func (s *sim) act(d *simDevice, conv conversation.ID, a conversation.Action, target *person) {
	account := conversation.Account{}
	if target != nil {
		account = target.account.Account()
	}
	s.write(d, conv, conversation.TypeMember, conversation.MemberContent(a, account))
}

// simEvents are what may happen, how often, and who does it: a device whose
// account is that in the conversation, as far as it knows; else any.
var simEvents = []struct {
	weight int
	who    []membership.Status
	event  func(*sim, *simDevice, conversation.ID)
}{
	{60, in, func(s *sim, d *simDevice, c conversation.ID) { s.say(d, c) }},
	{25, nil, func(s *sim, d *simDevice, _ conversation.ID) { s.bind(d, s.anyDevice()) }},
	{12, nil, func(s *sim, d *simDevice, _ conversation.ID) { s.partAny(d) }},
	{8, nil, func(s *sim, d *simDevice, _ conversation.ID) { s.cutAny(d) }},
	{15, []membership.Status{membership.Invited}, func(s *sim, d *simDevice, c conversation.ID) { s.act(d, c, conversation.Join, nil) }},
	{12, chiefs, func(s *sim, d *simDevice, c conversation.ID) { s.act(d, c, conversation.Invite, s.anyPerson()) }},
	{1, []membership.Status{membership.Member, membership.Admin}, func(s *sim, d *simDevice, c conversation.ID) { s.act(d, c, conversation.Leave, nil) }},
	{2, chiefs, func(s *sim, d *simDevice, c conversation.ID) { s.act(d, c, conversation.Remove, s.anyPerson()) }},
	{2, chiefs, func(s *sim, d *simDevice, c conversation.ID) { s.act(d, c, conversation.Ban, s.anyPerson()) }},
	{6, chiefs, func(s *sim, d *simDevice, c conversation.ID) { s.act(d, c, conversation.Unban, s.anyPerson()) }},
	{5, chiefs, func(s *sim, d *simDevice, c conversation.ID) { s.act(d, c, conversation.Promote, s.anyPerson()) }},
	{2, chiefs, func(s *sim, d *simDevice, c conversation.ID) { s.act(d, c, conversation.Demote, s.anyPerson()) }},
	{1, chiefs, func(s *sim, d *simDevice, c conversation.ID) { s.banBefore(d, c) }},
	{3, nil, func(s *sim, d *simDevice, _ conversation.ID) { d.crash() }},
	{1, nil, func(s *sim, d *simDevice, c conversation.ID) { s.revoke(d) }},
	{25, nil, func(s *sim, d *simDevice, c conversation.ID) { s.attack(d, c) }},
}

var (
	in     = []membership.Status{membership.Member, membership.Admin, membership.Owner}
	chiefs = []membership.Status{membership.Admin, membership.Owner}
)

func (s *sim) step() {
	total := 0
	for _, e := range simEvents {
		total += e.weight
	}
	draw := s.r.IntN(total)
	for _, e := range simEvents {
		if draw -= e.weight; draw < 0 {
			conv := s.convs[s.r.IntN(len(s.convs))]
			e.event(s, s.pick(conv, e.who), conv)
			return
		}
	}
}

// pick draws a device of that status.
func (s *sim) pick(conv conversation.ID, who []membership.Status) *simDevice {
	d := s.anyDevice()
	for range 10 {
		status, err := d.store.Status(conv, d.person.account.Account())
		if err == nil && (who == nil || slices.Contains(who, status)) {
			break
		}
		d = s.anyDevice()
	}
	return d
}

func (s *sim) anyDevice() *simDevice { return s.honest[s.r.IntN(len(s.honest))] }

func (s *sim) anyPerson() *person {
	all := s.persons()
	return all[s.r.IntN(len(all))]
}

// say writes a text or two, or changes or deletes an old one.
func (s *sim) say(d *simDevice, conv conversation.ID) {
	text := conversation.Text{Text: fmt.Sprintf("%s %d", d.name, s.r.IntN(1000))}
	if own := d.acks[conv]; len(own) > 0 && s.r.IntN(5) == 0 {
		text.Edit = own[s.r.IntN(len(own))]
		text.Deleted = s.r.IntN(2) == 0
		if text.Deleted {
			text.Text = ""
		}
	}
	content := text.Content()
	for range 1 + s.r.IntN(4)/3 {
		s.write(d, conv, conversation.TypeText, content)
	}
}

func (s *sim) partAny(d *simDevice) {
	for _, bond := range s.bondsOf(d) {
		if s.r.IntN(2) == 0 {
			s.unbind(bond)
		}
	}
}

// bondsOf lists them in an order that the seed decides.
func (s *sim) bondsOf(d *simDevice) [][2]*simDevice {
	var all [][2]*simDevice
	for _, a := range s.honest {
		for _, b := range s.honest {
			if _, ok := s.bonds[[2]*simDevice{a, b}]; ok && (a == d || b == d) {
				all = append(all, [2]*simDevice{a, b})
			}
		}
	}
	return all
}

// cutAny resets a stream, the connection stays.
func (s *sim) cutAny(d *simDevice) {
	all := d.service.sessions()
	if len(all) == 0 {
		return
	}
	slices.SortFunc(all, func(a, b *session) int { return strings.Compare(string(a.device), string(b.device)) })
	all[s.r.IntN(len(all))].stream.Reset()
}

// banBefore bans somebody from an old entry on.
func (s *sim) banBefore(d *simDevice, conv conversation.ID) {
	old := s.someEntries(d, conv, 1)
	if len(old) == 0 {
		return
	}
	target := s.anyPerson().account.Account()
	e, err := d.store.AppendAfter(s.t.Context(), conv, d.author(), conversation.TypeMember,
		conversation.MemberContent(conversation.Ban, target), []conversation.ID{old[0].ID})
	if err == nil {
		s.note(d, conv, e.ID)
	}
}

// revoke ends a sibling of d, in all conversations.
func (s *sim) revoke(d *simDevice) {
	for _, other := range s.honest {
		if other == d || other.person != d.person || d.revoked || other.revoked {
			continue
		}
		other.revoked = true
		for _, conv := range s.convs {
			e, err := d.store.Revoke(s.t.Context(), conv, d.person.account, d.author(), other.id)
			switch {
			case err == nil:
				s.note(d, conv, e.ID)
			case !errors.Is(err, logstore.ErrNotAllowed) && !errors.Is(err, logstore.ErrUnknownConversation):
				s.t.Error(err)
			}
		}
		if len(s.honest) < 16 {
			s.add(fmt.Sprint(d.name, "+", len(s.honest)), d.person)
		}
		return
	}
}

// someEntries draws up to n entries that d has, of all that were ever made.
func (s *sim) someEntries(d *simDevice, conv conversation.ID, n int) []*conversation.Entry {
	all := s.entries[conv]
	var some []*conversation.Entry
	for range 4 * n {
		if len(all) == 0 || len(some) == n {
			break
		}
		e := all[s.r.IntN(len(all))]
		if s.r.IntN(2) == 0 {
			e = all[len(all)-1-s.r.IntN(min(len(all), 10))]
		}
		known, err := d.store.Known(conv, []conversation.ID{e.ID})
		if err == nil && len(known) == 1 && !slices.Contains(some, e) {
			some = append(some, e)
		}
	}
	return some
}

// attack lets a new device of the hostile account push something to d: old or
// odd parents, acts of a rank it has not, forgeries, replays, equivocations,
// times to come.
func (s *sim) attack(d *simDevice, conv conversation.ID) {
	parents := s.someEntries(d, conv, 1+s.r.IntN(3))
	if len(parents) == 0 {
		return
	}
	devil := s.bare(fmt.Sprint("devil ", len(s.devils)), s.evil)
	s.devils = append(s.devils, devil)
	s.owns(s.evil, devil.id)
	draft := conversation.Draft{
		Conversation: conv, Account: s.evil.account.Account(), Certificate: &devil.cert,
		Type: conversation.TypeText, Content: []byte("ha"),
	}
	for _, p := range parents {
		draft.Parents = append(draft.Parents, p.ID)
		if p.Time.After(draft.Time) {
			draft.Time = p.Time
		}
	}
	draft.Time = draft.Time.Add([]time.Duration{0, 0, 0, time.Hour, -time.Hour, 60 * time.Hour}[s.r.IntN(6)])
	if s.r.IntN(2) == 0 {
		actions := []conversation.Action{conversation.Join, conversation.Join, conversation.Join, conversation.Leave, conversation.Invite,
			conversation.Remove, conversation.Ban, conversation.Unban, conversation.Promote, conversation.Demote}
		action := actions[s.r.IntN(len(actions))]
		target := s.anyPerson().account.Account()
		if action == conversation.Join || action == conversation.Leave {
			target = conversation.Account{}
		}
		draft.Type, draft.Content = conversation.TypeMember, conversation.MemberContent(action, target)
	}
	var raws []conversation.Raw
	for range 1 + s.r.IntN(3)/2 { // twice: they equivocate, by their salts
		e, err := draft.Sign(devil.key)
		if err != nil {
			return // not even well-formed
		}
		s.entries[conv] = append(s.entries[conv], e)
		raws = append(raws, e.Raw)
	}
	switch s.r.IntN(8) {
	case 0: // forged
		forged := raws[0]
		forged.Signature = slices.Clone(forged.Signature)
		forged.Signature[s.r.IntN(len(forged.Signature))] ^= 1
		raws = append(raws, forged)
	case 1: // replayed
		raws = append(raws, raws...)
		raws = append(raws, parents[0].Raw)
	case 2: // withheld
		raws[0].Body = nil
	}
	s.push(devil, d, conv, raws)
}

// push says NEW by hand, and nothing else.
func (s *sim) push(devil *device, d *simDevice, conv conversation.ID, raws []conversation.Raw) {
	one, two := s.slowPipe()
	s.join(devil, d.device, one, two)
	s.keepers.Go(func() {
		defer s.part(devil, d.device)
		stream, err := devil.NewStream(s.t.Context(), d.id)
		if err != nil {
			return
		}
		f := newFrames(stream)
		f.write(hello{uint64(time.Now().UnixNano()), 512, 1 << 20, 0})
		for _, raw := range raws {
			f.write(fresh{conv, raw})
		}
		if f.flush() != nil {
			return
		}
		stream.SetReadDeadline(time.Now().Add(5 * time.Second))
		for err == nil {
			_, err = f.read()
		}
		stream.Reset()
	})
}

// reconcile connects everybody, waits, and compares.
func (s *sim) reconcile() {
	for i, a := range s.honest {
		for _, b := range s.honest[:i] {
			s.bind(a, b)
		}
	}
	settle(20 * time.Minute) // longer than anything is put off
	s.mu.Lock()
	for _, c := range s.cutOffs {
		s.t.Errorf("an honest device is cut off: %s", c)
	}
	s.mu.Unlock()
	for _, conv := range s.convs {
		s.compare(conv)
	}
	for _, d := range s.honest {
		d.wantAcks()
	}
}

// wantAcks fails if anything that was acknowledged is gone.
func (d *simDevice) wantAcks() {
	for conv, ids := range d.acks {
		known, err := d.store.Known(conv, ids)
		if err != nil || len(known) != len(ids) {
			d.sim.t.Errorf("%s has %d of %d entries that it acknowledged (%v)", d.name, len(known), len(ids), err)
		}
		findings, err := d.store.Check(d.sim.t.Context(), conv)
		if err != nil || len(findings) > 0 {
			d.sim.t.Errorf("%s: %q, %v", d.name, findings, err)
		}
	}
}

// compare holds against each other all who let each other read a conversation.
// Who is out, as one side sees it, may lag behind.
func (s *sim) compare(conv conversation.ID) {
	pictures := make(map[*simDevice]string)
	for _, d := range s.honest {
		pictures[d] = d.picture(conv)
	}
	pairs := 0
	for i, a := range s.honest {
		for _, b := range s.honest[:i] {
			if !a.reads(b.id, conv) || !b.reads(a.id, conv) {
				continue
			}
			pairs++
			if pictures[a] != pictures[b] {
				s.t.Errorf("%s and %s differ about %s:\n%s\n%s\n%s\n%s", a.name, b.name, conv,
					difference(pictures[a], pictures[b]), difference(pictures[b], pictures[a]), a.relation(b, conv), b.relation(a, conv))
			}
		}
	}
	s.t.Logf("%s: %d entries were made; %d of %d pairs let each other read", conv, len(s.entries[conv]), pairs, len(s.honest)*(len(s.honest)-1)/2)
}

// picture is all that must be the same: heads, members, what is shown in its
// order, and that no body lacks.
func (d *simDevice) picture(conv conversation.ID) string {
	var b strings.Builder
	heads, err := d.store.Heads(conv)
	slices.SortFunc(heads, conversation.ID.Compare)
	fmt.Fprintf(&b, "heads %s %v\n", heads, err)
	lacking, err := d.store.Lacking(conv, conversation.ID{}, 10)
	fmt.Fprintf(&b, "lacks %s %v\n", lacking, err)
	members, err := d.store.Members(conv)
	for _, m := range members {
		fmt.Fprintf(&b, "member %s %s\n", m.Account, m.Status)
	}
	page, err2 := d.store.Messages(conv, logstore.Page{Limit: 500})
	for _, m := range page {
		fmt.Fprintf(&b, "shown %s %s %v\n", m.Entry.ID, m.Entry.Type, m.Deleted)
	}
	fmt.Fprintln(&b, err, err2)
	return b.String()
}

// relation tells how d stands to another device, for people who look for a
// mistake.
func (d *simDevice) relation(other *simDevice, conv conversation.ID) string {
	theirs, err := other.store.Heads(conv)
	known, err2 := d.store.Known(conv, theirs)
	ctx, cancel := context.WithTimeout(d.sim.t.Context(), time.Minute)
	defer cancel()
	err3 := d.service.Sync(ctx, other.id)
	d.sim.mu.Lock()
	defer d.sim.mu.Unlock()
	return fmt.Sprintf("%s knows %d of %d heads of %s (%v, %v); lets it read: %v; sync: %v; events: %v", d.name, len(known), len(theirs),
		other.name, err, err2, d.reads(other.id, conv), err3, d.troubles[max(0, len(d.troubles)-5):])
}

// difference gives the lines of a that are not in b.
func difference(a, b string) string {
	var only []string
	for line := range strings.SplitSeq(a, "\n") {
		if !strings.Contains(b, line) {
			only = append(only, line)
		}
	}
	return strings.Join(only[:min(len(only), 5)], "\n")
}

package signalling

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

func TestBuckets(t *testing.T) {
	b, now := newBuckets[string](2, 4, 8), epochStart
	take := func(key string, n int) (allowed int) {
		for range n {
			if b.take(key, now) {
				allowed++
			}
		}
		return allowed
	}
	if got := take("a", 10); got != 4 {
		t.Errorf("at once: %d", got)
	}
	now = now.Add(time.Second)
	if got := take("a", 10); got != 2 {
		t.Errorf("after a second: %d", got)
	}
	if got := take("b", 1); got != 1 {
		t.Errorf("another key: %d", got)
	}
	now = now.Add(-time.Hour) // a clock set back takes nothing away and gives nothing
	if got := take("a", 1); got != 0 {
		t.Errorf("after the clock was set back: %d", got)
	}
	for i := range 100 {
		take(fmt.Sprint(i), 1)
	}
	if len(b.m) > 8 {
		t.Errorf("%d buckets", len(b.m))
	}
}

func TestBucketsKeepTheEmptyOnes(t *testing.T) {
	b, now := newBuckets[int](1, 4, 4), epochStart
	for range 4 {
		b.take(0, now)
	}
	for i := range 3 {
		b.take(1+i, now)
	}
	now = now.Add(2 * time.Second) // 1 to 3 are full again, 0 is half full
	b.take(9, now)
	if _, kept := b.m[0]; !kept || len(b.m) != 2 {
		t.Errorf("kept %v", b.m)
	}
}

func TestPace(t *testing.T) {
	p, now := pace{least: time.Second, most: 8 * time.Second}, epochStart
	var waits []time.Duration
	for range 6 {
		d := p.wait(now)
		waits = append(waits, d)
		now = now.Add(d)
	}
	s := time.Second
	if !slices.Equal(waits, []time.Duration{0, 2 * s, 4 * s, 8 * s, 8 * s, 8 * s}) {
		t.Errorf("while they keep coming: %v", waits)
	}
	now = now.Add(time.Minute)
	if d := p.wait(now); d != 0 {
		t.Errorf("after a quiet minute: %v", d)
	}
}

func TestBackOff(t *testing.T) {
	for n, want := range []time.Duration{1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 8 * time.Second, 5: 8 * time.Second, 99: 8 * time.Second} {
		for range 50 {
			if d := backOff(n, time.Second, 8*time.Second); n > 0 && want > 0 && (d < want*4/5 || d > want*6/5+1) {
				t.Errorf("pause %d is %v", n, d)
			}
		}
	}
}

func TestFirstWilling(t *testing.T) {
	candidates := make([]peer.ID, 20)
	for i := range candidates {
		candidates[i] = peer.ID(fmt.Sprintf("%02d", i))
	}
	dead := func(n int) func(peer.ID) bool {
		return func(p peer.ID) bool { return p >= peer.ID(fmt.Sprintf("%02d", n)) }
	}
	for name, c := range map[string]struct {
		candidates []peer.ID
		try        func(peer.ID) bool
		want       []peer.ID
	}{
		"all":      {candidates, dead(0), candidates[:8]},
		"few":      {candidates[:3], dead(0), candidates[:3]},
		"four out": {candidates, dead(4), candidates[4:12]},
		"nobody":   {candidates, dead(99), nil},
		"none":     {nil, dead(0), nil},
	} {
		if got := firstWilling(t.Context(), c.candidates, 8, c.try); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := firstWilling(ctx, candidates, 8, dead(0)); got != nil {
		t.Errorf("after the end: %v", got)
	}
}

func TestSourceOf(t *testing.T) {
	for addr, want := range map[string]string{
		"/ip4/192.0.2.7/tcp/4001":                "192.0.2.7",
		"/ip4/192.0.2.7/tcp/4001/ws":             "192.0.2.7",
		"/ip6/2001:db8:1:2:3:4:5:6/tcp/1":        "2001:db8:1:2::/64",
		"/ip6/2001:db8:1:2:ffff::/tcp/1":         "2001:db8:1:2::/64",
		"/ip6/::ffff:192.0.2.7/tcp/1":            "192.0.2.7",
		"/dns4/example.org/tcp/1":                peer.ID("p").String(),
		"/ip4/192.0.2.7/tcp/1/p2p-circuit":       "192.0.2.7",
		"/ip6zone/eth0/ip6/fe80::1:2:3/tcp/4001": "fe80::/64",
		"/ip4/127.0.0.1/udp/1/quic-v1/webtransport/certhash/uEiAkH5a4DPGKUuOBjYw0CgwjLa2R_RF71v86aVxlqdKNOQ": "127.0.0.1",
	} {
		a, err := ma.NewMultiaddr(addr)
		if err != nil {
			t.Fatal(addr, err)
		}
		if got := sourceOfAddr(a, "p"); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if got := sourceOfAddr(nil, "p"); got != peer.ID("p").String() {
		t.Errorf("no address: %s", got)
	}
}

func TestOwnership(t *testing.T) {
	device, other := peer.ID("device"), peer.ID("other")
	today := EpochAt(epochStart)
	for e := today - 3; e <= today+3; e++ {
		want := e >= today-1 && e <= today+1
		if owns(device, InboxOf(device, e), epochStart) != want {
			t.Errorf("day %+d: want %v", e-today, want)
		}
		if owns(other, InboxOf(device, e), epochStart) {
			t.Errorf("day %+d: another's", e-today)
		}
	}
}

func TestMemory(t *testing.T) {
	m := newMemory(4, 2)
	now := epochStart
	hash := func(i int) [32]byte { return [32]byte{byte(i)} }
	begin := func(from string, id, copy int) (*session, bool, error) {
		return m.begin(peer.ID(from), Session{byte(id)}, "ice", hash(copy), now.Add(time.Minute))
	}
	x, fresh, err := begin("a", 1, 1)
	if !fresh || err != nil || m.seen(hash(1)) != x {
		t.Fatalf("new: %v, %v", fresh, err)
	}
	again, fresh, err := begin("a", 1, 2)
	if again != x || fresh || err != nil || m.seen(hash(2)) != x {
		t.Fatalf("sealed anew: %v, %v", fresh, err)
	}
	for i := 3; i <= maxCopies; i++ {
		begin("a", 1, i)
	}
	if _, _, err := begin("a", 1, 50); !errors.Is(err, errCopies) {
		t.Errorf("too many copies: %v", err)
	}
	if y, fresh, _ := begin("b", 1, 60); !fresh || y == x {
		t.Error("the same session id of another device is another session")
	}
	begin("a", 2, 61)
	if _, _, err := begin("a", 3, 62); !errors.Is(err, errMemory) {
		t.Errorf("over one device's share: %v", err)
	}
	begin("c", 1, 63)
	if _, _, err := begin("d", 1, 64); !errors.Is(err, errMemory) {
		t.Errorf("full of unfinished sessions: %v", err)
	}
	m.finish(x, []byte("answer"))
	if _, fresh, err := begin("d", 1, 64); !fresh || err != nil || m.seen(hash(1)) != nil {
		t.Errorf("the oldest finished one gives way: %v, %v", fresh, err)
	}
	m.sweep(now.Add(2 * time.Minute))
	if len(m.sessions) != 0 || len(m.copies) != 0 || len(m.ofOne) != 0 || m.heeded != 0 {
		t.Errorf("left behind: %d %d %d %d", len(m.sessions), len(m.copies), len(m.ofOne), m.heeded)
	}
}

func TestMemorySilenced(t *testing.T) {
	m := newMemory(4, 2)
	for i := range maxSilenced + 10 {
		hash := [32]byte{byte(i), byte(i >> 8), 1}
		x, fresh, err := m.begin(peer.ID(fmt.Sprint(i)), Session{}, "ice", hash, epochStart)
		if !fresh || err != nil {
			t.Fatal(i, fresh, err)
		}
		m.silence(x)
		if m.seen(hash) != x || x.answer != nil {
			t.Fatal("a silenced request is remembered, without an answer")
		}
	}
	if len(m.sessions) != maxSilenced || len(m.silenced) != maxSilenced || m.heeded != 0 {
		t.Errorf("remembers %d, %d", len(m.sessions), m.heeded)
	}
	m.sweep(epochStart.Add(time.Second))
	if len(m.sessions) != 0 || len(m.silenced) != 0 || len(m.copies) != 0 {
		t.Errorf("left behind: %d", len(m.sessions))
	}
}

func TestSlots(t *testing.T) {
	l, err := Limits{Handlers: 16}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s := newSlots(l)
	s.admit("friend", "ice")
	var releases []func()
	take := func(p peer.ID, kind string) bool {
		release := s.acquire(p, kind)
		if release != nil {
			releases = append(releases, release)
		}
		return release != nil
	}
	for i := range 20 {
		if got := take(peer.ID(fmt.Sprint(i)), "ice"); got != (i < 8) {
			t.Errorf("stranger %d: %v", i, got)
		}
	}
	if take("friend", "contact") {
		t.Error("admitted with another kind only")
	}
	for i := range 3 {
		if got := take("friend", "ice"); got != (i < 2) {
			t.Errorf("slot %d of a friend, who gets an eighth of 16, strangers or not: %v", i, got)
		}
	}
	for _, release := range releases {
		release()
	}
	if s.used != 0 || s.strangers != 0 || len(s.ofOne) != 0 {
		t.Errorf("left behind: %d %d %d", s.used, s.strangers, len(s.ofOne))
	}
	for i := range 3 * maxAdmitted {
		s.admit(peer.ID(fmt.Sprint(i)), "ice")
	}
	if len(s.admitted) > maxAdmitted {
		t.Errorf("remembers %d", len(s.admitted))
	}
}

func TestReasonOf(t *testing.T) {
	long := ""
	for len(long) < maxReason+20 {
		long += "é"
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"a refusal":           {&Refusal{Reason: "not today"}, "not today"},
		"wrapped":             {fmt.Errorf("decide: %w", &Refusal{Reason: "no"}), "no"},
		"an error of our own": {errors.New("open /home/alice/secret: denied"), ""},
		"not UTF-8":           {&Refusal{Reason: "a\xffb"}, "a\uFFFDb"},
		"too long":            {&Refusal{Reason: long}, long[:maxReason]},
		"cut within a letter": {&Refusal{Reason: "x" + long}, ("x" + long)[:maxReason-1]},
	} {
		if got := reasonOf(c.err); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	r := &Refusal{Reason: "\x1b[2J"}
	if r.Error() != `refused by the other side: "\x1b[2J"` || !errors.Is(r, ErrRefused) {
		t.Error(r)
	}
}

func TestLimits(t *testing.T) {
	l, err := Limits{Handlers: 3}.withDefaults()
	if err != nil || l.Handlers != 3 || l.InboxMessages != 64 || l.SenderMessages != 8 || l.StoreBytes != 32<<20 {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := (Limits{Sessions: -1}).withDefaults(); err == nil {
		t.Error("a negative limit was taken")
	}
}

func TestLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLifetime()
		var mu sync.Mutex
		ended := 0
		for range 3 {
			l.run(func() {
				<-l.ctx.Done()
				mu.Lock()
				defer mu.Unlock()
				ended++
			})
		}
		ctx, cancel := l.bound(context.Background())
		defer cancel()
		l.close()
		synctest.Wait()
		if ended != 3 || ctx.Err() == nil || l.run(func() {}) || l.enter() {
			t.Errorf("%d ended, %v", ended, ctx.Err())
		}
	})
}

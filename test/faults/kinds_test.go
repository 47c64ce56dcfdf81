package faults

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/passeur-p2p/passeur/test/lab"
)

// kind is one way in which things go wrong. strike begins it and gives what ends it.
type kind struct {
	name   string
	relay  bool // it needs a world with a TURN server
	strike func(r *round) (heal func())
}

// kinds are all that can be made here.
func kinds() []kind {
	list := []kind{
		{name: "sender killed", strike: func(r *round) func() { return r.kill(r.from) }},
		{name: "receiver killed", strike: func(r *round) func() { return r.kill(r.to[0]) }},
		{name: "all killed", strike: func(r *round) func() { return r.kill(r.w.members...) }},
		{name: "DHT node killed", strike: killDHT},
		{name: "TURN server killed", relay: true, strike: killTURN},
		{name: "SIGTERM", strike: stop},
		{name: "stopped for a while", strike: freeze},
		{name: "link cut", strike: cut},
		{name: "link flaps", strike: flap},
		{name: "connections reset", strike: reset},
		{name: "20 % loss", strike: func(r *round) func() { return r.drop("numgen random mod 100 < 20 drop", "input", "output") }},
		{name: "one-way loss", strike: func(r *round) func() { return r.drop("drop", []string{"input", "output"}[r.rand.IntN(2)]) }},
		{name: "route change", strike: reroute},
		{name: "address change", strike: move},
		{name: "disk full", strike: fill},
		{name: "descriptors exhausted", strike: func(r *round) func() { return r.limit(unix.RLIMIT_NOFILE) }},
		{name: "writes fail (EFBIG)", strike: func(r *round) func() { return r.limit(unix.RLIMIT_FSIZE) }},
	}
	if canWarp() {
		list = append(list, kind{name: "clock ahead", strike: func(r *round) func() { return r.warp(ahead) }},
			kind{name: "clock behind", strike: func(r *round) func() { return r.warp(behind) }})
	}
	if realDisks() {
		list = append(list, kind{name: "disk read-only (EROFS)", strike: forbid},
			kind{name: "disk fails (EIO)", strike: func(r *round) func() { return r.die(writeLog) }},
			kind{name: "power cut", strike: func(r *round) func() { return r.die(loseAll) }})
	}
	return list
}

// kindOf is the fault of a round: so many seeds in a row have each once.
func kindOf(seed uint64) kind {
	list := kinds()
	return list[seed%uint64(len(list))]
}

// nothing heals what needs no healing.
func nothing() {}

// kill kills nodes (SIGKILL).
func (r *round) kill(members ...*member) func() {
	for _, m := range members {
		m.Kill()
	}
	return func() { r.start(members...) }
}

// start starts nodes that do not run.
func (r *round) start(members ...*member) {
	for _, m := range members {
		m.Start()
	}
	for _, m := range members {
		m.Ready()
	}
}

func killDHT(r *round) func() {
	r.w.dht.Kill()
	return func() {
		r.w.dht.Start()
		r.w.dht.Ready()
	}
}

func killTURN(r *round) func() {
	r.w.turn.Kill()
	return r.w.turn.Start
}

// stop asks a member's node to end, or the DHT's; it must end well.
func stop(r *round) func() {
	if r.rand.IntN(5) == 0 {
		r.w.dht.Stop()
		return func() {
			r.w.dht.Start()
			r.w.dht.Ready()
		}
	}
	r.victim.Stop()
	return func() { r.start(r.victim) }
}

// freeze stops a process and lets it go on, as a lid that is closed does.
func freeze(r *round) func() {
	pid := r.victim.PID()
	syscall.Kill(pid, syscall.SIGSTOP)
	return func() { syscall.Kill(pid, syscall.SIGCONT) }
}

func cut(r *round) func() {
	r.victim.host.Unplug()
	return r.victim.host.Plug
}

// flap pulls the cable three to six times.
func flap(r *round) func() {
	for range 3 + r.rand.IntN(4) {
		r.victim.host.Unplug()
		r.wait(600 * time.Millisecond)
		r.victim.host.Plug()
		r.wait(600 * time.Millisecond)
	}
	return nothing
}

func reset(r *round) func() {
	for _, m := range r.w.members {
		if m != r.victim {
			r.victim.host.Cut(m.host)
		}
	}
	return nothing
}

// drop has the victim's kernel drop of what comes ("input") or goes ("output") what a
// rule says.
func (r *round) drop(rule string, ways ...string) func() {
	rules := "add table inet faults\n"
	for _, way := range ways {
		device := map[string]string{"input": "iif", "output": "oif"}[way]
		rules += fmt.Sprintf("add chain inet faults %s { type filter hook %s priority 0; }\n", way, way) +
			fmt.Sprintf("add rule inet faults %s %s != lo %s\n", way, device, rule)
	}
	r.run(rules, "nft", "-f", "-")
	return func() { r.run("", "nft", "delete", "table", "inet", "faults") }
}

// reroute takes the way by one of two networks to all others away, and tells nobody.
func reroute(r *round) func() {
	network := r.rand.IntN(2)
	var gone []string
	for _, m := range r.w.members {
		if m != r.victim {
			gone = append(gone, m.host.Addrs[network].String())
			r.run("", "ip", "route", "add", "blackhole", gone[len(gone)-1])
		}
	}
	return func() {
		for _, addr := range gone {
			r.run("", "ip", "route", "del", "blackhole", addr)
		}
	}
}

// move gives the victim other addresses, which stay.
func move(r *round) func() {
	r.victim.moves++
	r.victim.host.Move(addrs(r.victim.number + 10*r.victim.moves%240)...)
	return nothing
}

// fill leaves some bytes on the victim's disk.
func fill(r *round) func() {
	r.victim.disk.fill(r.rand.Int64N(r.size))
	return r.victim.disk.empty
}

// forbid makes the victim's disk read-only. A machine of which that happens is started
// anew, sooner or later.
func forbid(r *round) func() {
	since, till := r.victim.disk.forbid()
	r.talk.doubt(r.victim, since, till)
	return r.revive
}

// die has the victim's disk fail at everything. What was not on it is there still, or,
// with the power, is lost.
func (r *round) die(flag int) func() {
	since, till := r.victim.disk.die(flag)
	r.talk.doubt(r.victim, since, till)
	if flag == loseAll {
		r.victim.Kill()
	}
	return r.revive
}

// revive starts a machine whose disk has failed.
func (r *round) revive() {
	r.victim.Kill()
	r.victim.disk.repair()
	r.start(r.victim)
}

// limit bounds what the victim's process may open (RLIMIT_NOFILE), or how long a file may
// be that it writes to (RLIMIT_FSIZE).
func (r *round) limit(resource int) func() {
	pid := r.victim.PID()
	var before unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &before); err != nil {
		r.t.Fatal(err)
	}
	now := before
	now.Cur = uint64(r.rand.Int64N(1 << 20))
	if resource == unix.RLIMIT_NOFILE {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			r.t.Fatal(err)
		}
		now.Cur = uint64(max(0, len(open)-4+r.rand.IntN(8)))
	}
	if err := unix.Prlimit(pid, resource, &now, nil); err != nil {
		r.t.Fatal(err)
	}
	return func() {
		if err := unix.Prlimit(pid, resource, &before, nil); err != nil {
			r.t.Fatalf("%s's process is gone: %v", r.victim.name, err)
		}
	}
}

// Jumps of a clock. What is dated more than 26 hours ahead others put off until then
// (conversation.FutureLimit), and so it is not thrown.
var (
	ahead  = []time.Duration{2 * time.Minute, time.Hour, 24 * time.Hour}
	behind = []time.Duration{-2 * time.Minute, -time.Hour, -30 * 24 * time.Hour, -20 * 365 * 24 * time.Hour}
)

// warp sets the victim's clock, and sets it right again.
func (r *round) warp(jumps []time.Duration) func() {
	pid, by := r.victim.PID(), jumps[r.rand.IntN(len(jumps))]
	r.t.Logf("by %v", by)
	warp(r.t, pid, by)
	return func() { warp(r.t, pid, 0) }
}

// run runs a command on the victim's host.
func (r *round) run(stdin, name string, args ...string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), lab.Patience)
	defer cancel()
	cmd := r.victim.host.Command(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%s on %s's host: %v %s", name, r.victim.name, err, out)
	}
}

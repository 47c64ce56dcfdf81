package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab/people"
	"github.com/passeur-p2p/passeur/test/natlab"
	"github.com/passeur-p2p/passeur/test/natlab/wire"
)

// path is two hosts with a long cable between them, and a DHT node at the far end.
type path struct {
	control  string // congestion control of all who do not ask for another
	t        testing.TB
	from, to *natlab.Host
	dht      *people.Person
	rtt      time.Duration
	dir      string
}

// lay lays the cable and has TCP use a kind of congestion control on both hosts.
//
// A namespace can have no kind for its default that the machine does not allow to
// everybody. Then it has Reno, which is always allowed; those who are compared with
// passeur use the kind that is meant all the same, since they ask for it.
func lay(t testing.TB, cfg wire.Config, control string) *path {
	t.Helper()
	n := natlab.New(t, natlab.Config{A: natlab.Side{Link: cfg}})
	for _, h := range []*natlab.Host{n.A, n.B} {
		if set(h, "net/ipv4/tcp_congestion_control", control) != nil {
			must(t, set(h, "net/ipv4/tcp_congestion_control", "reno"))
		}
		must(t, set(h, "net/ipv4/tcp_no_metrics_save", "1")) // or a run would begin with what the last one learned
	}
	dht := people.Start(t, n.Server, people.Config{Name: "dht", Server: true}).Ready()
	return &path{control: control, t: t, from: n.A, to: n.B, dht: dht, rtt: 2 * cfg.Delay, dir: t.TempDir()}
}

// set writes a kernel parameter of a host.
func set(h *natlab.Host, name, value string) error {
	return h.Do(func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serverIP is the first address of natlab's server.
const serverIP = "203.0.113.100"

// pair starts two people, one at each end.
func (p *path) pair() pair {
	p.t.Helper()
	s := settler{p.t, nil, p.dht}
	return befriend(p.t, s.settle(p.from, "from", serverIP, people.Config{}), s.settle(p.to, "to", serverIP, people.Config{}))
}

// tls is a plain TLS stream of so many bytes. The time runs from the first byte to
// the receiver's word that the last one came: its connection stands before.
func (p *path) tls(size int64) contender {
	w := where{p.from.Command, p.to.Command, p.to.Addr4().String(), nil}
	return contender{name: wayTLS, title: "one plain TLS stream", run: func(int) figures {
		x, err := w.transmit(p.t.Context(), load{way: wayTLS, size: size, control: p.control})
		if err != nil {
			p.t.Fatal(err)
		}
		return pace(size, x.wall)
	}}
}

// passeur is a pair that sends the same file again and again. The time runs from the
// request to send it to the sender's knowledge that it is there, verified and synced.
func (p *path) passeur(name, title string, two pair, file string, size int64) contender {
	return contender{name: name, title: title, run: func(int) figures { return pace(size, two.carry(file).wall) }}
}

// aria2 gets the file over eight connections from a web server, unencrypted.
func (p *path) aria2(file string, size int64) contender {
	var web string
	return contender{name: "aria2", title: "aria2 -x8", rival: true, missing: lacks("aria2", "aria2c"),
		prepare: func() { web = newWeb(p.t, p.from, p.from.Addr4().String(), p.dir, p.control) },
		run: func(int) figures {
			to := filepath.Join(p.dir, "got")
			took := timed(p.t, p.to, "aria2c", "-q", "-x8", "-s8", "-k1M", "--file-allocation=none", "--no-conf",
				"--allow-overwrite=true", "-d", p.dir, "-o", "got", "http://"+web+"/"+filepath.Base(file))
			same(p.t, file, to)
			must(p.t, os.Remove(to))
			return pace(size, took)
		}}
}

// iperf3 sends as much as others by one connection, for comparison.
func (p *path) iperf3(size int64) contender {
	return contender{name: "iperf3", title: "iperf3, one connection", rival: true, missing: lacks("iperf3", "iperf3"),
		run: func(int) figures {
			return pace(size, iperf3(p.t, p.from, p.to, p.to.Addr4().String(), p.control, size))
		}}
}

// file makes a file to be sent over the path.
func (p *path) file(size int64) string {
	p.t.Helper()
	name := filepath.Join(p.dir, "file")
	newFile(p.t, name, size, 1)
	return name
}

// farField is a long path of 1 Gbit/s whose queue holds what is on the way there and
// back. Its packets are segmented by the cable, not by the hosts: 85,000 a second
// would be more than two processors can do beside all else.
func farField(s *stage, o options) []contender {
	size := o.bytes(giB)
	p := lay(s, wire.Config{Delay: 25 * time.Millisecond, Rate: 1e9}, "cubic")
	file := p.file(size)
	one := p.pair()
	standing := p.passeur("one", "passeur, the link that stands", one, file, size)
	standing.missing = lacks("nftables", "nft")
	standing.prepare = func() {
		p.shut(p.from, one.from)
		p.shut(p.to, one.to)
	}
	return []contender{
		p.tls(size),
		standing,
		p.passeur("several", "passeur, as many links as help", p.pair(), file, size),
		p.aria2(file, size),
	}
}

// shut lets no new TCP connection come to a node; those that stand, stay.
func (p *path) shut(h *natlab.Host, node person) {
	p.t.Helper()
	rules := "table inet bench {\n chain shut {\n  type filter hook input priority 0;\n"
	for _, port := range ports(p.t, h, node.pid()) {
		rules += fmt.Sprintf("  tcp dport %s tcp flags & (syn | ack) == syn reject with tcp reset\n", port)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	cmd := h.Command(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules + " }\n}\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("nft: %v: %s", err, out)
	}
}

// ports are those where a process listens by TCP, as ss shows them.
func ports(t testing.TB, h people.Host, pid int) (all []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := h.Command(ctx, "ss", "-Hltnp").Output()
	if err != nil {
		t.Fatalf("ss: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) > 3 && strings.Contains(line, fmt.Sprintf("pid=%d,", pid)) {
			all = append(all, f[3][strings.LastIndexByte(f[3], ':')+1:])
		}
	}
	if len(all) == 0 {
		t.Fatalf("process %d listens nowhere: %s", pid, out)
	}
	return all
}

// lossy is a path of 100 Mbit/s that loses one packet in a hundred each way.
func lossy(s *stage, control string) *path {
	return lay(s, wire.Config{Delay: 50 * time.Millisecond, Rate: 100e6, Loss: 0.01, Seed: 1}, control)
}

func lossyField(s *stage, o options) []contender {
	size := o.bytes(64 << 20)
	p := lossy(s, "bbr")
	file := p.file(size)
	return []contender{p.tls(size), p.passeur("passeur", "passeur", p.pair(), file, size), p.iperf3(size)}
}

func cubicField(s *stage, o options) []contender {
	size := o.bytes(4 << 20)
	p := lossy(s, "cubic")
	file := p.file(size)
	return []contender{p.passeur("passeur", "passeur", p.pair(), file, size), p.aria2(file, size)}
}

// smallDelay is one way; the rate is not bounded, since 1 KiB needs none.
const smallDelay = 25 * time.Millisecond

// liveField is two people between whom a connection stands. What they send is timed
// in round trips.
func liveField(s *stage, _ options) []contender {
	p := lay(s, wire.Config{Delay: smallDelay}, "bbr")
	two := p.pair()
	return []contender{{name: "passeur", title: "passeur", run: func(round int) figures { return p.small(two, round) }}}
}

// small sends 1 KiB and counts the round trips that took.
func (p *path) small(two pair, round int) figures {
	p.t.Helper()
	file := filepath.Join(p.dir, "small-"+time.Now().Format("150405.000000"))
	newFile(p.t, file, 1<<10, round)
	x := two.carry(file)
	return figures{seconds: x.wall.Seconds(), trips: float64(x.wall) / float64(p.rtt)}
}

// coldField is two people who know each other, whose nodes run, and who are not
// connected when one sends: the connections between their hosts were just cut, or a
// node was just started. Nodes connect to contacts by themselves, so that this does not
// last; whoever comes first with it counts.
func coldField(s *stage, _ options) []contender {
	p := lay(s, wire.Config{Delay: smallDelay}, "bbr")
	two := p.pair()
	after := func(apart func()) func(int) figures {
		return func(round int) figures {
			apart()
			f := p.small(two, round)
			two.warm()
			return f
		}
	}
	return []contender{
		{name: "passeur", title: "passeur, connection cut", run: after(func() { p.from.Cut(p.to.Host) })},
		{name: "to", title: "passeur, receiver just started", run: after(two.to.Restart)},
		{name: "from", title: "passeur, sender just started", run: after(two.from.Restart)},
	}
}

package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// broken is a pair, each on a host of its own, whose receiver is killed while it gets
// a file.
type broken struct {
	pair
	stage *stage
	host  *lab.Host // the receiver's
	other string    // the sender's address
}

// resumeField is two hosts on a switch. The receiver's node is killed when nine tenths
// have come, and started again. Timed is from the moment when its host has a TCP
// connection to the sender's to the first MiB that comes over its cable.
func resumeField(s *stage, o options) []contender {
	l := lab.New(s)
	dht := newDHT(s, l.Host("dht", hostIP+"/24"))
	from := settler{s, unsyncedBy(s), dht}
	b := broken{stage: s, host: l.Host("to", "10.1.0.3/24"), other: "10.1.0.2"}
	sender := from.settle(l.Host("from", b.other+"/24"), "from", hostIP, people.Config{})
	b.pair = befriend(s, sender, from.settle(b.host, "to", hostIP, people.Config{}))
	dir, size := s.TempDir(), o.bytes(bigSize)
	return []contender{{name: "passeur", title: "passeur", run: func(round int) figures {
		file := filepath.Join(dir, "interrupted")
		newSparse(s, file, size, 2+round)
		defer os.Remove(file)
		return figures{seconds: b.interrupted(file, size).Seconds()}
	}}}
}

// interrupted sends a file whose receiver is killed in the middle, and gives how long
// it takes to go on.
func (b broken) interrupted(file string, size int64) time.Duration {
	ctx, cancel := context.WithTimeout(b.stage.Context(), patience)
	defer cancel()
	happens, err := b.to.Events(ctx, "")
	if err != nil {
		b.stage.Fatalf("watch the receiver's node: %v", err)
	}
	defer happens.Close()
	if _, err := b.from.Person.Client.Send(ctx, file, b.to.name); err != nil {
		b.stage.Fatalf("send %s: %v", file, err)
	}
	b.until(happens, size/10*9)
	b.to.Kill()
	before := b.host.Received()
	b.to.Start()
	took := b.firstBytes(ctx, before)
	b.to.Ready()
	b.finish(file)
	if again := b.host.Received() - before; again > size/10*2 {
		b.stage.Errorf("of %d bytes a tenth was missing, and then %d came over the cable", size, again)
	}
	return took
}

// until waits until so many bytes of the file have come.
func (b broken) until(happens *api.Events, bytes int64) {
	for {
		e, err := happens.Next()
		if err != nil {
			b.stage.Fatalf("watch the receiver's node: %v", err)
		}
		x := e.Transfer
		switch {
		case x == nil || x.Direction != incoming:
		case x.State.Final():
			b.stage.Fatalf("before it could be interrupted the transfer ended as %s, %s: %s", x.State, x.Code, x.Reason)
		case x.Bytes >= bytes:
			return
		}
	}
}

// firstBytes waits for a connection to the sender's host, and then for a MiB. The
// resolution is that of two commands, some 10 ms.
func (b broken) firstBytes(ctx context.Context, before int64) time.Duration {
	var connected time.Time
	for ctx.Err() == nil {
		out, err := b.host.Command(ctx, "ss", "-Htn", "state", "established", "dst", b.other).Output()
		if err == nil && len(out) > 0 && connected.IsZero() {
			connected = time.Now()
		}
		if !connected.IsZero() && b.host.Received() > before+1<<20 {
			return time.Since(connected)
		}
	}
	b.stage.Fatal("nothing more comes")
	return 0
}

// finish waits until the whole file is there, and compares it.
func (b broken) finish(file string) {
	var x api.Transfer
	lab.Eventually(b.stage, "the rest of the file comes", func() bool {
		x = b.to.newest(b.stage, filepath.Base(file))
		return x.State.String() == finished
	})
	same(b.stage, file, x.File)
	os.Remove(x.File)
}

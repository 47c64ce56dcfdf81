package homes

import (
	"testing"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// TestSeveralHolders: who gets a file that three have gets it from all three at once.
// One of them loses its network in the middle, and nobody tells; the others bring what
// it had begun.
func TestSeveralHolders(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	four := s.cautious("ann", "ben", "cas", "dan")
	ann, dan, holders := four[0], four[3], four[:3]
	for _, d := range four[1:] {
		ann.meet(d.name, d, "ann")
	}
	club := found(t, ann, four[1:])
	acquainted(t, []party{{ann, club}, {holders[1], club}, {holders[2], club}, {dan, club}})

	const name = "file-24800003"
	file := people.File(t, 24_800_003)
	sending, _ := ann.sends(file, club)
	dan.refuses(name)
	for _, d := range holders[1:] {
		arrived(t, d.accepts(name, t.TempDir()), file)
	}
	sending.Done(0)

	before := map[*device]int64{}
	for _, d := range holders {
		d.host.Slow(4_000_000)
		before[d] = d.host.Sent()
	}
	getting := dan.Begin(t, "get", club, name, "-o", t.TempDir())
	for _, d := range holders {
		lab.Eventually(t, d.name+" brings some of the file", func() bool { return d.host.Sent()-before[d] > 500_000 })
	}
	holders[2].host.Unplug()
	for _, d := range holders[:2] {
		d.host.Slow(24_000_000)
	}
	last := getting.Done(0)
	arrived(t, last, file)
	if x := dan.transfer(last.ID); x.State != filexfer.Finished || x.Bytes != x.Size {
		t.Errorf("dan shows %+v", x)
	}
	for _, d := range holders {
		t.Logf("%s brought %d bytes", d.name, d.host.Sent()-before[d])
	}
}

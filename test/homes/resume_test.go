package homes

import (
	"path/filepath"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// TestResume: a file stops in the middle, because its sender is gone or the connection
// is. It goes on by itself, from where it was, when somebody who has it is there.
func TestResume(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	three := s.cautious("ann", "ben", "cas")
	ann, ben, cas := three[0], three[1], three[2]
	ann.meet("ben", ben, "ann")
	ann.meet("cas", cas, "ann")
	club := found(t, ann, three[1:])
	acquainted(t, []party{{ann, club}, {ben, club}, {cas, club}})
	acquainted(t, []party{{ann, "ben"}, {ben, "ann"}})

	testSenderReturns(t, ann, ben)
	testConnectionBreaks(t, ann, ben)
	testOtherHolder(t, ann, ben, cas, club)
}

// broken is a file of which the first part has arrived.
type broken struct {
	to        *device
	accepting *people.Job
	source    string
	dir       string
	got       api.Transfer // as it was when it had stopped
	received  int64        // on the cable, until then
}

// half has somebody accept an offered file, of which a part comes over a slow cable
// and then no more. The cable stays slow: to make it fast loses what waits for it, such
// as the news that the connection is gone.
func half(t *testing.T, from, to *device, file string, stop func()) *broken {
	t.Helper()
	from.host.Slow(12_000_000)
	b := &broken{to: to, source: file, dir: t.TempDir()}
	offer := to.offered(filepath.Base(file))
	b.accepting = to.Begin(t, "accept", offer.ID, "-o", b.dir)
	b.accepting.Until(func(l people.Line) bool { return l.Event == "progress" && l.Bytes >= l.Size/3 })
	stop()
	b.got = to.transfer(offer.ID)
	b.received = to.host.Received()
	return b
}

// waits wants the file to be wanted still, and what is there of it not to have its name.
func (b *broken) waits(t *testing.T) {
	t.Helper()
	lab.Eventually(t, "the file is wanted", func() bool {
		b.got = b.to.transfer(b.got.ID)
		return b.got.State == filexfer.Created
	})
	b.received = b.to.host.Received()
	if b.got.Bytes <= 0 || b.got.Bytes >= b.got.Size {
		t.Errorf("in the middle %s shows %+v", b.to.name, b.got)
	}
	if files, hidden := folder(t, b.dir); len(files) != 0 || len(hidden) != 2 { // its bytes, and which of them are verified
		t.Errorf("in the middle the folder holds %q and %q", files, hidden)
	}
}

// goesOn wants the rest to come, and no more than that: besides what is missing, the
// unit that was under way, headers, and what nodes have to tell each other.
func (b *broken) goesOn(t *testing.T) {
	t.Helper()
	arrived(t, b.accepting.Done(0), b.source)
	missing, again := b.got.Size-b.got.Bytes, b.to.host.Received()-b.received
	if most := missing + missing/8 + 2*sha3tree.UnitSize; again > most {
		t.Errorf("of %d bytes there were %d, and then %d came over the cable, want %d at most", b.got.Size, b.got.Bytes, again, most)
	}
	if files, hidden := folder(t, b.dir); len(files) != 1 || len(hidden) != 0 {
		t.Errorf("at the end the folder holds %q and %q", files, hidden)
	}
}

func testSenderReturns(t *testing.T, ann, ben *device) {
	file := people.File(t, 12_800_000)
	ann.sends(file, "ben")
	b := half(t, ann, ben, file, ann.Kill)
	b.waits(t)
	ann.host.Fast()
	ann.Start()
	ann.Ready()
	b.goesOn(t)
}

func testConnectionBreaks(t *testing.T, ann, ben *device) {
	file := people.File(t, 12_800_001)
	sending, _ := ann.sends(file, "ben")
	b := half(t, ann, ben, file, func() { ann.host.Cut(ben.host) })
	if last := sending.Done(1); last.Code != "lost" {
		t.Errorf("send ends with %+v", last)
	}
	ann.host.Fast()
	b.goesOn(t)
}

// testOtherHolder: the sender goes and stays away. Of the members of the group there is
// one who has got the file, too.
func testOtherHolder(t *testing.T, ann, ben, cas *device, club string) {
	file := people.File(t, 12_800_002)
	ann.sends(file, club)
	arrived(t, cas.accepts(filepath.Base(file), t.TempDir()), file)
	cas.Stop()
	b := half(t, ann, ben, file, ann.Kill)
	b.waits(t)
	cas.Start()
	cas.Ready()
	b.goesOn(t)
	if x := ben.transfer(b.got.ID); x.Device != cas.Who.Device {
		t.Errorf("the rest came from %s, want %s's %s", x.Device, cas.name, cas.Who.Device)
	}
}

package homes

import (
	"path/filepath"
	"testing"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// TestDevicesAnswer: a file goes to an account with three devices, each of which
// answers for itself. Those that have it not get it later from whoever has it.
func TestDevicesAnswer(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	four := s.cautious("desk", "laptop", "phone", "tablet")
	desk, laptop, phone, tablet := four[0], four[1], four[2], four[3]
	laptop.link(phone)
	laptop.link(tablet)
	desk.meet("bob", laptop, "alice")
	phone.knows("alice")
	tablet.knows("alice")
	acquainted(t, []party{{desk, "bob"}, {laptop, "alice"}, {phone, "alice"}, {tablet, "alice"}})

	testOneAccepts(t, desk, laptop, phone, tablet)
	testAllRefuse(t, desk, four[1:])
	testLateDevices(t, desk, laptop, phone, tablet)
}

// testOneAccepts: the phone's owner refuses, the tablet's does not answer, the
// laptop's accepts. The sender sees the best of it, and each.
func testOneAccepts(t *testing.T, desk, laptop, phone, tablet *device) {
	bob := []*device{laptop, phone, tablet}
	file := people.File(t, 2<<20)
	sending, sent := desk.sends(file, "bob")
	for _, d := range bob {
		d.offered(filepath.Base(file))
	}
	desk.sees(sent, bob, "awaiting-peer; laptop awaiting-peer; phone awaiting-peer; tablet awaiting-peer")
	phone.refuses(filepath.Base(file))
	desk.sees(sent, bob, "awaiting-peer; laptop awaiting-peer; phone closed-by-peer refused; tablet awaiting-peer")

	desk.host.Slow(200_000) // 80 s for the file
	accepting := laptop.Begin(t, "accept", laptop.offered(filepath.Base(file)).ID, "-o", t.TempDir())
	desk.sees(sent, bob, "ongoing; laptop ongoing; phone closed-by-peer refused; tablet awaiting-peer")
	desk.host.Fast()
	arrived(t, accepting.Done(0), file)
	desk.sees(sent, bob, "finished; laptop finished; phone closed-by-peer refused; tablet awaiting-peer")

	tablet.Restart()
	desk.sees(sent, bob, "finished; laptop finished; phone closed-by-peer refused; tablet closed-by-peer lost")
	if last := sending.Done(0); last.State != filexfer.Finished || last.SHA3Sum != people.OpenSSLSum(t, file) {
		t.Errorf("send ends with %+v", last)
	}
	tablet.misses(filepath.Base(file))
}

// testAllRefuse: only when nobody wants the file, the sender is told of a failure.
func testAllRefuse(t *testing.T, desk *device, bob []*device) {
	file := people.File(t, 1000)
	sending, sent := desk.sends(file, "bob")
	for i, d := range bob {
		d.offered(filepath.Base(file))
		if x := desk.transfer(sent); x.State != filexfer.AwaitingPeer {
			t.Errorf("after %d refusals the sender shows %+v", i, x)
		}
		d.refuses(filepath.Base(file))
	}
	desk.sees(sent, bob, "closed-by-peer refused; laptop closed-by-peer refused; phone closed-by-peer refused; tablet closed-by-peer refused")
	if last := sending.Done(3); last.Code != "refused" || last.State != filexfer.ClosedByPeer {
		t.Errorf("send ends with %+v", last)
	}
}

// testLateDevices: the tablet is off when a file is sent. It gets it later from the
// laptop, when the desk, which sent it, is off. The phone, whose owner has refused it,
// asks for it while nobody who has it is there, and gets it when the laptop comes.
func testLateDevices(t *testing.T, desk, laptop, phone, tablet *device) {
	tablet.Stop()
	file := people.File(t, 3<<20)
	name := filepath.Base(file)
	desk.Begin(t, "send", file, "bob")
	phone.refuses(name)
	arrived(t, laptop.accepts(name, t.TempDir()), file)

	desk.Stop()
	tablet.Start()
	tablet.Ready()
	missed := tablet.misses(name)
	arrived(t, tablet.Begin(t, "get", "alice", missed.Entry[:8], "-o", t.TempDir()).Done(0), file)

	tablet.Stop()
	laptop.Stop()
	getting := phone.Begin(t, "get", "alice", name, "-o", t.TempDir())
	asked := getting.Until(func(l people.Line) bool { return l.Event == "offer" })
	laptop.Start()
	laptop.Ready()
	arrived(t, getting.Done(0), file)
	if x := phone.transfer(asked.ID); x.Entry != missed.Entry || x.Device != laptop.Who.Device {
		t.Errorf("the phone shows %+v", x)
	}
	lab.Eventually(t, "the laptop shows whom it has served", func() bool { return laptop.served(missed.Entry, phone) })
}

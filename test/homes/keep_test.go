package homes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// TestHeldFiles: whoever has a file of a conversation may move it, edit it and put it
// back; others get it while it is the one that was announced, and nothing else. What
// lies in a person's folders is never touched.
func TestHeldFiles(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	three := s.cautious("desk", "laptop", "phone")
	desk, laptop, phone := three[0], three[1], three[2]
	laptop.link(phone)
	desk.meet("laptop", laptop, "desk")
	phone.knows("desk")
	acquainted(t, []party{{desk, "laptop"}, {laptop, "desk"}, {phone, "desk"}})

	testMovedAndEdited(t, desk, laptop, phone)
	testTakenBack(t, desk, laptop, phone)
	testOriginals(t, desk, laptop, phone)
}

// shared is a file that the desk has sent, the laptop has got, and the phone's owner
// has refused.
type shared struct {
	entry        string
	source, copy string // where it lies on the desk, and on the laptop
}

func share(t *testing.T, desk, laptop, phone *device, ref string, size int64) (f shared) {
	t.Helper()
	f.source = people.File(t, size)
	sending, sent := desk.sends(f.source, ref)
	phone.refuses(filepath.Base(f.source))
	last := laptop.accepts(filepath.Base(f.source), t.TempDir())
	arrived(t, last, f.source)
	sending.Done(0)
	f.copy, f.entry = last.File, desk.transfer(sent).Entry
	if held := desk.holds(f.entry, node.HeldHere); !held.Source || held.File != f.source || held.Size != size || held.SHA3Sum != last.SHA3Sum {
		t.Errorf("the desk holds %+v", held)
	}
	if held := laptop.holds(f.entry, node.HeldHere); held.Source || held.File != f.copy || held.Size != size || held.SHA3Sum != last.SHA3Sum {
		t.Errorf("the laptop holds %+v", held)
	}
	return f
}

// testMovedAndEdited: the desk's owner edits the original, the laptop's moves his copy.
// The phone asks for the file: it is told why not, and goes on waiting, until the copy
// is back where it was.
func testMovedAndEdited(t *testing.T, desk, laptop, phone *device) {
	f := share(t, desk, laptop, phone, "laptop", 100_000)
	away := filepath.Join(t.TempDir(), "away")
	move(t, f.copy, away)
	laptop.holds(f.entry, node.HeldGone)
	if err := os.WriteFile(f.source, make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	edited := people.OpenSSLSum(t, f.source)
	desk.holds(f.entry, node.HeldUnchecked)

	dir := t.TempDir()
	getting := phone.Begin(t, "get", "desk", f.entry, "-o", dir)
	told := map[string]bool{} // by which holders
	asked := getting.Until(func(l people.Line) bool {
		told["changed"] = told["changed"] || l.Event == "phase" && strings.Contains(l.Detail, "changed")
		told["not there"] = told["not there"] || l.Event == "phase" && strings.Contains(l.Detail, "not there")
		return told["changed"] && told["not there"]
	})
	if x := phone.transfer(asked.ID); x.State != filexfer.Created || x.Bytes != 0 {
		t.Errorf("while nobody has the file the phone shows %+v", x)
	}
	if files, _ := folder(t, dir); len(files) != 0 {
		t.Errorf("what nobody has came as %q", files)
	}
	desk.holds(f.entry, node.HeldChanged) // its bytes have been compared
	move(t, away, f.copy)
	laptop.Restart() // it may be asked anew
	last := getting.Done(0)
	arrived(t, last, f.copy)
	laptop.holds(f.entry, node.HeldHere)
	if got := people.OpenSSLSum(t, f.source); got != edited {
		t.Errorf("what the desk's owner wrote into his file was touched: %s, was %s", got, edited)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// testTakenBack: a file whose author has taken it back is not to be had any more, and
// lies where it lay.
func testTakenBack(t *testing.T, desk, laptop, phone *device) {
	f := share(t, desk, laptop, phone, "laptop", 100_001)
	sum := people.OpenSSLSum(t, f.source)
	desk.Run("message", "laptop", "--delete", f.entry)
	desk.holds(f.entry, node.HeldWithdrawn)
	laptop.holds(f.entry, node.HeldWithdrawn)
	lab.Eventually(t, "the phone knows that the file was taken back", func() bool { return phone.knowsNoFile("desk", f.entry) })
	var failed people.Line
	getting := phone.Begin(t, "get", "desk", f.entry)
	if failed = getting.Done(1); failed.Code != "withdrawn" {
		t.Errorf("get ends with %+v", failed)
	}
	for _, path := range []string{f.source, f.copy} {
		if got := people.OpenSSLSum(t, path); got != sum {
			t.Errorf("%s was touched: sum %s, was %s", path, got, sum)
		}
	}
}

// knowsNoFile tells whether an entry is taken back, for the device.
func (d *device) knowsNoFile(ref, entry string) bool {
	d.t.Helper()
	for _, m := range d.shows(ref, "--all").Messages {
		if m.ID == entry {
			return m.Deleted
		}
	}
	return false
}

// testOriginals: people leave a group, and a device is revoked. Files that were sent or
// have come lie where they lay.
func testOriginals(t *testing.T, desk, laptop, phone *device) {
	club := found(t, desk, []*device{laptop})
	acquainted(t, []party{{desk, club}, {laptop, club}, {phone, club}})
	f := share(t, desk, laptop, phone, club, 100_002)
	sum := people.OpenSSLSum(t, f.source)
	last := phone.Begin(t, "get", club, f.entry, "-o", t.TempDir()).Done(0)
	arrived(t, last, f.source)

	var revoked api.Device
	laptop.Get(&revoked, "device", "revoke", "phone")
	laptop.Run("conversation", "leave", club)
	desk.Run("conversation", "leave", club)
	for _, d := range []*device{desk, laptop, phone} {
		d.Restart()
	}
	for _, path := range []string{f.source, f.copy, last.File} {
		if got := people.OpenSSLSum(t, path); got != sum {
			t.Errorf("%s was touched: sum %s, was %s", path, got, sum)
		}
	}
}

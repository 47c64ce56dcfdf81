package folder

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// inNamespace names the test that this process runs inside a namespace of its
// own, where it may mount.
const inNamespace = "FOLDER_TEST_NAMESPACE"

// mounted runs the test again in a user and mount namespace of its own (as root
// no user namespace is needed), where body gets a folder on a file system of 4
// MiB. Nothing of it is seen outside.
func mounted(t *testing.T, body func(t *testing.T, dir string)) {
	if os.Getenv(inNamespace) == t.Name() {
		dir := t.TempDir()
		if err := unix.Mount("none", dir, "tmpfs", 0, "size=4m"); err != nil {
			t.Fatal(err)
		}
		defer unix.Unmount(dir, unix.MNT_DETACH)
		body(t, dir)
		return
	}
	again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), inNamespace+"="+t.Name())
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		again.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("in the namespace: %v\n%s", err, out)
	}
}

func TestDiskFull(t *testing.T) {
	mounted(t, func(t *testing.T, dir string) {
		large := forged(entry{kind: File, parent: top, name: "a", size: 5 << 20})
		p := place(t, dir, large, Accept{})
		if _, err := p.WriteAt(large[:1<<20], 0); !errors.Is(err, filexfer.ErrNoSpace) {
			t.Errorf("5 MiB announced: %v", err)
		}
		check(t, p.Remove())

		// It becomes full while it is written.
		var entries []entry
		for i := range 32 {
			entries = append(entries, entry{kind: File, parent: top, name: fmt.Sprintf("%02d", i), size: 90_000})
		}
		data := forged(entries...)
		p = place(t, dir, data, Accept{})
		filler := filepath.Join(dir, "filler")
		check(t, os.WriteFile(filler, make([]byte, 2<<20), 0o600))
		if _, err := p.WriteAt(data[:1<<20], 0); !errors.Is(err, filexfer.ErrNoSpace) {
			t.Errorf("2 MiB are taken: %v", err)
		}
		check(t, os.Remove(filler))
		_, err := p.WriteAt(data[:1<<20], 0)
		check(t, err)
		if err := os.WriteFile(filler, make([]byte, 4<<20), 0o600); err == nil {
			t.Fatal("the disk is not full")
		}
		if _, err := p.WriteAt(data[1<<20:2<<20], 1<<20); !errors.Is(err, filexfer.ErrNoSpace) {
			t.Errorf("the disk is full: %v", err)
		}
		if _, err := p.Finish(); !errors.Is(err, ErrIncomplete) {
			t.Errorf("finished: %v", err)
		}
		// And has room again.
		check(t, os.Remove(filler))
		for _, at := range []int{1 << 20, 2 << 20} {
			_, err := p.WriteAt(data[at:min(at+1<<20, len(data))], int64(at))
			check(t, err)
		}
		finish(t, p)
		wantNames(t, dir, "folder")
	})
}

func TestReadOnly(t *testing.T) {
	mounted(t, func(t *testing.T, dir string) {
		view := t.TempDir()
		if err := unix.Mount(dir, view, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		defer unix.Unmount(view, unix.MNT_DETACH)
		if err := unix.Mount("", view, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenPlace(t.Context(), targetIn(view, 100), Accept{Manifest: 50}); !errors.Is(err, filexfer.ErrNotWritable) || !errors.Is(err, syscall.EROFS) {
			t.Errorf("read-only: %v", err)
		}
	})
}

// What is neither file nor folder is skipped and told, nobody waits for it, and no
// link that leads out is sent.
func TestSkipped(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sent")
	tr := tree{"file": "f1", "in": "lfile", "sub/in": "l../file"}
	tr.make(t, dir)
	check(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	t.Chdir(dir) // the path of a socket is short
	socket, err := net.Listen("unix", "sub/socket")
	check(t, err)
	defer socket.Close()
	tree{
		"out": "l../x", "abs": "l/etc/passwd", "sub/far": "l../../x", "sub/round": "lin/../../x",
		".passeur-0123456789abcdef.part": "fhalf of it",
	}.make(t, dir)
	f, err := Scan(t.Context(), Config{}, ".")
	check(t, err)
	if f.Name != "sent" {
		t.Errorf("it is called %q", f.Name)
	}
	var skipped []string
	for _, s := range f.Skipped {
		skipped = append(skipped, s.Path)
	}
	want := []string{".passeur-0123456789abcdef.part", "abs", "fifo", "out", "sub/far", "sub/round", "sub/socket"}
	if fmt.Sprint(skipped) != fmt.Sprint(want) {
		t.Errorf("skipped: %q, want %q", f.Skipped, want)
	}
	data := bytesOf(t, f)
	p := place(t, t.TempDir(), data, Accept{})
	fill(t, p, data, random(1))
	path := finish(t, p)
	for path, what := range map[string]string{"file": "f1", "in": "lfile", "sub/in": "l../file"} {
		tr[path] = what
	}
	check(t, os.Chtimes(filepath.Join(path, "sub"), longAgo, longAgo)) // the test touched it
	wantTree(t, path, tr)
}

// Nothing stays open behind a folder.
func TestNothingStaysOpen(t *testing.T) {
	open := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		check(t, err)
		return len(files)
	}
	f := scanned(t, usual)
	before := open()
	data := bytesOf(t, f)
	list, err := f.List(t.Context())
	check(t, err)
	dir := t.TempDir()
	target := targetIn(dir, int64(len(data)))
	target.Root, target.Place = list.Root().String(), Accept{Manifest: f.Manifest().Length()}.Open
	for _, end := range []func(*filexfer.Part) error{(*filexfer.Part).Close, (*filexfer.Part).Remove, (*filexfer.Part).Finish} {
		part, err := filexfer.OpenPart(t.Context(), target)
		check(t, err)
		sink := part.Range(0, int64(len(data)))
		if sink.NeedSums() {
			check(t, sink.SetSums(t.Context(), filexfer.Tree{Root: list.Root(), List: list}))
		}
		for at := 0; at < len(data); at += 1 << 20 {
			_, err := sink.Write(data[at:min(at+1<<20, len(data))])
			if errors.Is(err, filexfer.ErrEnough) {
				break
			}
			check(t, err)
		}
		check(t, sink.Commit(), end(part), part.Close())
	}
	wantTree(t, filepath.Join(dir, "folder"), usual)
	if after := open(); after > before { // less, when what another test forgot is collected
		t.Errorf("%d files are open, %d were", after, before)
	}
}

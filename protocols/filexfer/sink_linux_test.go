package filexfer

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inNamespace names the test that this process runs inside a namespace of its
// own, where it may mount.
const inNamespace = "FILEXFER_TEST_NAMESPACE"

// mounted runs the test again in a user and mount namespace of its own (as root
// no user namespace is needed), where body gets a folder on a file system of 1
// MiB. Nothing of it is seen outside.
func mounted(t *testing.T, body func(t *testing.T, dir string)) {
	if os.Getenv(inNamespace) == t.Name() {
		dir := t.TempDir()
		if err := unix.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
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

func TestFileSinkDiskFull(t *testing.T) {
	mounted(t, func(t *testing.T, dir string) {
		if _, err := NewFileSink(Target{Dir: dir, Name: "x", Size: 2 << 20}); !errors.Is(err, ErrNoSpace) {
			t.Errorf("2 MiB announced: %v", err)
		}
		// The space that was claimed is there, whoever fills the disk meanwhile.
		claimed := open(t, Target{Dir: dir, Name: "claimed", Size: 512 << 10})
		other := open(t, Target{Dir: dir, Name: "other"})
		var err error
		for piece := make([]byte, 64<<10); err == nil; {
			_, err = other.Write(piece)
		}
		if !errors.Is(err, ErrNoSpace) {
			t.Errorf("the disk is full: %v", err)
		}
		if _, err := claimed.Write(make([]byte, 512<<10)); err != nil {
			t.Errorf("claimed space: %v", err)
		}
		if err := claimed.Commit(); err != nil {
			t.Error(err)
		}
		other.Abort()
		wantNames(t, dir, "claimed")
	})
}

func TestFileSinkReadOnly(t *testing.T) {
	mounted(t, func(t *testing.T, dir string) {
		running := open(t, Target{Dir: dir, Name: "x"})
		defer running.Abort()
		// A file that is open for writing keeps a real remount from happening; a
		// second view of the folder can be read-only.
		view := t.TempDir()
		if err := unix.Mount(dir, view, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		defer unix.Unmount(view, unix.MNT_DETACH)
		if err := unix.Mount("", view, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := NewFileSink(Target{Dir: view, Name: "y"}); !errors.Is(err, ErrNotWritable) || !errors.Is(err, syscall.EROFS) {
			t.Errorf("read-only: %v", err)
		}
	})
}

// A FIFO, a device and a folder are no files; and what is at the path later may
// be none any more.
func TestFileFromPathOfOtherThings(t *testing.T) {
	dir := t.TempDir()
	fifo, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "file")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, dir, "/dev/zero", filepath.Join(dir, "nowhere")} {
		if _, err := FileFromPath(path); !errors.Is(err, ErrSource) {
			t.Errorf("%s: %v", path, err)
		}
	}
	put(t, file, "content")
	f, err := FileFromPath(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fifo, file); err != nil {
		t.Fatal(err)
	}
	if _, err := f.open(); !errors.Is(err, ErrSource) { // and does not wait for a writer
		t.Errorf("a FIFO took its place: %v", err)
	}
	if f, err = FileFromPath("/proc/self/status"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.open(); !errors.Is(err, ErrSource) {
		t.Errorf("a file of /proc: %v", err)
	}
}

// What a process that died had claimed is not in the way of who continues its
// file, and a closed part claims nothing.
func TestClaimsOfTheDead(t *testing.T) {
	mounted(t, func(t *testing.T, dir string) {
		const size = 800 << 10 // of 1 MiB
		target := Target{Dir: dir, Name: "x", Size: size, Sum: strings.Repeat("0", sumDigits), ID: "0123456789abcdef"}
		s := open(t, target)
		writeTo(t, s, "hello")
		s.close() // as if the process had died: the rest stays claimed
		s = open(t, target)
		if s.Have() != 5 {
			t.Errorf("%d bytes there", s.Have())
		}
		s.spoiled = true
		s.Abort()

		target.Sum, target.Root = "", strings.Repeat("0", 64)
		for range 2 {
			p := openUnits(t, target)
			wantFull(t, dir, size)
			p.place.Close() // as if the process had died
			p.side.close()
		}
		openUnits(t, target).Close()
		if _, err := OpenPart(t.Context(), Target{Dir: dir, Name: "y", Size: 2 << 20}); !errors.Is(err, ErrNoSpace) {
			t.Errorf("2 MiB announced: %v", err)
		}
		wantNames(t, dir, wantedPart, wantedUnits)
	})
}

// wantFull fails unless size bytes of dir's disk are taken.
func wantFull(t *testing.T, dir string, size uint64) {
	t.Helper()
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		t.Fatal(err)
	}
	if used := (stat.Blocks - stat.Bfree) * uint64(stat.Bsize); used < size {
		t.Errorf("%d bytes are taken, want %d", used, size)
	}
}

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/passeur-p2p/passeur/test/lab"
)

// shelf is where disks are. What is mounted and unmounted there is so for the nodes that
// run already, too, which have mount namespaces of their own (ip netns exec).
const shelf = "/run/faults"

func putUpShelf() error {
	if err := os.MkdirAll(shelf, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("faults", shelf, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=700"); err != nil {
		return fmt.Errorf("mount the shelf: %w", err)
	}
	return unix.Mount("", shelf, "", unix.MS_SHARED, "")
}

// diskSize is enough for some files and small enough to be filled.
const diskSize = "64M"

// disk holds a node's home, and the files that it sends and gets. It is ext4 on a loop
// device whose image lies in memory; for who is not root, and so may not mount that, a
// tmpfs.
type disk struct {
	t     testing.TB
	dir   string
	image string
}

// realDisks tells whether disks are ext4, and can break.
func realDisks() bool {
	_, err := os.Stat("/dev/loop-control")
	return err == nil && initialUserNamespace()
}

// initialUserNamespace: every user is himself.
func initialUserNamespace() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(text)), " ") == "0 0 4294967295"
}

func newDisk(t testing.TB, name string) *disk {
	t.Helper()
	dir, err := os.MkdirTemp(shelf, name+"-")
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{t: t, dir: dir, image: dir + ".img"}
	if realDisks() {
		command(t, "truncate", "-s", diskSize, d.image)
		command(t, "mkfs.ext4", "-q", "-m", "0", d.image)
	}
	d.mount()
	t.Cleanup(func() {
		d.unmount()
		os.Remove(d.dir)
		os.Remove(d.image)
	})
	return d
}

func (d *disk) mount() {
	d.t.Helper()
	if realDisks() {
		command(d.t, "mount", "-o", "loop,errors=remount-ro", d.image, d.dir)
		return
	}
	command(d.t, "mount", "-t", "tmpfs", "-o", "size="+diskSize, "disk", d.dir)
}

// unmount takes the disk away as soon as nobody uses it.
func (d *disk) unmount() {
	d.t.Helper()
	lab.Eventually(d.t, d.dir+" is not used", func() bool {
		return exec.Command("umount", d.dir).Run() == nil
	})
}

// repair is what a restart of the machine does for a broken disk. No node may use it.
func (d *disk) repair() {
	d.t.Helper()
	d.unmount()
	d.mount()
}

// fill leaves so many bytes free, or a few more.
func (d *disk) fill(left int64) {
	d.t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(d.dir, &s); err != nil {
		d.t.Fatal(err)
	}
	f, err := os.Create(d.ballast())
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if size := int64(s.Bavail)*s.Bsize - left; size > 0 {
		if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil {
			d.t.Fatalf("fill %s with %d bytes: %v", d.dir, size, err)
		}
	}
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// empty undoes fill.
func (d *disk) empty() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.t.Fatal(err)
	}
}

// What ext4's shutdown does with what it has not written yet
// (include/uapi/linux/ext4.h).
const (
	ext4Shutdown = 0x8004587d // EXT4_IOC_SHUTDOWN
	writeLog     = 1          // EXT4_GOING_FLAGS_LOGFLUSH
	loseAll      = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
)

// die has the disk fail at everything from now on (EIO).
func (d *disk) die(flag int) (since, till time.Time) {
	d.t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	since = time.Now()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), ext4Shutdown, flag); err != nil {
		d.t.Fatalf("shut %s down: %v", d.dir, err)
	}
	return since, time.Now()
}

// forbid has the file system find an error in itself and allow reading only (EROFS),
// also in files that are open. Of a sync that is under way in between, the system may
// say that it is done, and lose what was to be synced; and so it is with die.
func (d *disk) forbid() (since, till time.Time) {
	d.t.Helper()
	device := command(d.t, "findmnt", "-no", "SOURCE", d.dir)
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(device), "trigger_fs_error")
	since = time.Now()
	if err := os.WriteFile(trigger, []byte("for a test"), 0); err != nil {
		d.t.Fatal(err)
	}
	return since, time.Now()
}

// command runs a command that must succeed, and gives what it prints.
func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

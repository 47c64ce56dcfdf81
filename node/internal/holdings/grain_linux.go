package holdings

import (
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/passeur-p2p/passeur/node/internal/store"
)

// tick is the longest between two ticks of the clock by which Linux stamps the files
// of the machine's own disks: with HZ=100, the least there is (current_time in the
// kernel's fs/inode.c).
const tick = 10 * time.Millisecond

// zfs is the type of ZFS, which x/sys does not name.
const zfs = 0x2fc12fc1

// local are the file systems that are stamped by this machine's clock and keep each
// tick of it. Those of networks have another machine's.
var local = []int64{
	unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC,
	unix.BCACHEFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC, zfs,
}

// grainOf is how often the clock ticks by which the file at path has its stamp. Files
// of a folder may lie anywhere, and the inodes of some disks keep whole seconds.
func grainOf(path string, s store.Stamp) time.Duration {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || s.Changed%int64(time.Millisecond) == 0 {
		return coarse
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil || !slices.Contains(local, int64(uint32(fs.Type))) {
		return coarse
	}
	return tick
}

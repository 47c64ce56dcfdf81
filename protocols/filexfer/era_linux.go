package filexfer

import (
	"crypto/sha3"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// currentEra names the life of the system since its start, and of the mount that
// file lies on: as long as both last, what was written is there. A disk that was
// pulled out and came back may have lost something.
func currentEra(file *os.File) (era [32]byte) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return era
	}
	var stat unix.Statx_t
	if err := unix.Statx(int(file.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &stat); err != nil {
		return era
	}
	return sha3.Sum256(fmt.Appendf(boot, "%d", stat.Mnt_id))
}

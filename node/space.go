package node

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// ErrNoSpace: what is to be stored would not fit, or leave less free than
// Config.Reserve.
var ErrNoSpace = filexfer.ErrNoSpace

// defaultReserve is how much stays free where nothing else is said.
const defaultReserve = 256 << 20

// reserve is how many bytes of every disk are to stay free now.
func (n *Node) reserve() int64 { return n.policy.Load().reserve }

// HasSpace fails with ErrNoSpace unless size bytes more fit on the disk of folder with
// Config.Reserve to spare. The folder need not exist yet. Where the system does not
// tell, everything fits.
func (n *Node) HasSpace(folder string, size int64) error {
	free, err := freeBelow(folder)
	reserve := n.reserve()
	if err != nil || size <= 0 || free-reserve >= size {
		return nil // what is wrong with a folder shows when it is written to
	}
	if reserve == 0 {
		return fmt.Errorf("%w: it needs %s, and %s are free on the disk of %s", ErrNoSpace, sizeText(size), sizeText(free), folder)
	}
	return fmt.Errorf("%w: it needs %s, %s are free on the disk of %s, and %s are to stay free", ErrNoSpace, sizeText(size), sizeText(free), folder, sizeText(reserve))
}

// freeBelow is what is free where a folder lies, or will.
func freeBelow(folder string) (int64, error) {
	for {
		free, err := filexfer.FreeSpace(folder)
		parent := filepath.Dir(folder)
		if !errors.Is(err, fs.ErrNotExist) || parent == folder {
			return free, err
		}
		folder = parent
	}
}

// sizeText is a number of bytes for people.
func sizeText(n int64) string {
	for i, unit := range []string{"TB", "GB", "MB", "kB"} {
		if size := float64(n) / []float64{1e12, 1e9, 1e6, 1e3}[i]; size >= 1 {
			return fmt.Sprintf("%.1f %s", size, unit)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

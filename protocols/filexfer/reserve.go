package filexfer

import (
	"fmt"
	"math"
	"os"
	"sync/atomic"
)

// FreeSpace is how many bytes the user may still write on the disk of a folder. It
// fails with errors.ErrUnsupported where the system does not tell.
func FreeSpace(folder string) (int64, error) {
	f, err := os.Open(folder + string(os.PathSeparator) + ".") // of a file freeSpace asks the folder that it is in
	if err != nil {
		return 0, err
	}
	defer f.Close()
	free, err := freeSpace(f)
	return int64(min(free, math.MaxInt64)), err
}

// HasSpace fails with [ErrNoSpace] unless needed bytes more fit on the disk of file
// with t.Reserve to spare. Where the system does not tell, everything fits.
func (t Target) HasSpace(file *os.File, needed int64) error {
	free, err := freeSpace(file)
	if err != nil || needed <= 0 {
		return nil
	}
	return t.fits(int64(min(free, math.MaxInt64)), needed)
}

func (t Target) fits(free, needed int64) error {
	reserve := t.reserve()
	switch {
	case free-reserve >= needed:
		return nil
	case reserve == 0:
		return fmt.Errorf("%w: %d bytes are free, %d needed", ErrNoSpace, free, needed)
	}
	return fmt.Errorf("%w: %d bytes are free, %d needed, and %d are to stay free", ErrNoSpace, free, needed, reserve)
}

func (t Target) reserve() int64 {
	if t.Reserve == nil {
		return 0
	}
	return max(t.Reserve(), 0)
}

// lookEvery is after how many bytes written the disk is looked at again.
const lookEvery = 64 << 20

// guard looks now and then whether others fill the disk while a file is written.
type guard struct{ written atomic.Int64 }

// wrote fails with ErrNoSpace when less than the reserve is left. Space that was
// claimed for the rest of the file is not free, and so not asked for again.
func (g *guard) wrote(t Target, file *os.File, n int) error {
	before := g.written.Add(int64(n)) - int64(n)
	if t.Reserve == nil || before/lookEvery == (before+int64(n))/lookEvery {
		return nil
	}
	return t.HasSpace(file, 1)
}

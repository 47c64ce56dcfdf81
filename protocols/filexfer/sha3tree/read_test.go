package sha3tree

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
)

func TestReadStopsAtTheSize(t *testing.T) {
	data := pattern(2*UnitSize + 100)
	r := bytes.NewReader(data)
	list, err := Read(t.Context(), r, UnitSize+1, nil)
	if err != nil || list.Size != UnitSize+1 || len(list.Sums) != 2*Size {
		t.Fatalf("%d bytes, %d of sums: %v", list.Size, len(list.Sums), err)
	}
	if left := r.Len(); left != UnitSize+99 {
		t.Errorf("%d bytes left, want %d", left, UnitSize+99)
	}
}

func TestReadOfAShortFile(t *testing.T) {
	for _, has := range []int{0, 1, UnitSize, 2*UnitSize - 1, 2 * UnitSize} {
		list, err := Read(t.Context(), bytes.NewReader(pattern(has)), 2*UnitSize+1, nil)
		if !errors.Is(err, io.ErrUnexpectedEOF) || list.Sums != nil {
			t.Errorf("%d bytes: %v, %v", has, list, err)
		}
	}
}

func TestReadOfAFileThatFails(t *testing.T) {
	broken := errors.New("broken")
	r := io.MultiReader(bytes.NewReader(pattern(5*UnitSize)), iotest.ErrReader(broken))
	if _, err := Read(t.Context(), r, 100*UnitSize, nil); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := Read(t.Context(), r, -1, nil); err == nil {
		t.Error("a negative size was read")
	}
}

func TestReadTellsProgressInOrder(t *testing.T) {
	const size = 9*UnitSize + 7
	var told []int64
	if _, err := Read(t.Context(), iotest.HalfReader(bytes.NewReader(pattern(size))), size, func(n int64) { told = append(told, n) }); err != nil {
		t.Fatal(err)
	}
	if len(told) != 10 || !slices.IsSorted(told) || told[0] != UnitSize || told[9] != size {
		t.Error(told)
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	const size = 1 << 40
	list, err := Read(ctx, zeros{}, size, func(n int64) {
		if n == 3*UnitSize {
			cancel(enough)
		}
	})
	if !errors.Is(err, enough) || list.Sums != nil {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

package filexfer

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

func TestSumFile(t *testing.T) {
	content := strings.Repeat("passeur", bufferSize)
	path := filepath.Join(t.TempDir(), "x")
	put(t, path, content)
	f, err := FileFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	middle := rangeOf(t, f, 3, 10)
	nothing := rangeOf(t, f, 5, 5)
	for want, f := range map[string]File{content: f, content[3:10]: middle, "": nothing} {
		told := []int64{0}
		sum, err := SumFile(t.Context(), f, func(n int64) { told = append(told, n) })
		if err != nil || sum != sumOf(want) {
			t.Errorf("%d bytes: %s (%v)", len(want), sum, err)
		}
		if !slices.IsSorted(told) || told[len(told)-1] != int64(len(want)) {
			t.Errorf("told %v of %d bytes", told, len(want))
		}
		if again, err := SumFile(t.Context(), f, nil); err != nil || again != sum {
			t.Errorf("once more: %s (%v)", again, err)
		}
		tree, err := SumTree(t.Context(), f, nil)
		list, err2 := sha3tree.Read(t.Context(), strings.NewReader(want), int64(len(want)), nil)
		if err != nil || err2 != nil || tree.Root != list.Root() || tree.List.Check(tree.Root) != nil {
			t.Errorf("the tree of %d bytes: %v (%v, %v)", len(want), tree.Root, err, err2)
		}
	}
}

func TestSumFileFails(t *testing.T) {
	dir := t.TempDir()
	changed := func(when string, change func(path string) error) File {
		path := filepath.Join(dir, when)
		put(t, path, "content")
		f, err := FileFromPath(path)
		if err != nil {
			t.Fatal(err)
		}
		if when == "before" {
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			return f
		}
		opened := f.Open
		f.Open = func() (io.ReadCloser, error) {
			reader, err := opened()
			return &changing{reader.(*os.File), func() error { return change(path) }}, err
		}
		return f
	}
	grow := func(path string) error { return os.Truncate(path, 1000) }
	short := text("x", "content")
	short.Size++
	sums := func(f File) error { _, err := SumFile(t.Context(), f, nil); return err }
	trees := func(f File) error { _, err := SumTree(t.Context(), f, nil); return err }
	for _, read := range []func(File) error{sums, trees} {
		for name, f := range map[string]File{
			"grew before it was read": changed("before", grow),
			"grew while it was read":  changed("while", grow),
			"shorter than it says":    short,
			"no Open":                 {Size: 1},
		} {
			if err := read(f); !errors.Is(err, ErrSource) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	f := File{Size: 10 * bufferSize, Open: func() (io.ReadCloser, error) { return zeros{}, nil }}
	if _, err := SumFile(ctx, f, func(int64) { cancel(stopped) }); err != stopped {
		t.Errorf("stopped: %v", err)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	if _, err := SumTree(ctx, f, func(int64) { cancel(stopped) }); err != stopped {
		t.Errorf("the tree, stopped: %v", err)
	}
}

// changing is a file that changes when it is first read.
type changing struct {
	*os.File
	change func() error
}

func (c *changing) Read(p []byte) (int, error) {
	if err := c.change(); err != nil {
		return 0, err
	}
	return c.File.Read(p)
}

func TestFileRange(t *testing.T) {
	whole := seekable("helloworld")
	whole.Sum, whole.Conversation = sumOf("helloworld"), "c0ffee"
	for _, c := range []struct {
		of         File
		start, end int64
		want, sum  string
	}{
		{whole, 0, 10, "helloworld", whole.Sum},
		{whole, 0, 5, "hello", ""},
		{whole, 5, 10, "world", ""},
		{whole, 4, 6, "ow", ""},
		{whole, 10, 10, "", ""},
		{rangeOf(t, whole, 2, 9), 4, 6, "ow", ""},
		{text("x", "no seeking"), 0, 2, "no", ""},
	} {
		part, err := c.of.Range(c.start, c.end)
		if err != nil || part.Offset != c.start || part.Size != c.end-c.start || part.Sum != c.sum || part.Conversation != c.of.Conversation {
			t.Errorf("%d to %d: %+v (%v)", c.start, c.end, part, err)
			continue
		}
		src, err := part.open()
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := io.ReadAll(io.LimitReader(src, part.Size))
		if src.Close(); err != nil || string(got) != c.want {
			t.Errorf("%d to %d: %q (%v), want %q", c.start, c.end, got, err, c.want)
		}
	}
	inner := rangeOf(t, whole, 2, 9)
	for _, bad := range [][2]int64{{1, 5}, {5, 10}, {6, 5}, {-1, 5}, {2, 1 << 62}} {
		if _, err := inner.Range(bad[0], bad[1]); !errors.Is(err, ErrRange) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := rangeOf(t, text("x", "no seeking"), 3, 5).open(); !errors.Is(err, ErrSource) {
		t.Errorf("no seeker: %v", err)
	}
}

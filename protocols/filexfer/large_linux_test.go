package filexfer

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// realSum makes TestContinueBeyond4GiB take SHA3-512, which is half a minute of
// CPU time, in place of a sum that processors have an instruction for.
const realSum = "FILEXFER_TEST_REAL_SUM"

// The sums of its file: what "openssl dgst -sha3-512" prints; the CRC-32C and
// the length.
const (
	largeSum = "786701b8c731bcc83de683fa02a31ac7099a59048a28f1e12ed6a9354248ff46c194568cfd6237c37b8f1eabc9a1c305f591c5748080924dbf6d3af0e16f4d5f"
	quickest = "668057d2" + "0000000100030d40"
)

// A file of more than 32 bits can count, of which all but the last bytes are
// there, continued at an offset above 4 GiB from file to file. Both are sparse,
// on a file system that has room for 1 MiB: only what is missing is claimed.
func TestContinueBeyond4GiB(t *testing.T) {
	mounted(t, func(t *testing.T, dir string) {
		const there, size = 1<<32 + 4096, 1<<32 + 200_000
		source := filepath.Join(dir, "source")
		sparse(t, source, size, there-1, "the last byte that is there, and what follows")
		sparse(t, filepath.Join(dir, wantedPart), there, there-1, "t")
		target := Target{Dir: dir, Name: "x", Size: size, ID: "0123456789abcdef", Sum: largeSum}
		if os.Getenv(realSum) == "" {
			target.Sum = quickest + strings.Repeat("0", sumDigits-len(quickest))
		}

		left, right := connect(t)
		sender, _ := mount(t, left, Config{})
		_, received := mount(t, right, Config{Ranges: true, Accept: func(ctx context.Context, o Offer) (Sink, error) {
			return openFileSink(ctx, target, newLargeSum())
		}})
		if got := PartSize(target); got != there {
			t.Fatalf("%d bytes are there, want %d", got, int64(there))
		}
		f, err := FileFromPath(source)
		if err != nil {
			t.Fatal(err)
		}
		view, err := sender.Send(t.Context(), "right", rangeOf(t, f, there, size))
		if err != nil || view.Bytes != size-there || view.Offset != there {
			t.Errorf("sender: %+v (%v)", view, err)
		}
		end := received.awaitEnd(t)
		wantEnd(t, "receiver", end, Finished, nil)
		if end.Sum != target.Sum || end.Offset != there || end.Bytes != size-there {
			t.Errorf("receiver: %+v", end)
		}
		wantNames(t, dir, "source", "x")
		if tail(t, source, there-1) != tail(t, end.Path, there-1) {
			t.Error("the ends differ")
		}
	})
}

// sparse makes a file of size bytes that are zero but for content at offset.
func sparse(t *testing.T, path string, size, offset int64, content string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte(content), offset); err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(size); err != nil {
		t.Fatal(err)
	}
}

// tail gives the file from offset on, its length included.
func tail(t *testing.T, path string, offset int64) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.NewSectionReader(file, offset, 1<<40))
	if err != nil || len(content) == 0 {
		t.Fatal(len(content), err)
	}
	return string(content)
}

func newLargeSum() hash.Hash {
	if os.Getenv(realSum) != "" {
		return sha3.New512()
	}
	return &quickSum{Hash32: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
}

// quickSum is a CRC and the length, in as many bytes as a SHA3-512.
type quickSum struct {
	hash.Hash32
	n int64
}

func (q *quickSum) Write(p []byte) (int, error) {
	q.n += int64(len(p))
	return q.Hash32.Write(p)
}

func (q *quickSum) Reset() {
	q.n = 0
	q.Hash32.Reset()
}

func (q *quickSum) Sum(b []byte) []byte {
	var sum [sumDigits / 2]byte
	binary.BigEndian.PutUint32(sum[:], q.Sum32())
	binary.BigEndian.PutUint64(sum[4:], uint64(q.n))
	return append(b, sum[:]...)
}

// The last unit of a file beyond 4 GiB, of which the others are there, comes from
// file to file; only its space is claimed, and nothing is read of the rest.
func TestLastUnitBeyond4GiB(t *testing.T) {
	mounted(t, func(t *testing.T, dir string) {
		const there, size = 1 << 32, 1<<32 + 200_000
		source := filepath.Join(dir, "source")
		sparse(t, source, size, size-5, "hello")
		sparse(t, filepath.Join(dir, wantedPart), size, 0, "")
		tree := sparseTree(size, "hello")
		s := sidecarOf(t, dir, tree)
		verified := slices.Repeat([]bool{true}, int(s.units))
		verified[s.units-1] = false
		if err := s.write(tree.Root, tree.List, verified); err != nil {
			t.Fatal(err)
		}
		s.close()
		target := Target{Dir: dir, Name: "x", Size: size, ID: "0123456789abcdef", Root: tree.Root.String()}
		if got := PartSize(target); got != there {
			t.Fatalf("%d bytes are there, want %d", got, int64(there))
		}
		p := openUnits(t, target)
		wantMissing(t, p, Span{there, size})
		left, right := connect(t)
		sender, _ := mount(t, left, Config{})
		mount(t, right, Config{Ranges: true, Accept: into(p.Range(there, size))})
		f, err := FileFromPath(source)
		if err != nil {
			t.Fatal(err)
		}
		f.Tree, f.Root = func(context.Context) (Tree, error) { return tree, nil }, target.Root
		if _, err := sender.Send(t.Context(), "right", rangeOf(t, f, there, size)); err != nil {
			t.Fatal(err)
		}
		if err := p.Finish(); err != nil {
			t.Fatal(err)
		}
		wantNames(t, dir, "source", "x")
		if tail(t, source, there) != tail(t, p.Path(), there) {
			t.Error("the ends differ")
		}
	})
}

// sparseTree is the tree of size bytes that are zero but for the end.
func sparseTree(size int64, end string) Tree {
	zero := sha3tree.Unit(make([]byte, unit))
	list := sha3tree.List{Size: size, Sums: bytes.Repeat(zero[:], int(sha3tree.Units(size)))}
	last := make([]byte, (size-1)%unit+1)
	copy(last[len(last)-len(end):], end)
	sum := sha3tree.Unit(last)
	copy(list.Sums[len(list.Sums)-sha3tree.Size:], sum[:])
	return Tree{Root: list.Root(), List: list}
}

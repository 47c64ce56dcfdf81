package filexfer

import (
	"cmp"
	"context"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

const benchSize = 256 << 20

// zeros is a source without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
func (zeros) Close() error               { return nil }

// nowhere is a Sink that keeps nothing but the count.
type nowhere struct{ n int64 }

func (s *nowhere) Write(p []byte) (int, error) { s.n += int64(len(p)); return len(p), nil }
func (*nowhere) Commit() error                 { return nil }
func (*nowhere) Abort() error                  { return nil }

// The hash alone: the bound of a transfer without a known sum.
func BenchmarkSHA3(b *testing.B) {
	piece := make([]byte, bufferSize)
	b.SetBytes(bufferSize)
	for sum := sha3.New512(); b.Loop(); {
		sum.Write(piece)
	}
}

// The ring alone, over a pipe in memory.
func BenchmarkPump(b *testing.B) {
	for name, sum := range map[string]hash.Hash{"hash": sha3.New512(), "no hash": nil} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(benchSize)
			for b.Loop() {
				r, w := io.Pipe()
				go io.CopyBuffer(w, io.LimitReader(zeros{}, benchSize), make([]byte, frame))
				flow := &pump{src: r, dst: io.Discard, size: benchSize, hash: sum, interrupt: func() { r.Close() }}
				if err := flow.run(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A whole transfer over yamux in memory, both ends in this process.
func BenchmarkTransfer(b *testing.B) {
	for name, sum := range map[string]string{"hash at both ends": "", "sum known": zerosSum(benchSize)} {
		b.Run(name, func(b *testing.B) {
			left, right := connect(b)
			sender, _ := mount(b, left, Config{})
			mount(b, right, Config{Accept: func(context.Context, Offer) (Sink, error) { return &nowhere{}, nil }})
			file := File{Name: "zeros", Size: benchSize, Sum: sum, Open: func() (io.ReadCloser, error) { return zeros{}, nil }}
			b.SetBytes(benchSize)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := sender.Send(b.Context(), "right", file); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchBytes is the size of BenchmarkFileToFile's file, a sparse one.
const benchBytes = "FILEXFER_BENCH_BYTES"

// benchSource makes the file.
func benchSource(b *testing.B, path string) {
	b.Helper()
	size, err := strconv.ParseInt(cmp.Or(os.Getenv(benchBytes), strconv.Itoa(benchSize)), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	content := noise(10 * unit)
	if err := errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Truncate(path, size)); err != nil {
		b.Fatal(err)
	}
}

// A whole transfer from file to file over TCP and yamux, as it is verified: by a
// tree, by nothing, by SHA3-512 at both ends. The memory of the process is told.
func BenchmarkFileToFile(b *testing.B) {
	dir := b.TempDir()
	source := filepath.Join(dir, "source")
	benchSource(b, source)
	f, err := FileFromPath(source)
	if err != nil {
		b.Fatal(err)
	}
	opened, err := os.Open(source)
	if err != nil {
		b.Fatal(err)
	}
	defer opened.Close()
	list, err := sha3tree.Read(b.Context(), opened, f.Size, nil)
	if err != nil {
		b.Fatal(err)
	}
	tree := Tree{Root: list.Root(), List: list}
	withTree := f
	withTree.Root, withTree.Tree = tree.Root.String(), func(context.Context) (Tree, error) { return tree, nil }
	for _, way := range []struct {
		name   string
		file   File
		unread bool // nothing is hashed
	}{
		{"tree", withTree, false},
		{"nothing", f, true},
		{"sha3-512", f, false},
	} {
		b.Run(way.name, func(b *testing.B) {
			left, right := connectTCP(b)
			sender, _ := mount(b, left, Config{})
			var part *Part
			newSum := sender.newSum
			mount(b, right, Config{Accept: func(ctx context.Context, o Offer) (Sink, error) {
				target := Target{Dir: dir, Name: "x", Size: o.Size}
				if !o.HasTree() {
					return openFileSink(ctx, target, newSum())
				}
				var err error
				if part, err = OpenPart(ctx, target); err != nil {
					return nil, err
				}
				return part.Range(0, o.Size), nil
			}})
			if way.unread {
				newSum = newNoSum
				sender.newSum = newSum
			}
			b.SetBytes(f.Size)
			for b.Loop() {
				if _, err := sender.Send(b.Context(), "right", way.file); err != nil {
					b.Fatal(err)
				}
				if part != nil {
					if err := part.Finish(); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				os.Remove(filepath.Join(dir, "x"))
				b.StartTimer()
			}
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			b.ReportMetric(float64(memory.Sys)/(1<<20), "MiB")
		})
	}
}

// newNoSum sums nothing.
func newNoSum() hash.Hash { return noSum{} }

type noSum struct{}

func (noSum) Write(p []byte) (int, error) { return len(p), nil }
func (noSum) Sum(b []byte) []byte         { return append(b, make([]byte, sumDigits/2)...) }
func (noSum) Reset()                      {}
func (noSum) Size() int                   { return sumDigits / 2 }
func (noSum) BlockSize() int              { return 1 }

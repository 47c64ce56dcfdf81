package filexfer

import (
	"context"
	"hash"
	"io"
	"testing"

	"golang.org/x/crypto/sha3"
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

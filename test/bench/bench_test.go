package main

import (
	"math"
	"os"
	"strings"
	"testing"
)

// The processes that a round starts are this test binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-role" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Every row carries bytes from one process to another, whole.
func TestRows(t *testing.T) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			s, err := round(t.Context(), options{size: 8 << 20}, r, "")
			if err != nil {
				t.Fatal(err)
			}
			if s.speed <= 0 || s.send <= 0 || s.recv <= 0 {
				t.Errorf("measured %+v", s)
			}
		})
	}
}

func TestStamp(t *testing.T) {
	piece := randomPiece()
	stamp(piece, 7)
	if !stamped(piece, 7) || stamped(piece, 8) {
		t.Error("a piece is not known by its stamps")
	}
	copy(piece[pageSize:], piece[2*pageSize:3*pageSize])
	if stamped(piece, 7) {
		t.Error("a page at the wrong place is not noticed")
	}
}

func TestTable(t *testing.T) {
	samples := make(map[string][]sample)
	for i, r := range rows {
		for _, noise := range []float64{1, 0.5, 2} { // hits all rows of a round alike
			samples[r.name] = append(samples[r.name], sample{speed: noise * 1e9 / float64(i+1), send: 0.5, recv: 0.75})
		}
	}
	got := table(options{size: 1 << 30, rounds: 3}, samples)
	want := "libp2p over /ice                  200 ( 100- 400)  0.50 + 0.75 = 1.25   0.40 (0.40-0.40)    0.20\n"
	if !strings.HasSuffix(got, want) {
		t.Errorf("table\n%s\nwant at its end\n%s", got, want)
	}
}

func TestSortTop(t *testing.T) {
	top := `File: bench
Type: cpu
Duration: 1s, Total samples = 1000ms (100%)
Showing nodes accounting for 1000ms, 100% of 1000ms total
      flat  flat%   sum%        cum   cum%
     500ms 50.00% 50.00%      500ms 50.00%  internal/runtime/syscall/linux.Syscall6
     250ms 25.00% 75.00%      250ms 25.00%  crypto/internal/fips140/aes/gcm.gcmAesEnc
     125ms 12.50% 87.50%      125ms 12.50%  runtime.memmove
     100ms 10.00% 97.50%      100ms 10.00%  runtime.futex
      25ms  2.50%   100%       25ms  2.50%  main.stamp (inline)
         0     0%   100%     1000ms   100%  main.main
`
	shares, err := sortTop([]byte(top))
	if err != nil {
		t.Fatal(err)
	}
	want := []share{
		{"socket reads and writes in the kernel", 0.5}, {"AES-GCM", 0.25}, {"copying", 0.125},
		{"scheduling and garbage collection", 0.1}, {otherWork, 0.025},
	}
	if len(shares) != len(want) {
		t.Fatalf("shares %v, want %v", shares, want)
	}
	for i := range want {
		if shares[i].work != want[i].work || math.Abs(shares[i].part-want[i].part) > 1e-9 {
			t.Errorf("share %d is %v, want %v", i, shares[i], want[i])
		}
	}
	if _, err := sortTop([]byte("nothing")); err == nil {
		t.Error("an empty profile gave shares")
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]size{"1MiB": 1 << 20, "256MiB": 256 << 20, "2GiB": 2 << 30} {
		var s size
		if err := s.Set(text); err != nil || s != want || s.String() != text {
			t.Errorf("%s: %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "1", "1GB", "-1GiB", "0MiB", "1.5GiB"} {
		if err := new(size).Set(text); err == nil {
			t.Errorf("%q is taken for a size", text)
		}
	}
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// kinds of work by the function that a profile's sample is in; the first match
// counts.
var kinds = []struct {
	work string
	in   *regexp.Regexp
}{
	{"socket reads and writes in the kernel", regexp.MustCompile(`^(internal/runtime/)?syscall`)},
	{"AES-GCM", regexp.MustCompile(`^crypto/internal/fips140/(aes|subtle)|^crypto/.*[gG][cC][mM]`)},
	{"copying", regexp.MustCompile(`^runtime\.(memmove|memclr)`)},
	{"scheduling and garbage collection", regexp.MustCompile(`^runtime\.|^internal/runtime/`)},
	{"yamux and TLS themselves", regexp.MustCompile(`yamux|libp2p|crypto/tls|passeur|internal/poll|^net\.|^sync|bytes`)},
}

const otherWork = "the rest"

type share struct {
	work string
	part float64 // of the CPU time
}

// spent sorts the CPU time of two profiles by kinds of work.
func spent(ctx context.Context, profiles ...string) ([]share, error) {
	args := append([]string{"tool", "pprof", "-top", "-nodecount=100000", "-nodefraction=0", "-edgefraction=0", "-unit=ms"}, profiles...)
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go tool pprof: %w: %s", err, stderr.Bytes())
	}
	return sortTop(out)
}

// sortTop reads pprof's text: after the heading, lines of flat time, four more
// columns, and the function.
func sortTop(top []byte) ([]share, error) {
	var sum float64
	byWork := make(map[string]float64)
	lines := bufio.NewScanner(bytes.NewReader(top))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 6 {
			continue
		}
		ms, err := strconv.ParseFloat(strings.TrimSuffix(f[0], "ms"), 64)
		if err != nil {
			continue // the heading
		}
		byWork[workOf(f[5])] += ms
		sum += ms
	}
	if sum == 0 {
		return nil, fmt.Errorf("go tool pprof gave no samples: %.200s", top)
	}
	var shares []share
	for work, ms := range byWork {
		shares = append(shares, share{work, ms / sum})
	}
	slices.SortFunc(shares, func(a, b share) int { return int(1e6 * (b.part - a.part)) })
	return shares, nil
}

func workOf(function string) string {
	for _, k := range kinds {
		if k.in.MatchString(function) {
			return k.work
		}
	}
	return otherWork
}

// limitOf says what a faster /ice would have to do less of.
func limitOf(s sample, shares []share) string {
	var parts []string
	for _, sh := range shares {
		parts = append(parts, fmt.Sprintf("%.0f %% %s", 100*sh.part, sh.work))
	}
	own := (s.send + s.recv) * s.speed / (1 << 30) / float64(runtime.NumCPU())
	why := "the processor"
	if s.idle > 0.25 {
		why = "its stages, which wait for each other,"
	}
	return fmt.Sprintf("What limits /ice here is %s: %.2f CPU-s a GiB use %.0f %% of %d cores (%.0f %% idle, %.0f %% with others); of it %s.",
		why, s.send+s.recv, 100*own, runtime.NumCPU(), 100*s.idle, 100*max(0, 1-own-s.idle), strings.Join(parts, ", "))
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// sample is one round of one row.
type sample struct {
	speed float64 // bytes a second
	send  float64 // CPU seconds a GiB
	recv  float64
	idle  float64 // part of the machine's CPU time
}

// measure runs all rounds and prints the table.
func measure(ctx context.Context, o options) error {
	samples := make(map[string][]sample)
	for i := range o.rounds {
		for j := range rows {
			r := rows[(i+j)%len(rows)]
			s, err := round(ctx, o, r, "")
			if err != nil {
				return fmt.Errorf("%s: %w", r.title, err)
			}
			samples[r.name] = append(samples[r.name], s)
			fmt.Fprintf(os.Stderr, "round %d/%d  %-30s %6.0f MB/s\n", i+1, o.rounds, r.title, s.speed/1e6)
		}
	}
	fmt.Print(table(o, samples))
	limit, err := profiled(ctx, o)
	if err != nil {
		return fmt.Errorf("profile /ice: %w", err)
	}
	fmt.Printf("\n%s\n", limit)
	if ratio := median(ratios(samples[rowICE], samples[rowTLS])); ratio < o.least {
		return fmt.Errorf("/ice has %.2f of plain TLS, want %.2f", ratio, o.least)
	}
	return nil
}

// profiled runs one more round over /ice, outside the figures, and says what it
// spends its time on.
func profiled(ctx context.Context, o options) (string, error) {
	dir, err := os.MkdirTemp("", "passeur-bench-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	r, _ := rowNamed(rowICE)
	prefix := filepath.Join(dir, "cpu")
	s, err := round(ctx, o, r, prefix)
	if err != nil {
		return "", err
	}
	shares, err := spent(ctx, prefix+".send", prefix+".receive")
	if err != nil {
		return "", err
	}
	return limitOf(s, shares), nil
}

// round sends o.size over r, from one new process to another.
func round(ctx context.Context, o options, r row, profile string) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	recv, recvOut, err := start(ctx, o, r, "receive", "", profile)
	if err != nil {
		return sample{}, err
	}
	defer recv.Wait()
	defer cancel()
	var addr string
	if err := recvOut.Decode(&addr); err != nil {
		return sample{}, fmt.Errorf("the receiver did not start: %w", err)
	}
	send, sendOut, err := start(ctx, o, r, "send", addr, profile)
	if err != nil {
		return sample{}, err
	}
	defer send.Wait()
	var from, to result
	if err := sendOut.Decode(&from); err != nil {
		return sample{}, fmt.Errorf("the sender failed: %w", err)
	}
	if err := recvOut.Decode(&to); err != nil {
		return sample{}, fmt.Errorf("the receiver failed: %w", err)
	}
	gib := float64(o.size) / (1 << 30)
	return sample{
		speed: float64(o.size) / from.Wall.Seconds(),
		send:  from.CPU.Seconds() / gib,
		recv:  to.CPU.Seconds() / gib,
		idle:  from.Idle.Seconds() / from.Wall.Seconds() / float64(runtime.NumCPU()),
	}, nil
}

// start runs this program in another role; what it prints comes as JSON.
func start(ctx context.Context, o options, r row, role, addr, profile string) (*exec.Cmd, *json.Decoder, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	args := []string{"-role", role, "-row", r.name, "-addr", addr, "-size", o.size.String()}
	if profile != "" {
		args = append(args, "-profile", profile+"."+role)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return cmd, json.NewDecoder(out), cmd.Start()
}

// machine names what the figures are from.
func machine() string {
	model := runtime.GOARCH
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		model = cpuModel(f, model)
	}
	return fmt.Sprintf("%d cores %s, %s, %s", runtime.NumCPU(), model, runtime.Version(), runtime.GOOS)
}

func cpuModel(cpuinfo io.Reader, unknown string) string {
	lines := bufio.NewScanner(cpuinfo)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "model name"); ok {
			return strings.Trim(name, "\t: ")
		}
	}
	return unknown
}

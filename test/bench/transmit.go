package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sample is one stream that has gone from one process to another.
type sample struct {
	wall  time.Duration
	speed float64 // bytes a second
	send  float64 // CPU seconds a GiB
	recv  float64
	idle  float64 // part of the machine's CPU time
}

func (s sample) figures() figures {
	return figures{seconds: s.wall.Seconds(), speed: s.speed / 1e6, effort: s.send + s.recv}
}

// where is where the two processes of a stream run.
type where struct {
	from, to command
	ip       string // of to
	before   []string
}

// command is exec.CommandContext, on some host.
type command func(ctx context.Context, name string, args ...string) *exec.Cmd

// here is this host, over loopback.
func here() where { return where{local, local, "127.0.0.1", nil} }

func local(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// load is what is to be sent from one process to another.
type load struct {
	way      string
	size     int64
	from, to string // files; "": numbers
	profile  string // prefix of the names of profiles
	control  string // see [plain]
}

// transmit sends something from one new process to another.
func (w where) transmit(ctx context.Context, l load) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	recv, recvOut, err := w.start(ctx, w.to, l, "receive", w.ip, l.to)
	if err != nil {
		return sample{}, err
	}
	defer recv.Wait()
	defer cancel()
	var addr string
	if err := recvOut.Decode(&addr); err != nil {
		return sample{}, fmt.Errorf("the receiver did not start: %w", err)
	}
	send, sendOut, err := w.start(ctx, w.from, l, "send", addr, l.from)
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
	return newSample(l.size, from, to), nil
}

func newSample(bytes int64, from, to result) sample {
	gib := float64(bytes) / (1 << 30)
	return sample{
		wall:  from.Wall,
		speed: float64(bytes) / from.Wall.Seconds(),
		send:  from.CPU.Seconds() / gib,
		recv:  to.CPU.Seconds() / gib,
		idle:  from.Idle.Seconds() / from.Wall.Seconds() / float64(runtime.NumCPU()),
	}
}

// start runs this program in another role; what it prints comes as JSON.
func (w where) start(ctx context.Context, run command, l load, role, addr, file string) (*exec.Cmd, *json.Decoder, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	words := append(slices.Clone(w.before), self, "-role", role, "-way", l.way, "-addr", addr, "-size", size(l.size).String(), "-file", file, "-control", l.control)
	if l.profile != "" {
		words = append(words, "-profile", l.profile+"."+role)
	}
	cmd := run(ctx, words[0], words[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return cmd, json.NewDecoder(out), cmd.Start()
}

// thisMachine names what the figures are from.
func thisMachine() string {
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

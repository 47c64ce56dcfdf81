package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tick is the unit of CPU times in /proc (USER_HZ), which is the same everywhere.
const tick = 10 * time.Millisecond

// cpuOf is the user and system time that processes have used.
func cpuOf(t testing.TB, pids ...int) (sum time.Duration) {
	t.Helper()
	for _, pid := range pids {
		used, err := cpuOfProcess(pid)
		if err != nil {
			t.Fatalf("read the CPU time of process %d: %v", pid, err)
		}
		sum += used
	}
	return sum
}

// cpuOfProcess reads fields 14 and 15 of proc(5)'s stat; the second field is a name in
// brackets, which may hold anything.
func cpuOfProcess(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("stat says %q", stat)
	}
	user, err := strconv.ParseInt(f[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * tick, err
}

// settled waits until processes have hardly used the CPU for a while, so that what
// they do after a run does not hit another one. It gives what they have used until then.
func settled(t testing.TB, pids ...int) time.Duration {
	t.Helper()
	const pause, still = 100 * time.Millisecond, 3
	began := cpuOf(t, pids...)
	used, calm := began, 0
	for end := time.Now().Add(patience); calm < still && time.Now().Before(end); {
		time.Sleep(pause)
		now := cpuOf(t, pids...)
		if calm++; now-used > pause/10 {
			calm = 0
		}
		used = now
	}
	return used - began
}

// peak is the most memory that a process has had resident, in bytes: VmHWM of
// proc(5)'s status.
func peak(t testing.TB, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatalf("read the memory of process %d: %v", pid, err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		t.Fatalf("process %d does not say how much memory it had: %v", pid, err)
	}
	return kib << 10
}

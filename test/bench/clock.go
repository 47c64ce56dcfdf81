package main

import (
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// result is what one end tells of the timed part.
type result struct {
	Wall time.Duration
	CPU  time.Duration // user and system time of the process
	Idle time.Duration // of all cores together, whoever might have used it
}

// clock measures the timed part in this process.
type clock struct {
	start time.Time
	cpu   time.Duration
	idle  time.Duration
	stop  func()
}

func startClock(profile string) (clock, error) {
	c := clock{stop: func() {}}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return c, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return c, err
		}
		c.stop = func() {
			pprof.StopCPUProfile()
			f.Close()
		}
	}
	c.start, c.cpu, c.idle = time.Now(), cpuTime(), idleTime()
	return c, nil
}

func (c clock) result() result {
	r := result{time.Since(c.start), cpuTime() - c.cpu, idleTime() - c.idle}
	c.stop()
	return r
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // cannot fail for the process itself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// idleTime is how long the cores have had nothing to do since the machine
// started, in steps of 10 ms; 0 where the kernel does not say (proc(5), stat).
func idleTime() time.Duration {
	stat, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(stat), "\n")
	f := strings.Fields(line)
	if len(f) < 6 || f[0] != "cpu" {
		return 0
	}
	idle, _ := strconv.ParseInt(f[4], 10, 64)
	iowait, _ := strconv.ParseInt(f[5], 10, 64)
	return time.Duration(idle+iowait) * 10 * time.Millisecond
}

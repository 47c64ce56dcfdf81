package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
)

// stage is what a row is run on. It is a testing.TB, so that the lab, its hosts and
// its people serve here as they serve tests; but what fails ends the run that goes on
// and nothing else. See [stage.try].
type stage struct {
	testing.TB // nil, for what that interface keeps to itself
	name       string
	dir        string // where temporary folders are made
	ctx        context.Context
	cancel     context.CancelFunc

	mu       sync.Mutex
	errs     []error // of the run that goes on
	failed   bool    // some run has failed
	cleanups []func()
}

func newStage(ctx context.Context, name, dir string) *stage {
	s := &stage{name: name, dir: dir}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

// try calls f and gives what it has reported to the stage. f may end by Fatal.
func (s *stage) try(f func()) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(s.errs...)
	s.errs = nil
	return err
}

// close undoes what was built on the stage, the last first.
func (s *stage) close() error {
	s.cancel()
	var all []error
	for {
		s.mu.Lock()
		n := len(s.cleanups)
		if n == 0 {
			s.mu.Unlock()
			return errors.Join(all...)
		}
		f := s.cleanups[n-1]
		s.cleanups = s.cleanups[:n-1]
		s.mu.Unlock()
		all = append(all, s.try(f))
	}
}

func (s *stage) report(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, err)
	s.failed = true
}

// The methods of testing.TB that the lab uses.

func (s *stage) Name() string             { return s.name }
func (s *stage) Helper()                  {}
func (s *stage) Context() context.Context { return s.ctx }
func (s *stage) Error(args ...any)        { s.report(errors.New(fmt.Sprint(args...))) }
func (s *stage) Errorf(format string, args ...any) {
	s.report(fmt.Errorf(format, args...))
}
func (s *stage) FailNow()          { runtime.Goexit() }
func (s *stage) Fatal(args ...any) { s.Error(args...); s.FailNow() }
func (s *stage) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	s.FailNow()
}

// Failed is asked by those who would then show a node's whole log.
func (s *stage) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed && os.Getenv("BENCH_LOGS") != ""
}

func (s *stage) Log(args ...any)                 { fmt.Fprintln(os.Stderr, args...) }
func (s *stage) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (s *stage) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp(s.dir, "bench-")
	if err != nil {
		s.Fatalf("make a temporary folder: %v", err)
	}
	s.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			s.Errorf("remove a temporary folder: %v", err)
		}
	})
	return dir
}

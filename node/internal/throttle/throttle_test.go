package throttle_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/node/internal/throttle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs a test on a clock of its own and on one processor: under -race,
// the runtime of Go 1.26 crashes when two processors fire timers of one bubble
// at once.
func bubble(t *testing.T, run func(*testing.T)) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, run)
}

// pipe is a stream over one end of a pipe in memory, which takes no time.
type pipe struct {
	network.Stream // nil: nothing else is asked
	end            net.Conn
}

func (p pipe) Read(b []byte) (int, error)                   { return p.end.Read(b) }
func (p pipe) Write(b []byte) (int, error)                  { return p.end.Write(b) }
func (p pipe) Close() error                                 { return p.end.Close() }
func (p pipe) CloseRead() error                             { return nil }
func (p pipe) CloseWrite() error                            { return p.end.Close() }
func (p pipe) Reset() error                                 { return p.end.Close() }
func (p pipe) ResetWithError(network.StreamErrorCode) error { return p.end.Close() }
func (p pipe) SetDeadline(t time.Time) error                { return p.end.SetDeadline(t) }
func (p pipe) SetReadDeadline(t time.Time) error            { return p.end.SetReadDeadline(t) }
func (p pipe) SetWriteDeadline(t time.Time) error           { return p.end.SetWriteDeadline(t) }

// endless gives zeros for ever, or takes everything.
type endless struct{ network.Stream }

func (endless) Read(b []byte) (int, error)       { return len(b), nil }
func (endless) Write(b []byte) (int, error)      { return len(b), nil }
func (endless) SetDeadline(time.Time) error      { return nil }
func (endless) SetWriteDeadline(time.Time) error { return nil }
func (endless) Reset() error                     { return nil }

func limited(perSecond int64) *throttle.Bucket {
	b := new(throttle.Bucket)
	b.SetRate(perSecond)
	return b
}

func buckets(b ...*throttle.Bucket) []*throttle.Bucket { return b }

// around fails unless got is want, but for a fifth of a second's worth in ten.
func around(t *testing.T, what string, got, want float64) {
	t.Helper()
	if got < 0.98*want || got > 1.02*want {
		t.Errorf("%s: %.0f, want about %.0f", what, got, want)
	}
}

func TestRateIsKept(t *testing.T) {
	const seconds = 5
	for _, perSecond := range []int64{throttle.MinRate, 1 << 20, 100_000_000, 2 << 30} {
		for name, move := range map[string]func(n int64) error{
			"up": func(n int64) error {
				s := throttle.Wrap(endless{}, buckets(limited(perSecond)), nil, nil)
				_, err := io.CopyBuffer(s, io.LimitReader(struct{ io.Reader }{endless{}}, n), make([]byte, 256<<10))
				return err
			},
			"down": func(n int64) error {
				s := throttle.Wrap(endless{}, nil, buckets(limited(perSecond)), nil)
				_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(s, n), make([]byte, 1<<20))
				return err
			},
		} {
			bubble(t, func(t *testing.T) {
				began := time.Now()
				if err := move(seconds * perSecond); err != nil {
					t.Error(err)
				}
				if perSecond > throttle.MinRate { // there the bucket holds a second
					around(t, name, float64(perSecond)*seconds/time.Since(began).Seconds(), float64(perSecond))
				} else if d := time.Since(began); d < (seconds-1)*time.Second || d > seconds*time.Second {
					t.Errorf("%s: %d seconds' worth in %v", name, seconds, d)
				}
			})
		}
	}
}

// moved counts what streams carry for a while, each in its own goroutine.
func moved(d time.Duration, streams ...network.Stream) []float64 {
	counts := make([]float64, len(streams))
	until := time.Now().Add(d)
	var running sync.WaitGroup
	for i, s := range streams {
		running.Go(func() {
			b := make([]byte, 256<<10)
			for time.Now().Before(until) {
				n, err := s.Write(b)
				if err != nil {
					return
				}
				counts[i] += float64(n)
			}
		})
	}
	running.Wait()
	return counts
}

// Two streams of one contact share what it may have, a third one has what is left of
// the node's.
func TestSharedBuckets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		node, alice, bob := limited(30<<20), limited(10<<20), limited(0)
		got := moved(20*time.Second,
			throttle.Wrap(endless{}, buckets(alice, node), nil, nil),
			throttle.Wrap(endless{}, buckets(alice, node), nil, nil),
			throttle.Wrap(endless{}, buckets(bob, node), nil, nil))
		around(t, "alice's first", got[0], 100<<20)
		around(t, "alice's second", got[1], 100<<20)
		around(t, "bob's", got[2], 400<<20)
	})
}

// What passes in any tenth of a second is a tenth of the rate and what a bucket holds.
func TestSmooth(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const perSecond = 8 << 20
		here, there := net.Pipe()
		s := throttle.Wrap(pipe{end: here}, buckets(limited(perSecond)), nil, nil)
		var writing sync.WaitGroup
		writing.Go(func() {
			s.Write(make([]byte, 5*perSecond))
			s.Close()
		})
		var most, now int
		window := time.Now()
		b := make([]byte, 1<<20)
		for {
			n, err := there.Read(b)
			if err != nil {
				break
			}
			if time.Since(window) >= 100*time.Millisecond {
				most, now, window = max(most, now), 0, time.Now()
			}
			now += n
		}
		writing.Wait()
		if limit := perSecond/10 + perSecond/20 + perSecond/50; most > limit {
			t.Errorf("%d bytes in a tenth of a second, want at most %d", most, limit)
		}
	})
}

func TestRateChangesWhileAStreamWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := limited(throttle.MinRate)
		s := throttle.Wrap(endless{}, buckets(b), nil, nil)
		done := make(chan time.Time, 1)
		go func() {
			s.Write(make([]byte, 1000*throttle.MinRate))
			done <- time.Now()
		}()
		began := time.Now()
		<-time.After(10 * time.Second)
		b.SetRate(99 * throttle.MinRate)
		<-time.After(5 * time.Second)
		select {
		case at := <-done:
			t.Errorf("done after %v", at.Sub(began))
		default:
		}
		if got := b.Rate(); got != 99*throttle.MinRate {
			t.Errorf("the rate is %d", got)
		}
		b.SetRate(0)
		if d := (<-done).Sub(began); d != 15*time.Second {
			t.Errorf("done after %v, want as soon as there is no limit", d)
		}
		if got := b.Rate(); got != 0 {
			t.Errorf("the rate is %d", got)
		}
	})
}

func TestLeastRate(t *testing.T) {
	if got := limited(1).Rate(); got != throttle.MinRate {
		t.Errorf("the rate is %d", got)
	}
}

// Whatever ends a Write or Read of the stream ends one that waits for tokens, in the
// same moment.
func TestEndWhileWaiting(t *testing.T) {
	for name, end := range map[string]func(s network.Stream) error{
		"deadline before": func(s network.Stream) error { return s.SetDeadline(time.Now().Add(-time.Second)) },
		"deadline now":    func(s network.Stream) error { return s.SetDeadline(time.Now()) },
		"one direction's": func(s network.Stream) error {
			return errors.Join(s.SetReadDeadline(time.Now()), s.SetWriteDeadline(time.Now()))
		},
		"close":            network.Stream.Close,
		"close directions": func(s network.Stream) error { return errors.Join(s.CloseRead(), s.CloseWrite()) },
		"reset":            network.Stream.Reset,
		"reset with code":  func(s network.Stream) error { return s.ResetWithError(1) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer there.Close()
				defer here.Close()
				s := throttle.Wrap(pipe{end: here}, buckets(limited(throttle.MinRate)), buckets(limited(throttle.MinRate)), nil)
				go io.Copy(io.Discard, struct{ io.Reader }{there})
				go there.Write(make([]byte, 1<<20))
				wrote, read := make(chan error, 1), make(chan error, 1)
				go func() { _, err := s.Write(make([]byte, 1<<20)); wrote <- err }()
				go func() { _, err := io.Copy(io.Discard, struct{ io.Reader }{s}); read <- err }()
				<-time.After(5500 * time.Millisecond)
				began := time.Now()
				if err := end(s); err != nil {
					t.Fatal(err)
				}
				if err := <-wrote; err == nil {
					t.Error("the Write went well")
				} else if name[0] == 'd' && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the Write ended with %v", err)
				}
				here.Close() // after the close of the directions, a Read may go on
				<-read
				if d := time.Since(began); d != 0 {
					t.Errorf("it took %v", d)
				}
			})
		})
	}
}

// A deadline that is moved counts from then on, and one that is taken back not at all.
func TestDeadlineMoves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := throttle.Wrap(endless{}, buckets(limited(throttle.MinRate)), nil, nil)
		began := time.Now()
		check := func(want time.Duration) {
			t.Helper()
			_, err := s.Write(make([]byte, 1<<20))
			if d := time.Since(began); d != want || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("after %v: %v; want it after %v", d, err, want)
			}
		}
		s.SetDeadline(began.Add(time.Second))
		s.SetWriteDeadline(began.Add(3 * time.Second))
		check(3 * time.Second)
		s.SetWriteDeadline(time.Time{})
		if n, err := s.Write(make([]byte, 2*throttle.MinRate)); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		began = time.Now()
		s.SetDeadline(began.Add(time.Minute))
		time.AfterFunc(time.Second, func() { s.SetDeadline(began.Add(2 * time.Second)) })
		check(2 * time.Second)
		s.Reset()
	})
}

// Who sets a deadline again and again need not know that somebody else has ended the
// stream meanwhile.
func TestDeadlineAfterTheEnd(t *testing.T) {
	for name, end := range map[string]func(s network.Stream) error{
		"close":            network.Stream.Close,
		"close directions": func(s network.Stream) error { return errors.Join(s.CloseRead(), s.CloseWrite()) },
		"reset":            network.Stream.Reset,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer there.Close()
				defer here.Close()
				s := throttle.Wrap(pipe{end: here}, nil, nil, nil)
				s.SetDeadline(time.Now().Add(time.Minute))
				if err := end(s); err != nil {
					t.Fatal(err)
				}
				s.SetDeadline(time.Now().Add(time.Hour)) // would hang, and the bubble with it
				s.SetReadDeadline(time.Now())
				s.SetWriteDeadline(time.Time{})
			})
		})
	}
}

// All bytes come, in their order, whatever the limits of both directions.
func TestContentIsWhole(t *testing.T) {
	bubble(t, func(t *testing.T) {
		content := bytes.Repeat([]byte("passeur"), 100_000)
		here, there := net.Pipe()
		up := throttle.Wrap(pipe{end: here}, buckets(limited(1<<20), limited(3<<20)), nil, nil)
		down := throttle.Wrap(pipe{end: there}, nil, buckets(limited(2<<20)), nil)
		go func() {
			up.Write(content)
			up.Close()
		}()
		got, err := io.ReadAll(down)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes of %d came: %v", len(got), len(content), err)
		}
	})
}

// What a stream belongs to may be known late, and counts from then on, in both
// directions.
func TestAlso(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var late *throttle.Bucket
		s := throttle.Wrap(endless{}, nil, buckets(limited(0)), func() *throttle.Bucket { return late })
		second := make([]byte, 1<<20)
		takes := func(move func([]byte) (int, error)) time.Duration {
			began := time.Now()
			for left := len(second); left > 0; {
				n, err := move(second[:left])
				if err != nil {
					t.Fatal(err)
				}
				left -= n
			}
			return time.Since(began)
		}
		if took := takes(s.Write); took != 0 {
			t.Errorf("without a bucket it took %v", took)
		}
		late = limited(1 << 20)
		for name, move := range map[string]func([]byte) (int, error){"Write": s.Write, "Read": s.Read} {
			if took := takes(move); took < 900*time.Millisecond || took > 1100*time.Millisecond {
				t.Errorf("%s took %v, want a second", name, took)
			}
		}
	})
}

// A stream without a limit costs nothing to speak of.
func TestNoLimitCostsNothing(t *testing.T) {
	s := throttle.Wrap(endless{}, buckets(limited(0), limited(0)), buckets(limited(0)), nil)
	b := make([]byte, 256<<10)
	if n := testing.AllocsPerRun(100, func() { s.Write(b); s.Read(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkWrite(b *testing.B) {
	for name, perSecond := range map[string]int64{"unlimited": 0, "limited": 1 << 50} {
		b.Run(name, func(b *testing.B) {
			s := throttle.Wrap(endless{}, buckets(limited(perSecond), limited(perSecond)), nil, nil)
			p := make([]byte, 256<<10)
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				s.Write(p)
			}
		})
	}
}

package upgrade

import (
	"bytes"
	"errors"
	"net"
	"testing"

	"pgregory.net/rapid"
)

// sink is a connection that keeps what is written to it.
type sink struct {
	net.Conn
	wrote  bytes.Buffer
	writes int
	fail   error
}

func (s *sink) Write(p []byte) (int, error) {
	s.writes++
	if s.fail != nil {
		return 0, s.fail
	}
	return s.wrote.Write(p)
}

func TestCork(t *testing.T) {
	s := &sink{}
	c := &cork{Conn: s}
	write := func(text string) {
		if n, err := c.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
	}
	write("now ")
	c.begin()
	write("la")
	write("ter ")
	if s.wrote.String() != "now " {
		t.Errorf("writes went out before the end: %q", &s.wrote)
	}
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	write("again")
	if s.wrote.String() != "now later again" || s.writes != 3 {
		t.Errorf("%q in %d writes, want 3", &s.wrote, s.writes)
	}
	if c.kept != nil {
		t.Error("an idle connection keeps its buffer")
	}
}

// However the bytes are written, they go out in order, and all at the end.
func TestCorkOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &sink{}
		c := &cork{Conn: s}
		var want []byte
		for i, n := range rapid.SliceOf(rapid.IntRange(-1, 2*corkSize)).Draw(t, "sizes") {
			if n < 0 {
				if err := c.end(); err != nil || s.wrote.Len() != len(want) {
					t.Fatalf("after end %d of %d bytes are out, %v", s.wrote.Len(), len(want), err)
				}
				c.begin()
				continue
			}
			piece := bytes.Repeat([]byte{byte(i)}, n)
			want = append(want, piece...)
			if got, err := c.Write(piece); got != n || err != nil {
				t.Fatalf("write of %d: %d, %v", n, got, err)
			}
		}
		if err := c.end(); err != nil || !bytes.Equal(s.wrote.Bytes(), want) {
			t.Fatalf("%d bytes went out, want %d, %v", s.wrote.Len(), len(want), err)
		}
	})
}

// After a failed write nothing more is sent: TLS's records would not fit on.
func TestFailedWriteStays(t *testing.T) {
	broken := errors.New("broken")
	for _, size := range []int{5, corkSize - 2} { // fails at the end; in the middle
		s := &sink{fail: broken}
		c := &cork{Conn: s}
		c.begin()
		c.Write(make([]byte, size))
		c.Write(make([]byte, 5))
		if err := c.end(); err != broken {
			t.Fatalf("end: %v", err)
		}
		s.fail = nil
		c.begin()
		if _, err := c.Write([]byte("more")); err != broken {
			t.Errorf("write after a failed one: %v", err)
		}
		if err := c.end(); err != broken || s.wrote.Len() != 0 {
			t.Errorf("end: %v, %d bytes out", err, s.wrote.Len())
		}
	}
}

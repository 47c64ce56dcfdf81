package upgrade

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"pgregory.net/rapid"
)

// script is a connection whose reads give set pieces and whose writes are kept.
type script struct {
	net.Conn
	pieces [][]byte
	end    error
	wrote  bytes.Buffer
	writes int
	fail   error
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, s.end
	}
	n := copy(p, s.pieces[0])
	if s.pieces[0] = s.pieces[0][n:]; len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	if len(s.pieces) == 0 {
		return n, s.end // the end may come with the last bytes
	}
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.writes++
	if s.fail != nil {
		return 0, s.fail
	}
	return s.wrote.Write(p)
}

// However the bytes arrive and however they are asked for, they are the same,
// and the error comes after the last of them, once.
func TestReadAhead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		end := errors.New("the end")
		s := &script{end: end}
		var want []byte
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, 600_000), 0, 12).Draw(t, "pieces") {
			piece := bytes.Repeat([]byte{byte(n)}, n)
			s.pieces, want = append(s.pieces, piece), append(want, piece...)
		}
		b := newBuffer(s)
		var got []byte
		for {
			p := make([]byte, rapid.IntRange(0, 300_000).Draw(t, "read"))
			n, err := b.Read(p)
			got = append(got, p[:n]...)
			if err != nil {
				if err != end || n != 0 {
					t.Fatalf("read gave %d, %v", n, err)
				}
				break
			}
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("read %d bytes, want %d", len(got), len(want))
		}
	})
}

// The read buffer grows with a stream and shrinks again with small talk.
func TestReadAheadSize(t *testing.T) {
	s := &script{end: io.EOF}
	b := newBuffer(s)
	s.pieces = [][]byte{make([]byte, 4*maxInSize)}
	io.CopyN(io.Discard, b, 3*maxInSize)
	if b.in.size != maxInSize {
		t.Errorf("in a stream the buffer has %d, want %d", b.in.size, maxInSize)
	}
	io.Copy(io.Discard, b)
	for range 10 {
		s.pieces = append(s.pieces, make([]byte, 12))
	}
	io.Copy(io.Discard, b)
	if b.in.size != minInSize {
		t.Errorf("after ten small reads the buffer has %d, want %d", b.in.size, minInSize)
	}
}

func TestCork(t *testing.T) {
	s := &script{}
	b := newBuffer(s)
	write := func(text string) {
		if n, err := b.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
	}
	write("now ")
	b.cork()
	write("la")
	write("ter ")
	if s.wrote.String() != "now " {
		t.Errorf("corked writes went out: %q", &s.wrote)
	}
	if err := b.uncork(); err != nil {
		t.Fatal(err)
	}
	write("again")
	if s.wrote.String() != "now later again" || s.writes != 3 {
		t.Errorf("%q in %d writes, want 3", &s.wrote, s.writes)
	}
	if b.out != nil {
		t.Error("an idle connection keeps its write buffer")
	}
}

func TestCorkOverflow(t *testing.T) {
	s := &script{}
	b := newBuffer(s)
	b.cork()
	for range 4 {
		b.Write(make([]byte, outSize/2+1))
	}
	b.Write(make([]byte, outSize+1))
	if err := b.uncork(); err != nil || s.wrote.Len() != 4*(outSize/2+1)+outSize+1 {
		t.Errorf("%d bytes went out, %v", s.wrote.Len(), err)
	}
}

// After a failed write nothing more is sent: TLS's records would not fit on.
func TestFailedWriteStays(t *testing.T) {
	broken := errors.New("broken")
	s := &script{fail: broken}
	b := newBuffer(s)
	b.cork()
	b.Write([]byte("frame"))
	if err := b.uncork(); err != broken {
		t.Fatalf("uncork: %v", err)
	}
	s.fail = nil
	b.cork()
	if _, err := b.Write([]byte("more")); err != broken {
		t.Errorf("write after a failed one: %v", err)
	}
	if err := b.uncork(); err != broken || s.wrote.Len() != 0 {
		t.Errorf("uncork: %v, %d bytes out", err, s.wrote.Len())
	}
}

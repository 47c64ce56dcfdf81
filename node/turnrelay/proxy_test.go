package turnrelay_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy passes TCP connections on, until the test cuts one.
type proxy struct {
	l  net.Listener
	to string

	mu    sync.Mutex
	conns []net.Conn // in the order in which they came
}

func newProxy(t testing.TB, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, to: to}
	var wg sync.WaitGroup
	wg.Go(func() { p.serve(&wg) })
	t.Cleanup(func() {
		l.Close()
		for i := range p.conns {
			p.cut(i)
		}
		wg.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.l.Addr().String() }

func (p *proxy) serve(wg *sync.WaitGroup) {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", p.to)
		if err != nil {
			c.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, c)
		p.mu.Unlock()
		wg.Go(func() { io.Copy(c, up); c.Close() })
		wg.Go(func() { io.Copy(up, c); up.Close() })
	}
}

// cut closes a connection.
func (p *proxy) cut(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[i].Close()
}

package turnrelay_test

import (
	"testing"
)

const (
	tcp4 = "turn:203.0.113.100"
	at4  = "203.0.113.100:3478"
)

func TestSmoke(t *testing.T) {
	c := startCoturn(t, at4)
	r := newRelay(t, tcp4, nil)
	ch := arrivals(t, r)
	v4, v6, _ := borrow(t, r)
	t.Log(v4, v6, r.Servers())
	permit(t, r, peer4, peer6)
	in, out := connect(t, ch, peer4, v4)
	t.Log(in.LocalAddr(), in.RemoteAddr(), in.server)
	echo(t, in, out)
	in6, out6 := connect(t, ch, peer6, v6)
	echo(t, in6, out6)
	t.Log(connections(t))
	r.Close()
	t.Log(c.standing(), connections(t))
	c.kill()
	t.Log(c.log)
}

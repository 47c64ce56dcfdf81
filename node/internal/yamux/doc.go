// Package yamux carries many streams over one connection, as yamux does:
// hashicorp's specification, with the error codes that go-yamux 5 sends, under
// libp2p's name /yamux/1.0.0. Its peers may be any implementation.
//
// It differs from go-yamux in how bytes get through a process, not on the wire.
// A Write is sent from the caller's memory, and a Read that waits is filled by the
// receive loop itself: nothing lies in a queue where it leaves the processor's
// caches.
//
//	Write(p) ── p, at most 64 KiB at a time ──▶ send loop ──▶ TLS ──▶ socket
//	Read(p)  ◀── p, while a Read waits ─────── receive loop ◀── TLS ◀── socket
//	         ◀── segments, up to the window ──┘ (when none waits)
//
// # Wire
//
// A frame is a header of 12 bytes, big endian, and for data its payload:
//
//	version 8 (0) | type 8 | flags 16 | stream 32 | length 32
//
//	type 0 data           length bytes follow
//	     1 window update  length more bytes may be sent; with RST: an error code
//	     2 ping           length is echoed; flag SYN asks, ACK answers
//	     3 go away        length is an error code; the session ends
//	flag 1 SYN  2 ACK  4 FIN  8 RST; others are ignored
//
// The one who dialled opens odd streams, the other even ones. A stream begins with
// a window of 256 KiB each way. When 64 KiB of it were read it becomes the whole of
// [Transport].Window at once, or as much as the resource manager has memory for.
//
// # Connections
//
// The connection must survive a read deadline: a Read that ends with
// os.ErrDeadlineExceeded has lost nothing. TCP, net.Pipe and crypto/tls do; libp2p's
// Noise does not. One that is a [Batcher] spares a copy.
//
// # A hostile peer
//
// What a peer may cost is bounded: in memory by libp2p's resource manager, of which each
// stream's window is reserved, in answers by [ErrFlood]. Whatever breaks the protocol ends
// the session with one of this package's errors, after a go-away frame that says so.
package yamux

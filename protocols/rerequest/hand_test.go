package rerequest

import (
	"encoding/binary"
	"io"

	"github.com/libp2p/go-libp2p/core/network"
)

// What a device does whose side of the wire a test speaks by hand.

// silent makes a device read requests and never answer. The channel is closed
// when the asker has ended one.
func (d *testDevice) silent() (ended <-chan struct{}) {
	end := make(chan struct{})
	var once bool
	d.handle[ID] = func(s network.Stream) {
		io.Copy(io.Discard, s)
		s.Reset()
		if !once {
			once = true
			close(end)
		}
	}
	return end
}

// says makes a device answer each request so, whatever it is.
func (d *testDevice) says(answer string) {
	d.handle[ID] = func(s network.Stream) {
		readRequest(s)
		s.Write([]byte(answer))
		s.Close()
	}
}

// opens begins a request to another device.
func (d *testDevice) opens(other *testDevice) network.Stream {
	d.world.t.Helper()
	s, err := d.NewStream(d.world.t.Context(), other.id, ID)
	if err != nil {
		d.world.t.Fatal(err)
	}
	return s
}

// asks sends a request by hand and gives the answer.
func (d *testDevice) asks(other *testDevice, r Request) error {
	d.world.t.Helper()
	raw, err := r.MarshalBinary()
	if err != nil {
		d.world.t.Fatal(err)
	}
	return d.asksRaw(other, raw)
}

func (d *testDevice) asksRaw(other *testDevice, raw []byte) error {
	d.world.t.Helper()
	s := d.opens(other)
	defer s.Close()
	if _, err := s.Write(raw); err != nil {
		return err
	}
	return readAnswer(s)
}

// framed puts the length before a request.
func framed(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

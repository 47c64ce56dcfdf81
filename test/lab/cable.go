package lab

import (
	"context"
	"encoding/json"
	"fmt"
)

// Unplug pulls the host's cable, and Plug puts it back. The host keeps its addresses;
// its connections are not told.
func (h *Host) Unplug() {
	h.lab.t.Helper()
	h.lab.ip("link", "set", h.port, "down")
}

// Plug undoes [Host.Unplug].
func (h *Host) Plug() {
	h.lab.t.Helper()
	h.lab.ip("link", "set", h.port, "up")
}

// Slow bounds what the host sends to so many bits per second; what it receives comes
// as fast as before.
func (h *Host) Slow(bits int) {
	h.lab.t.Helper()
	h.queue("tbf", "rate", fmt.Sprintf("%dbit", bits), "burst", "16kb", "latency", "200ms")
}

// Fast undoes [Host.Slow], if there is anything to undo. What waits for the cable at
// that moment is lost.
func (h *Host) Fast() {
	h.lab.t.Helper()
	h.queue("noqueue")
}

// Cut breaks the TCP connections between the host and another one, for both ends at
// once, as a router does that has lost its state. New ones can be made.
func (h *Host) Cut(other *Host) {
	h.lab.t.Helper()
	for _, addr := range other.Addrs {
		h.output("ss", "-K", "dst", addr.String())
	}
}

// Received counts the bytes that have come over the host's cable so far.
func (h *Host) Received() int64 {
	h.lab.t.Helper()
	return h.counters().RX.Bytes
}

// Sent counts the bytes that have left over the host's cable so far.
func (h *Host) Sent() int64 {
	h.lab.t.Helper()
	return h.counters().TX.Bytes
}

// counters are what the kernel counts of a cable.
type counters struct{ RX, TX struct{ Bytes int64 } }

func (h *Host) counters() counters {
	h.lab.t.Helper()
	var links []struct {
		Stats counters `json:"stats64"`
	}
	out := h.output("ip", "-json", "-stats", "link", "show", "eth0")
	if err := json.Unmarshal(out, &links); err != nil || len(links) != 1 {
		h.lab.t.Fatalf("lab: host %s: ip shows %s", h.ns, out)
	}
	return links[0].Stats
}

// queue says how what the host sends waits for its cable.
func (h *Host) queue(discipline ...string) {
	h.lab.t.Helper()
	h.output("tc", append([]string{"qdisc", "replace", "dev", "eth0", "root"}, discipline...)...)
}

// output runs a command on the host, which must succeed, and gives what it prints.
func (h *Host) output(name string, args ...string) []byte {
	h.lab.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	out, err := h.Command(ctx, name, args...).CombinedOutput()
	if err != nil {
		h.lab.t.Fatalf("lab: host %s: %s %v: %v %s", h.ns, name, args, err, out)
	}
	return out
}

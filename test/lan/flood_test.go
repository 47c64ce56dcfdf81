package lan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// floodEnv makes the test binary a machine of the LAN that floods it.
const floodEnv = "LAN_TEST_FLOOD"

// flood answers to questions that nobody asked, as many nodes, each with other
// addresses in some 7 KiB of text, true for a century. It ends with its process.
func flood() {
	c, err := net.Dial("udp4", "224.0.0.251:5353")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for i := uint32(0); ; i++ {
		c.Write(hostileAnswer(i)) // which fails while the queue is full
		if i%100 == 0 {
			time.Sleep(time.Millisecond) // others use the processor, too
		}
	}
}

// hostileAnswer is a message of multicast DNS (RFC 6762) that tells of a node: texts,
// where it is, and that place's address.
func hostileAnswer(i uint32) []byte {
	name := dnsName(fmt.Sprintf("n%d", i), "_passeur", "_udp", "local")
	host := dnsName("h", "local")
	var text []byte
	for line := range 30 {
		addr := fmt.Sprintf("dnsaddr=/ip4/169.254.169.254/tcp/80/p2p/%d-%s", line, strings.Repeat("x", 180))
		text = append(append(text, byte(len(addr))), addr...)
	}
	b := []byte{0, 0, 0x84, 0, 0, 0, 0, 3, 0, 0, 0, 0} // an answer of three records
	b = dnsRecord(b, name, 16, text)
	b = dnsRecord(b, name, 33, append([]byte{0, 0, 0, 0, 0x0f, 0xa1}, host...))
	return dnsRecord(b, host, 1, []byte{10, 1, 0, 9})
}

func dnsName(labels ...string) (b []byte) {
	for _, l := range labels {
		b = append(append(b, byte(len(l))), l...)
	}
	return append(b, 0)
}

func dnsRecord(b, name []byte, kind uint16, data []byte) []byte {
	b = append(b, name...)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, 1)
	b = binary.BigEndian.AppendUint32(b, 1<<31-1)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

// TestFloodOfAnswers: somebody on the LAN pretends to be thousands of nodes there.
// It takes bounded memory, and the people there send each other files.
func TestFloodOfAnswers(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	alice := newPerson(t, l.Host("alice", "10.1.0.1/24"), people.Config{Name: "alice", Server: true, MDNS: true})
	bob := newPerson(t, l.Host("bob", "10.1.0.2/24"), people.Config{Name: "bob", Server: true, MDNS: true})
	people.Befriend(t, alice.Person, bob.Person)
	before := alice.resident(t)

	mallory := l.Host("mallory", "10.1.0.9/24")
	flood := mallory.Command(t.Context(), "env", floodEnv+"=1", os.Args[0])
	var said bytes.Buffer
	flood.Stderr = &said
	if out, err := mallory.Command(t.Context(), "ip", "route", "add", "224.0.0.0/4", "dev", "eth0").CombinedOutput(); err != nil {
		t.Fatalf("ip route: %v %s", err, out)
	}
	if err := flood.Start(); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() { flood.Cancel(); flood.Wait() })
	defer stop()
	const answers = 10_000
	lab.Eventually(t, "the flood has come to alice", func() bool {
		return alice.cable().Received() > answers*7<<10
	})
	carry(t, alice, bob, people.File(t, 1<<20))
	if after := alice.resident(t); after > before+128<<20 {
		t.Errorf("alice's node has %d MiB of memory, had %d", after>>20, before>>20)
	}
	if stop(); said.Len() > 0 { // it writes until it has ended
		t.Errorf("the flood: %s", &said)
	}
}

// resident is how many bytes of memory the person's node takes, with all processes of
// its host.
func (p *person) resident(t *testing.T) (bytes int64) {
	t.Helper()
	out, err := p.cable().Command(t.Context(), "sh", "-c", `ip netns pids "$(ip netns identify $$)" | xargs -I{} cat /proc/{}/status 2>/dev/null | grep VmRSS`).Output()
	if err != nil {
		t.Fatalf("memory of the node: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) > 1 {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			bytes += kib << 10
		}
	}
	return bytes
}

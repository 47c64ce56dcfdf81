package portmap

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/natlab"
)

// fake is a router of the test's own before host A: what answers there is up to
// the test.
type fake struct {
	t testing.TB
	*natlab.Net
	gateway netip.Addr
}

func newFake(t testing.TB) *fake {
	t.Helper()
	n := natlab.New(t, natlab.Config{A: natlab.Side{NAT: natlab.PRC}})
	return &fake{t, n, netip.MustParseAddr("192.168.1.1")}
}

// udp answers datagrams at a port of the router; nil is no answer.
func (f *fake) udp(port int, answer func(request []byte) []byte) {
	f.t.Helper()
	var c *net.UDPConn
	err := f.RouterA.Do(func() (err error) {
		c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: f.gateway.AsSlice(), Port: port})
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 2048)
		for {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			if a := answer(b[:n]); a != nil {
				c.WriteToUDPAddrPort(a, from)
			}
		}
	})
	f.t.Cleanup(func() { c.Close(); wg.Wait() })
}

// http serves on the router.
func (f *fake) http(h *natlab.Host, at string, handler http.HandlerFunc) {
	f.t.Helper()
	l, err := h.Listen(at)
	if err != nil {
		f.t.Fatal(err)
	}
	s := &http.Server{Handler: handler}
	var wg sync.WaitGroup
	wg.Go(func() { s.Serve(l) })
	f.t.Cleanup(func() { s.Close(); wg.Wait() })
}

// ssdp answers searches, which come to the router itself, too.
func (f *fake) ssdp(location string) {
	f.t.Helper()
	f.udp(ssdpPort, func([]byte) []byte { return ssdpAnswerText(location) })
}

// fakeNATPMP answers as a router that has an external address.
func fakeNATPMP(addr *atomic.Value) func([]byte) []byte {
	return func(b []byte) []byte {
		if len(b) < 2 || b[0] != natpmpVersion {
			return nil
		}
		answer := []byte{natpmpVersion, natpmpAnswer + b[1], 0, 0, 0, 0, 0, 1}
		if b[1] == natpmpAddress {
			a := netip.MustParseAddr(addr.Load().(string)).As4()
			return append(answer, a[:]...)
		}
		return append(answer, b[4:natpmpMapLen-4]...)
	}
}

func text(s string) *atomic.Value {
	var v atomic.Value
	v.Store(s)
	return &v
}

// A router behind another one maps, but to an address that is no good. When it gets
// a good one, that is noticed.
func TestDoubleNAT(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	addr := text("100.64.3.4")
	f.udp(udpPort, fakeNATPMP(addr))
	d := startDevice(t, f.A, quick(NATPMP))
	d.wants(40001)
	s := d.status()
	if len(s) != 1 || !s[0].DoubleNAT || s[0].External.String() != "100.64.3.4" {
		t.Errorf("status: %+v", s)
	}
	for _, good := range []string{"11.0.113.77", "11.0.113.78"} {
		addr.Store(good)
		want := netip.AddrPortFrom(netip.MustParseAddr(good), 40001)
		lab.Eventually(t, "mapped at "+good, func() bool { return slices.Equal(d.mapped(40001), []netip.AddrPort{want}) })
	}
	d.close()
}

// A device with two routers has its port mapped by both.
func TestTwoRouters(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	run(t, f.RouterA, "ip", "addr", "add", "192.168.1.9/24", "dev", "lan")
	run(t, f.A, "ip", "route", "add", "default", "via", "192.168.1.9", "metric", "100")
	g := &fake{t, f.Net, netip.MustParseAddr("192.168.1.9")}
	f.udp(udpPort, fakeNATPMP(text("11.0.113.77")))
	g.udp(udpPort, fakeNATPMP(text("11.0.113.78")))
	d := startDevice(t, f.A, quick(NATPMP))
	want := []netip.AddrPort{netip.MustParseAddrPort("11.0.113.77:40001"), netip.MustParseAddrPort("11.0.113.78:40001")}
	lab.Eventually(t, "mapped by both", func() bool { return slices.Equal(d.mapped(40001), want) })
	if s := d.status(); len(s) != 2 || s[0].Gateway != f.gateway || s[1].Gateway != g.gateway {
		t.Errorf("status: %+v", s)
	}
	d.close()
}

// A router that refuses is named with its reason.
func TestRefusal(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.udp(udpPort, func(b []byte) []byte {
		return []byte{natpmpVersion, natpmpAnswer + b[1], 0, 2, 0, 0, 0, 1}
	})
	d := startDevice(t, f.A, quick(NATPMP, PCP))
	d.wants(40001)
	if s := d.status(); len(s) != 1 || !s[0].Refused || !strings.Contains(s[0].Err, "not authorized") {
		t.Errorf("status: %+v", s)
	}
	d.close()
}

// A router without a connection to the internet maps when it has got one.
func TestNoAddress(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	addr := text("0.0.0.0")
	f.udp(udpPort, fakeNATPMP(addr))
	d := startDevice(t, f.A, quick(NATPMP))
	d.wants(40001)
	if s := d.status(); len(s) != 1 || !strings.Contains(s[0].Err, ErrNoAddress.Error()) {
		t.Errorf("status: %+v", s)
	}
	addr.Store("11.0.113.77")
	lab.Eventually(t, "mapped", func() bool { return len(d.mapped(40001)) == 1 })
	d.close()
}

// A router that falls silent does not hold Close up.
func TestSilence(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var silent atomic.Bool
	answer := fakeNATPMP(text("11.0.113.77"))
	f.udp(udpPort, func(b []byte) []byte {
		if silent.Load() {
			return nil
		}
		return answer(b)
	})
	d := startDevice(t, f.A, quick(NATPMP))
	if got := d.mapped(40001); len(got) != 1 {
		t.Fatalf("mapped at %v", got)
	}
	silent.Store(true)
	d.close()
}

// A router that answers with nonsense, much of it, is not believed, and the time
// for it is bounded.
func TestNonsense(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.udp(udpPort, func(b []byte) []byte { return append([]byte{9}, b...) })
	d := startDevice(t, f.A, quick(NATPMP, PCP))
	d.wants(40001)
	d.close()
}

// A device that answers to a search cannot have us connect to others.
func TestForgedLocation(t *testing.T) {
	t.Parallel()
	for name, location := range map[string]string{
		"location":    "http://203.0.113.100:8080/desc",
		"name":        "http://victim.example:8080/desc",
		"credentials": "http://a:b@192.168.1.1:5000/good",
		"redirect":    "http://192.168.1.1:5000/redirect",
		"control":     "http://192.168.1.1:5000/control",
		"base":        "http://192.168.1.1:5000/base",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.http(f.Server, "203.0.113.100:8080", func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the victim was asked for %s", r.URL) })
			f.http(f.RouterA, "192.168.1.1:5000", func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/redirect":
					http.Redirect(w, r, "http://203.0.113.100:8080/", http.StatusFound)
				case "/control":
					io.WriteString(w, describe("", 1, "http://203.0.113.100:8080/"))
				case "/base":
					io.WriteString(w, describe("http://203.0.113.100:8080/", 1, "/control"))
				default:
					t.Errorf("the router was asked for %s", r.URL)
				}
			})
			f.ssdp(location)
			d := startDevice(t, f.A, quick(UPnP))
			d.wants(40001)
			d.close()
		})
	}
}

// Descriptions and answers that never end, or never begin, take bounded time and
// memory.
func TestEndless(t *testing.T) {
	t.Parallel()
	endless := func(w http.ResponseWriter, piece string) {
		io.WriteString(w, "<root>")
		for w.(http.Flusher).Flush(); ; {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
	}
	slow := func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for r.Context().Err() == nil {
			io.WriteString(w, "<root>")
			w.(http.Flusher).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
			}
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"nested": func(w http.ResponseWriter, _ *http.Request) { endless(w, "<device><deviceList>") },
		"long":   func(w http.ResponseWriter, _ *http.Request) { endless(w, strings.Repeat("a", 1<<10)) },
		"slow":   slow,
		"mute":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"soap": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				io.WriteString(w, describe("", 2, "/control"))
				return
			}
			io.Copy(io.Discard, r.Body) // or the server does not see the client go
			slow(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.http(f.RouterA, "192.168.1.1:5000", handler)
			f.ssdp("http://192.168.1.1:5000/")
			d := startDevice(t, f.A, quick(UPnP))
			d.wants(40001)
			d.close()
		})
	}
}

// A thousand devices at one address are as one, and a bounded number of them is
// looked at.
func TestManyLocations(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var asked atomic.Int32
	f.http(f.RouterA, "192.168.1.1:5000", func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "no", http.StatusNotFound)
	})
	var c *net.UDPConn
	err := f.RouterA.Do(func() (err error) {
		c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: f.gateway.AsSlice(), Port: ssdpPort})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d := startDevice(t, f.A, Config{Protocols: []Protocol{UPnP}})
	_, from, err := c.ReadFromUDPAddrPort(make([]byte, 2048))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		c.WriteToUDPAddrPort(ssdpAnswerText(fmt.Sprintf("http://192.168.1.1:5000/%d", i)), from)
	}
	d.wants(40001)
	if n := asked.Load(); n == 0 || n > maxLocations {
		t.Errorf("%d descriptions were fetched", n)
	}
	d.close()
}

// fakeIGD is a router of UPnP-IGD version 1 with the oddities of some: only leases
// without end, and ports below 30000 taken.
type fakeIGD struct {
	mu     sync.Mutex
	leases map[string]string
}

func (g *fakeIGD) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, action, _ := strings.Cut(r.Header.Get("Soapaction"), "#")
	body, _ := io.ReadAll(r.Body)
	port, lease := element(body, "NewExternalPort"), element(body, "NewLeaseDuration")
	switch {
	case r.Method == http.MethodGet:
		io.WriteString(w, describe("", 1, "control"))
	case strings.HasPrefix(action, "GetExternalIPAddress"):
		soapAnswer(w, "GetExternalIPAddressResponse", "<NewExternalIPAddress>11.0.113.77</NewExternalIPAddress>")
	case strings.HasPrefix(action, "AddPortMapping") && lease != "0":
		soapFault(w, igdPermanentOnly)
	case strings.HasPrefix(action, "AddPortMapping") && port == "20001":
		soapFault(w, igdConflict)
	case strings.HasPrefix(action, "AddPortMapping"):
		g.leases[port] = lease
		soapAnswer(w, "AddPortMappingResponse", "")
	case strings.HasPrefix(action, "DeletePortMapping"):
		delete(g.leases, port)
		soapAnswer(w, "DeletePortMappingResponse", "")
	default:
		soapFault(w, 401)
	}
}

// element is the text of an XML element.
func element(b []byte, name string) string {
	_, rest, _ := strings.Cut(string(b), "<"+name+">")
	s, _, _ := strings.Cut(rest, "<")
	return s
}

func soapFault(w http.ResponseWriter, code int) {
	w.WriteHeader(http.StatusInternalServerError)
	fmt.Fprintf(w, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>`+
		`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0">`+
		`<errorCode>%d</errorCode><errorDescription>text</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>`, code)
}

// An old router without leases and with the port taken maps another port for ever,
// until Close.
func TestOldIGD(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	g := &fakeIGD{leases: make(map[string]string)}
	f.http(f.RouterA, "192.168.1.1:5000", g.ServeHTTP)
	f.ssdp("http://192.168.1.1:5000/desc.xml")
	d := startDevice(t, f.A, quick(UPnP))
	for _, port := range []uint16{20001, 40001} {
		got := d.mapped(port)
		if len(got) != 1 || got[0].Addr().String() != "11.0.113.77" || (got[0].Port() == port) != (port == 40001) {
			t.Errorf("%d is mapped at %v: %+v", port, got, d.status())
		}
	}
	if s := d.status(); len(s) != 1 || len(s[0].Ports) != 2 || !s[0].Ports[0].Expires.IsZero() {
		t.Errorf("status: %+v", s)
	}
	d.close()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.leases) != 0 {
		t.Errorf("after Close the router has %v", g.leases)
	}
}

// A router whose first protocol fails is asked by another.
func TestSecondProtocol(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.http(f.RouterA, "192.168.1.1:5000", (&fakeIGD{leases: make(map[string]string)}).ServeHTTP)
	f.ssdp("http://192.168.1.1:5000/desc.xml")
	f.udp(udpPort, func(b []byte) []byte {
		answer := []byte{natpmpVersion, natpmpAnswer + b[1], 0, 0, 0, 0, 0, 1}
		if b[1] == natpmpAddress {
			return append(answer, 11, 0, 113, 77)
		}
		binary.BigEndian.PutUint16(answer[2:], 4)
		return answer
	})
	d := startDevice(t, f.A, quick())
	want := netip.MustParseAddrPort("11.0.113.77:40001")
	if got := d.mapped(40001); !slices.Equal(got, []netip.AddrPort{want}) {
		t.Errorf("mapped at %v: %+v", got, d.status())
	}
	if s := d.status(); len(s) != 1 || s[0].Protocol != UPnP {
		t.Errorf("status: %+v", s)
	}
	d.close()
}

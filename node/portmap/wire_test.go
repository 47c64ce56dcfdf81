package portmap

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	testLocal = netip.MustParseAddr("192.168.1.2")
	testNonce = pcpNonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
)

// The requests, byte for byte.
func TestRequests(t *testing.T) {
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"NAT-PMP address":  {natpmpAddressRequest(), "00 00"},
		"NAT-PMP mapping":  {natpmpMapRequest(40001, 40002, time.Hour), "00 02 0000 9c41 9c42 00000e10"},
		"NAT-PMP removal":  {natpmpMapRequest(40001, 0, 0), "00 02 0000 9c41 0000 00000000"},
		"PCP announcement": {pcpRequest(pcpAnnounce, testLocal, 0), "02 00 0000 00000000 00000000000000000000ffffc0a80102"},
		"PCP mapping": {pcpMapRequest(testLocal, testNonce, 40001, 40002, time.Hour),
			"02 01 0000 00000e10 00000000000000000000ffffc0a80102" +
				"0102030405060708090a0b0c 06 000000 9c41 9c42 00000000000000000000ffff00000000"},
	} {
		if want := unhex(t, c.want); !bytes.Equal(c.got, want) {
			t.Errorf("%s: % x, want % x", name, c.got, want)
		}
	}
}

// Answers, byte for byte. A stray one is waited past.
func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		parse func([]byte) (any, error)
		in    string
		want  any
		code  int // of a refusal
		stray bool
	}{
		"address":          {parseAddress, "00 80 0000 00000005 0b00710b", "11.0.113.11", 0, false},
		"none yet":         {parseAddress, "00 80 0003 00000005 00000000", nil, 0, false},
		"refusal is short": {parseAddress, "00 80 0002 00000005", nil, 2, false},
		"of a mapping":     {parseAddress, "00 82 0000 00000005 0b00710b", nil, 0, true},
		"short":            {parseAddress, "00 80 0000 00000005", nil, 0, true},
		"PCP's version":    {parseAddress, "02 80 0001 00000005 0b00710b", nil, 0, true},
		"mapping":          {parseMapping, "00 82 0000 00000005 9c41 9c42 00000e10", "40002 1h0m0s", 0, false},
		"of other port":    {parseMapping, "00 82 0000 00000005 9c40 9c42 00000e10", nil, 0, true},
		"refused mapping":  {parseMapping, "00 82 0004 00000005 9c41 0000 00000000", nil, 4, false},
		"announcement":     {parseAnnounce, "02 80 00 00 00000000 00000005" + zeros(12), "pcp", 0, false},
		"NAT-PMP only":     {parseAnnounce, "00 80 0001 00000005", nil, 1, false},
		"odd length":       {parseAnnounce, "02 80 00 00 00000000 00000005" + zeros(13), nil, 0, true},
		"PCP mapping":      {parseMAP, pcpAnswerHex("00", "0102030405060708090a0b0c", "9c41"), "11.0.113.11:40002 1h0m0s", 0, false},
		"PCP with option":  {parseMAP, pcpAnswerHex("00", "0102030405060708090a0b0c", "9c41") + "80 00 0000", "11.0.113.11:40002 1h0m0s", 0, false},
		"PCP refusal":      {parseMAP, pcpAnswerHex("02", "0102030405060708090a0b0c", "9c41"), nil, 2, false},
		"PCP other nonce":  {parseMAP, pcpAnswerHex("00", "ff02030405060708090a0b0c", "9c41"), nil, 0, true},
		"PCP other port":   {parseMAP, pcpAnswerHex("00", "0102030405060708090a0b0c", "9c40"), nil, 0, true},
	} {
		got, err := c.parse(unhex(t, c.in))
		if err == nil && got != c.want || err != nil && c.want != nil || code(err) != c.code || errors.Is(err, errStray) != c.stray {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func zeros(n int) string { return strings.Repeat("00", n) }

func pcpAnswerHex(result, nonce, port string) string {
	return "02 81 00" + result + "00000e10 00000005" + zeros(12) + nonce + "06 000000" + port + "9c42 00000000000000000000ffff0b00710b"
}

func parseAddress(b []byte) (any, error) {
	a, err := parseNATPMPAddress(b)
	return a.String(), err
}

func parseMapping(b []byte) (any, error) {
	port, lease, err := parseNATPMPMap(b, 40001)
	return fmt.Sprint(port, lease), err
}

func parseAnnounce(b []byte) (any, error) { return "pcp", parsePCPAnnounce(b) }

func parseMAP(b []byte) (any, error) {
	at, lease, err := parsePCPMap(b, testNonce, 40001)
	return at.String() + " " + lease.String(), err
}

// Addresses outside that peers on the internet cannot reach.
func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"11.0.113.11": true, "8.8.8.8": true, "100.63.255.255": true, "100.128.0.0": true, "172.32.0.1": true, "223.255.255.1": true,
		"0.0.0.0": false, "10.1.2.3": false, "100.64.0.1": false, "100.127.255.255": false, "127.0.0.1": false, "169.254.1.1": false,
		"172.16.0.1": false, "172.31.255.255": false, "192.0.0.2": false, "192.168.1.1": false, "198.18.0.1": false, "224.0.0.1": false,
		"240.0.0.1": false, "255.255.255.255": false, "::1": false, "2001:db8::1": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

// A Config that cannot be meant is refused with the field's name.
func TestConfig(t *testing.T) {
	for name, cfg := range map[string]Config{
		"Ports": {Ports: []uint16{1, 0}}, "Protocols": {Protocols: []Protocol{"x"}}, "Lease": {Lease: time.Millisecond},
		"Refresh": {Refresh: -1}, "Retry": {Retry: -1},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "Config."+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var (
	fuzzNetwork = netip.MustParsePrefix("192.168.1.2/24")
	fuzzRouter  = netip.MustParseAddr("192.168.1.1")
)

func ssdpAnswerText(location string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: %s1\r\nUSN: uuid:1::%s1\r\nEXT:\r\n"+
		"SERVER: test UPnP/1.1\r\nLOCATION: %s\r\n\r\n", ssdpDevice, ssdpDevice, location)
}

// describe is a description of a router.
func describe(base string, version int, control string) string {
	if base != "" {
		base = "<URLBase>" + base + "</URLBase>"
	}
	return fmt.Sprintf(`<?xml version="1.0" encoding="ISO-8859-1"?>
<root xmlns="urn:schemas-upnp-org:device-1-0">%s<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<deviceList><device><deviceList><device><serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANIPConnection:%d</serviceType><controlURL>%s</controlURL>
</service></serviceList></device></deviceList></device></deviceList></device></root>`, base, version, control)
}

func soapAnswer(w io.Writer, name, inside string) {
	fmt.Fprintf(w, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>`+
		`<u:%s xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1">%s</u:%s></s:Body></s:Envelope>`, name, inside, name)
}

// What parses has to make sense.
func FuzzNATPMP(f *testing.F) {
	for _, s := range []string{"00 80 0000 00000005 0b00710b", "00 82 0000 00000005 9c41 9c42 00000e10", "00 82 0004 00000005"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := parseNATPMPAddress(b); err == nil && (!a.Is4() || a.IsUnspecified()) {
			t.Errorf("address %v", a)
		}
		if _, lease, err := parseNATPMPMap(b, 40001); err == nil && lease < 0 {
			t.Errorf("lease %v", lease)
		}
	})
}

func FuzzPCP(f *testing.F) {
	for _, s := range []string{pcpAnswerHex("00", "0102030405060708090a0b0c", "9c41"), "02 80 00 00 00000000 00000005" + zeros(12), "00 80 0001 00000005"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		parsePCPAnnounce(b)
		if at, lease, err := parsePCPMap(b, testNonce, 40001); err == nil && (lease < 0 || !at.Addr().IsValid() || at.Addr().Is4In6()) {
			t.Errorf("%v for %v", at, lease)
		}
	})
}

func FuzzSSDP(f *testing.F) {
	for _, location := range []string{"http://192.168.1.1:5000/rootDesc.xml", "http://[::ffff:192.168.1.1]/", "http://192.168.1.1@203.0.113.9/", "/x"} {
		f.Add(ssdpAnswerText(location))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseSSDP(b, fuzzRouter, fuzzNetwork)
		if err == nil && (a.from != fuzzRouter || at(a.location, fuzzRouter) != nil) {
			t.Errorf("location %v", a.location)
		}
	})
}

func FuzzDescription(f *testing.F) {
	for version := range 3 {
		f.Add([]byte(describe("", version, "/control")))
		f.Add([]byte(describe("http://192.168.1.1:5001/", version, "http://192.168.1.9/control")))
	}
	location := &url.URL{Scheme: "http", Host: "192.168.1.1:5000", Path: "/rootDesc.xml"}
	f.Fuzz(func(t *testing.T, b []byte) {
		services, err := parseDescription(bytes.NewReader(b), ssdpAnswer{fuzzRouter, location})
		if (err == nil) != (len(services) > 0) || len(services) > igdMaxConnections {
			t.Errorf("%d services, %v", len(services), err)
		}
		for _, s := range services {
			if at(s.control, fuzzRouter) != nil {
				t.Errorf("control URL %v", s.control)
			}
		}
	})
}

// said is a transport that answers always the same.
type said struct {
	status int
	body   []byte
}

func (s said) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.status, ContentLength: -1, Body: io.NopCloser(bytes.NewReader(s.body))}, nil
}

// Answers to SOAP calls, whichever they are meant for.
func FuzzSOAP(f *testing.F) {
	var b bytes.Buffer
	for _, inside := range []string{"<NewExternalIPAddress>11.0.113.11</NewExternalIPAddress>", "<NewReservedPort>40002</NewReservedPort>"} {
		b.Reset()
		soapAnswer(&b, "AnyResponse", inside)
		f.Add(http.StatusOK, b.Bytes())
		f.Add(http.StatusInternalServerError, b.Bytes())
	}
	f.Add(http.StatusInternalServerError, []byte(`<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><Fault><detail><UPnPError><errorCode>718</errorCode></UPnPError></detail></Fault></Body></Envelope>`))
	control := &url.URL{Scheme: "http", Host: "192.168.1.1:5000", Path: "/control"}
	kinds := []string{"urn:schemas-upnp-org:service:WANIPConnection:1", "urn:schemas-upnp-org:service:WANIPConnection:2"}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		for _, kind := range kinds {
			c := service{kind, control}.open(&http.Client{Transport: said{status, body}})
			d := &igd{c, testLocal.String()}
			if g, err := d.add(t.Context(), 40001, 40001, time.Minute); err == nil && (!g.external.Addr().Is4() || g.external.Port() == 0) {
				t.Errorf("granted %v", g)
			} else if err != nil && len(err.Error()) > 4*maxShown {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			d.remove(t.Context(), 40001, 40001)
		}
	})
}

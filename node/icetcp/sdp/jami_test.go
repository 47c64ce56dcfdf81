package sdp

import (
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// scan is as much of C's sscanf as the first readers of this text use: %Ns and
// %u or %d, literals, blanks that match any blanks. It gives what the conversions
// read, up to the first that fails.
func scan(s, format string) (got []string) {
	blanks := func() { s = strings.TrimLeft(s, " \t\n\v\f\r") }
	for len(format) > 0 {
		switch c := format[0]; {
		case c == ' ':
			blanks()
			format = format[1:]
		case c != '%':
			if s == "" || s[0] != c {
				return got
			}
			s, format = s[1:], format[1:]
		default:
			spec := format[:strings.IndexAny(format, "sud")+1]
			format = format[len(spec):]
			blanks()
			var n int
			if spec[len(spec)-1] == 's' {
				width, _ := strconv.Atoi(spec[1 : len(spec)-1])
				n = min(width, strings.IndexAny(s+" ", " \t\n\v\f\r"))
			} else {
				n = len(s) - len(strings.TrimLeft(s, "0123456789"))
			}
			if n == 0 {
				return got
			}
			got, s = append(got, s[:n]), s[n:]
		}
	}
	return got
}

type jamiCandidate struct {
	foundation, transport, typ, tcptype string
	prio                                uint64
	addr                                netip.AddrPort
}

// jamiParse models the strict reader of 2019: two lines of credentials, then
// 7 or 8 fields a line; any other line is skipped.
func jamiParse(text string) (ufrag, pwd string, cs []jamiCandidate) {
	lines := strings.Split(text, "\n")
	for _, line := range lines[2:] {
		f := scan(line, "%31s %u %11s %u %79s %u typ %31s tcptype %7s")
		if len(f) != 7 && len(f) != 8 {
			continue
		}
		ip, err := netip.ParseAddr(f[4])
		port, err2 := strconv.ParseUint(f[5], 10, 16)
		prio, err3 := strconv.ParseUint(f[3], 10, 32)
		if err != nil || err2 != nil || err3 != nil || f[1] != "1" || !strings.Contains("host srflx prflx relay", f[6]) {
			continue
		}
		c := jamiCandidate{foundation: f[0], transport: f[2], typ: f[6], prio: prio, addr: netip.AddrPortFrom(ip, uint16(port))}
		if len(f) == 8 {
			c.tcptype = f[7]
		}
		cs = append(cs, c)
	}
	return lines[0], lines[1], cs
}

func asJami(cs []Candidate) (out []jamiCandidate) {
	for _, c := range cs {
		out = append(out, jamiCandidate{c.Foundation, "TCP", string(c.Type), string(c.TCPType), uint64(c.Priority), c.Addr})
	}
	return out
}

// TestJamiReads: a reader that knows the seed's form only gets from our text just
// what ours gets, and does not stumble over the lines that only ours knows.
func TestJamiReads(t *testing.T) {
	for _, text := range []string{read(t, "seed.txt"), ours().String()} {
		d, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		ufrag, pwd, cs := jamiParse(text)
		if ufrag != d.Ufrag || pwd != d.Pwd || !reflect.DeepEqual(cs, asJami(d.Candidates)) {
			t.Errorf("Jami's reader got %s %s %+v\nours %+v", ufrag, pwd, cs, d)
		}
	}
}

func TestScan(t *testing.T) {
	for _, c := range []struct{ s, format, want string }{
		{"ab 12 c", "%31s %u %11s", "ab|12|c"},
		{"abcdef", "%3s%3s", "abc|def"},
		{"ab x", "%31s %u", "ab"},
		{"ab typ host", "%3s typ %4s tcptype %7s", "ab|host"},
	} {
		if got := strings.Join(scan(c.s, c.format), "|"); got != c.want {
			t.Errorf("scan(%q, %q) = %s, want %s", c.s, c.format, got, c.want)
		}
	}
}

package turnrelay

import (
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for in, want := range map[string]URL{
		"turn:turn.example.org":                    {"turn.example.org", 3478, false},
		"turn:turn.example.org:80":                 {"turn.example.org", 80, false},
		"turn:turn.example.org?transport=tcp":      {"turn.example.org", 3478, false},
		"turn:TURN.example.org:3479?transport=TCP": {"turn.example.org", 3479, false},
		"turns:turn.example.org":                   {"turn.example.org", 5349, true},
		"turns:turn.example.org:443?transport=tcp": {"turn.example.org", 443, true},
		"turn:192.0.2.1":                           {"192.0.2.1", 3478, false},
		"turns:[2001:db8::1]":                      {"2001:db8::1", 5349, true},
		"turns:[2001:DB8:0::1]:443?transport=tcp":  {"2001:db8::1", 443, true},
		"TURN:xn--bcher-kva.example:65535":         {"xn--bcher-kva.example", 65535, false},
	} {
		got, err := ParseURL(in)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
		again, err := ParseURL(got.String())
		if err != nil || again != got {
			t.Errorf("%s: printed %s, read as %+v, %v", in, got, again, err)
		}
	}
}

// What is wrong is said, and how it is written.
func TestParseURLErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "write turn:HOST:PORT",
		"turn.example.org":                 "write turn:HOST:PORT",
		"stun:turn.example.org":            "write turn:HOST:PORT",
		"https://turn.example.org":         "write turn:HOST:PORT",
		"turn:":                            "host is missing",
		"turn:?transport=tcp":              "host is missing",
		"turn://turn.example.org":          "no //",
		"turn:me:secret@turn.example.org":  "do not belong into the URL",
		"turn:turn.example.org/x":          "no path",
		"turn:turn.example.org:0":          "1 to 65535",
		"turn:turn.example.org:65536":      "1 to 65535",
		"turn:turn.example.org:":           "1 to 65535",
		"turn:turn.example.org:+80":        "1 to 65535",
		"turn:turn.example.org:http":       "1 to 65535",
		"turn:2001:db8::1":                 "brackets",
		"turn:[2001:db8::1":                "no IPv6 address",
		"turn:[fe80::1%eth0]":              "no IPv6 address",
		"turn:[192.0.2.1]":                 "no IPv6 address",
		"turn:bücher.example":              "xn--",
		"turn:turn.exam ple.org":           "no host name",
		"turn:h?transport=udp":             "over TCP only",
		"turns:h?transport=udp":            "over TCP only",
		"turn:h?transport=sctp":            "only transport=tcp",
		"turn:h?ttl=1":                     "unknown parameter",
		"turn:h?":                          "unknown parameter",
		"turn:" + strings.Repeat("a", 254): "no host name",
	} {
		if got, err := ParseURL(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", in, got, err, want)
		}
	}
}

// What is read can be printed and read again.
func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"turn:turn.example.org", "turns:[2001:db8::1]:443?transport=tcp", "turn:[::ffff:1.2.3.4]:1", "turn:a:1:2", "turn:[]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURL(s)
		if err != nil {
			return
		}
		if again, err := ParseURL(u.String()); err != nil || again != u {
			t.Errorf("%q: %+v printed as %s, read as %+v, %v", s, u, u, again, err)
		}
	})
}

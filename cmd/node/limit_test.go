package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/node"
)

func (f *fakeNode) Limits() []node.Limit {
	return []node.Limit{{Up: 10_000_000}, {Contact: "bob", Account: testAccount(2), Down: 3 << 19}}
}

func (f *fakeNode) SetLimits(_ context.Context, who string, up, down *int64) (node.Limit, error) {
	l, text := node.Limit{Contact: who}, "limit "+who
	if who != "" {
		l.Account = testAccount(2)
	}
	if up != nil {
		l.Up, text = *up, text+fmt.Sprint(" up ", *up)
	}
	if down != nil {
		l.Down, text = *down, text+fmt.Sprint(" down ", *down)
	}
	return l, f.ask("%s", text)
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "none": 0, "NONE": 0, "16384": 16384, "500k": 500_000, "10M": 10_000_000, "1.5MiB": 3 << 19, "1.5mib/s": 3 << 19,
		"2 GiB/s": 2 << 30, "1g": 1e9, "64Ki": 64 << 10, "100B": 100, ".5M": 500_000,
	} {
		if got, err := parseRate(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "M", "-1", "1e3", "10T", "1.2.3", "NaN", "inf", "0x10", "99999999999Gi", "fast", "1ik"} {
		if got, err := parseRate(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestLimit(t *testing.T) {
	f := &fakeNode{}
	serveFake(t, f)
	for _, tc := range []struct {
		args, stdout, asked string
	}{
		{"limit", "WITH                UP        DOWN\neverybody together  9.5 MiB/s  no limit\nbob                 no limit  1.5 MiB/s\n", ""},
		{"limit --json", `[{"contact":"","account":"","up":10000000,"down":0},{"contact":"bob","account":"` + testAccount(2).String() + `","up":0,"down":1572864}]`, ""},
		{"limit --up 10M", "everybody together  9.5 MiB/s  no limit", "limit  up 10000000"},
		{"limit bob --down none", "bob   no limit  no limit", "limit bob down 0"},
		{"limit bob --up 1Mi --down 1.5MiB --json", `{"contact":"bob","account":"` + testAccount(2).String() + `","up":1048576,"down":1572864}`, "limit bob up 1048576 down 1572864"},
		{"limit bob", "bob   no limit  no limit", "limit bob"},
	} {
		code, stdout, stderr := passeur(t.Context(), strings.Fields(tc.args)...)
		said, want := strings.Fields(stdout), strings.Fields(tc.stdout)
		if code != 0 || !strings.Contains(strings.Join(said, " "), strings.Join(want, " ")) {
			t.Errorf("%s: exit code %d, said %s%s", tc.args, code, stdout, stderr)
		}
		if tc.asked != "" && !slices.Contains(f.asked, tc.asked) {
			t.Errorf("%s: asked %q", tc.args, f.asked)
		}
	}
	if code, _, stderr := passeur(t.Context(), "limit", "--up", "fast"); code != exitUsage || !strings.Contains(stderr, "1.5MiB") {
		t.Errorf("exit code %d, said %s", code, stderr)
	}
	serveFake(t, &fakeNode{refuse: fmt.Errorf("%w: %q", node.ErrUnknownContact, "carol")})
	if code, _, stderr := passeur(t.Context(), "limit", "carol", "--up", "1M"); code != exitError || !strings.Contains(stderr, `there is no contact "carol"`) {
		t.Errorf("exit code %d, said %s", code, stderr)
	}
	serveFake(t, &fakeNode{refuse: node.ErrBadLimit})
	if code, stdout, _ := passeur(t.Context(), "limit", "--up", "1", "--json"); code != exitError || !strings.Contains(stdout, `"code":"bad-limit"`) {
		t.Errorf("exit code %d, said %s", code, stdout)
	}
}

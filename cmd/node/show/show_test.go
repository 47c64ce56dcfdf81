package show

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/mattn/go-runewidth"
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hostile is what a peer might call itself or its file: escape sequences of
// terminals (ESC, C1), bidi, invisible letters, line ends.
const hostile = "a\x1b[2Jb\u009b31mc\u202egpj.exe\u200b\r\n\x7f\u3164\U000e0041z"

func TestJSONMeansTheSameAndIsHarmless(t *testing.T) {
	in := map[string]string{"name": hostile, "plain": "日本語 é <&> \"\\", "emoji": "😀"}
	var b bytes.Buffer
	if err := JSON(&b, in); err != nil {
		t.Fatal(err)
	}
	harmless(t, strings.TrimSuffix(b.String(), "\n"))
	if !strings.Contains(b.String(), "日本語 é <&>") {
		t.Errorf("harmless text was escaped: %s", &b)
	}
	var out map[string]string
	if err := json.Unmarshal(b.Bytes(), &out); err != nil || fmt.Sprint(out) != fmt.Sprint(in) {
		t.Errorf("read back %q, %v", out, err)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add(hostile)
	f.Add("\U0001f600\ufffd\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		if err := JSON(&b, s); err != nil {
			t.Fatal(err)
		}
		harmless(t, strings.TrimSuffix(b.String(), "\n"))
		var out string
		if err := json.Unmarshal(b.Bytes(), &out); err != nil || out != string([]rune(s)) {
			t.Errorf("%q became %q, %v", s, out, err)
		}
	})
}

// harmless fails if text would do anything on a terminal but show.
func harmless(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if !unicode.IsPrint(r) || r == '\u3164' {
			t.Errorf("%U in %q", r, text)
		}
	}
}

func TestJSONLogsAreHarmless(t *testing.T) {
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(Escaped(&b), nil)).Info("offer", "name", hostile)
	harmless(t, strings.TrimSuffix(b.String(), "\n"))
	var out struct{ Name string }
	if err := json.Unmarshal(b.Bytes(), &out); err != nil || out.Name != hostile {
		t.Errorf("%q, %v", out.Name, err)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 64 << 20: "64.0 MiB", 1<<20 - 1: "1.0 MiB", 5<<30 + 1<<29: "5.5 GiB",
		1<<63 - 1: "8.0 EiB",
	} {
		if got := Size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestLeftAndPercent(t *testing.T) {
	for d, want := range map[time.Duration]string{7 * time.Second: "0:07", 90 * time.Second: "1:30", time.Hour + time.Second: "1:00:01"} {
		if got := Left(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	for _, x := range [][3]int64{{0, 10, 0}, {9, 10, 90}, {10, 10, 100}, {0, 0, 100}, {11, 10, 100}, {1<<62 - 1, 1 << 62, 100}, {1 << 61, 1 << 62, 50}} {
		if got := Percent(x[0], x[1]); int64(got) != x[2] {
			t.Errorf("%d of %d: %d %%, want %d", x[0], x[1], got, x[2])
		}
	}
}

func TestMeter(t *testing.T) {
	var m Meter
	now := time.Unix(0, 0)
	if rate := m.Add(now, 0); rate != 0 || m.Mean() != 0 {
		t.Errorf("rate %v at once", rate)
	}
	for i := int64(1); i <= 10; i++ {
		now = now.Add(time.Second)
		m.Add(now, i*100)
	}
	if rate := m.Add(now, 1000); rate < 99 || rate > 101 || m.Mean() != 100 {
		t.Errorf("rate %v, mean %v", rate, m.Mean())
	}
	for i := int64(1); i <= 20; i++ {
		now = now.Add(time.Second)
		m.Add(now, 1000+i*500)
	}
	if rate := m.rate; rate < 490 || rate > 500 {
		t.Errorf("after a change: %v", rate)
	}
}

func TestTableAlignsWideAndHostileText(t *testing.T) {
	var b bytes.Buffer
	rows := [][]string{{Clip(hostile, 12), "1"}, {"日本語", "2"}, {"bob", ""}}
	if err := Table(&b, []string{"NAME", "N"}, rows); err != nil {
		t.Fatal(err)
	}
	want := "NAME          N\na\\u001b[2Jb…  1\n日本語        2\nbob\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
	if w := runewidth.StringWidth(Clip(hostile, 12)); w > 12 {
		t.Errorf("clipped to %d columns", w)
	}
}

func transfer(direction node.Direction) api.Transfer {
	return api.Transfer{
		ID: "0123456789abcdef", Direction: direction, Contact: "bob", Name: "p\u202e.jpg", Size: 4096,
		State: filexfer.Created, File: "/r/p.jpg",
	}
}

// play shows a transfer by r from the offer to the end.
func play(r Reporter, t api.Transfer) {
	r.Offer(t)
	r.Phase(t, node.PhaseSealed, "8 servers, 2 live")
	t.Path, t.PathDetails = "relayed", &api.PathDetails{Transport: "ice", Relay: "turn.example\x07"}
	r.Path(t)
	t.State = filexfer.AwaitingPeer
	r.Waiting(t)
	t.State = filexfer.Ongoing
	for t.Bytes = 0; t.Bytes <= t.Size; t.Bytes += 1024 {
		r.Progress(t, 2048)
	}
	t.State, t.Bytes, t.SHA3Sum = filexfer.Finished, t.Size, "abcd"
	r.Done(t, 2048)
	r.Drop()
}

func TestLines(t *testing.T) {
	var b bytes.Buffer
	play(NewLines(&b, false), transfer(node.Outgoing))
	want := `p\u202e.jpg: 4.0 KiB to bob, transfer 0123456789abcdef
p\u202e.jpg: sealed the connection offer for bob's device (8 servers, 2 live)
p\u202e.jpg: path: relayed via turn.example\u0007
p\u202e.jpg: waiting for bob to accept
p\u202e.jpg: 25 % of 4.0 KiB 2.0 KiB/s
p\u202e.jpg: 50 % of 4.0 KiB 2.0 KiB/s
p\u202e.jpg: 75 % of 4.0 KiB 2.0 KiB/s
p\u202e.jpg: 100 % of 4.0 KiB 2.0 KiB/s
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

// TestEvents pins the lines that scripts read.
func TestEvents(t *testing.T) {
	var b bytes.Buffer
	one := transfer(node.Incoming)
	one.Size = 1024
	play(NewJSONReporter(&b), one)
	want := `{"event":"offer","id":"0123456789abcdef","direction":"incoming","contact":"bob","name":"p\u202e.jpg","size":1024,"state":"created","conversation":"","entry":""}
{"event":"phase","id":"0123456789abcdef","phase":"sealed","detail":"8 servers, 2 live"}
{"event":"path","id":"0123456789abcdef","path":"relayed","path_details":{"transport":"ice","local":"","remote":"","local_type":"","remote_type":"","relay":"turn.example\u0007","rtt_ms":0,"tls_version":"","tls_cipher":"","tls_group":"","controlling":false}}
{"event":"progress","id":"0123456789abcdef","bytes":0,"size":1024,"rate":2048}
{"event":"progress","id":"0123456789abcdef","bytes":1024,"size":1024,"rate":2048}
{"event":"done","id":"0123456789abcdef","state":"finished","sha3sum":"abcd","sha3tree":"","code":"","reason":"","message":"","file":"/r/p.jpg","bytes":1024,"size":1024,"rate":2048,"path":"relayed","conversation":"","entry":"","parts":[]}
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

func TestSentences(t *testing.T) {
	out, in := transfer(node.Outgoing), transfer(node.Incoming)
	out.SHA3Sum, out.Path = "abcd", "direct"
	for want, got := range map[string]string{
		`sent p\u202e.jpg (4.0 KiB) to bob, direct, 1.0 KiB/s` + "\nSHA3-512 abcd": Result(out, 1024),
		`received p\u202e.jpg (4.0 KiB) from bob as /r/p.jpg`:                      Result(in, 0),
		`bob refused p\u202e.jpg: too\u000abig`:                                    Failure(with(out, node.EndRefused, filexfer.ClosedByPeer, "await GO: refused by the receiver: too\nbig")),
		`bob refused p\u202e.jpg`:                                                  Failure(with(out, node.EndRefused, filexfer.ClosedByPeer, "await GO: refused by the receiver")),
		`bob cancelled p\u202e.jpg`:                                                Failure(with(out, node.EndCancelled, filexfer.ClosedByPeer, "")),
		`p\u202e.jpg was cancelled here`:                                           Failure(with(in, node.EndCancelled, filexfer.ClosedByHost, "")),
		`bob could not be reached, so p\u202e.jpg was not sent: no device; send it again when bob's node runs`: Failure(with(out, node.EndUnjoinable, filexfer.Unjoinable, "no device")),
		`what arrived of p\u202e.jpg is not what was announced, so nothing was kept; ask bob to send it again`: Failure(with(in, node.EndBadSum, filexfer.ClosedByHost, "")),
		`the connection to bob broke after 0 B of 4.0 KiB of p\u202e.jpg; send it again when bob's node runs`:  Failure(with(out, node.EndLost, filexfer.ClosedByPeer, "")),
		`p\u202e.jpg could not be written here: disk full; give another place with -o`:                         Failure(with(in, node.EndBadPath, filexfer.InvalidPath, "disk full")),
		`nobody decided about p\u202e.jpg in time; send it again when bob's node runs`:                         Failure(with(out, node.EndTimeout, filexfer.TimeoutExpired, "")),
		`p\u202e.jpg failed (closed-by-peer): who knows; send it again when bob's node runs`:                   Failure(with(out, node.EndFailed, filexfer.ClosedByPeer, "who knows")),
		`the node stopped in the middle of p\u202e.jpg; ask bob to send it again`:                              Failure(with(in, node.EndRestarted, filexfer.ClosedByHost, "")),
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func with(t api.Transfer, code node.EndCode, state filexfer.State, reason string) api.Transfer {
	t.Code, t.State, t.Reason = code, state, reason
	return t
}

func TestEveryPhaseHasWords(t *testing.T) {
	for _, p := range []node.Phase{node.PhaseSum, node.PhaseAsk, node.PhaseLookup, node.PhaseFound, node.PhaseSealed, node.PhaseAnswered, node.PhasePair, node.PhaseTLS, node.PhaseGo, node.PhaseVerified} {
		if words := Step(transfer(node.Outgoing), p, ""); words == string(p) {
			t.Errorf("no words for %s", p)
		}
	}
	if words := Step(transfer(node.Outgoing), "new\x1b", hostile); strings.ContainsAny(words, "\x1b\n") {
		t.Errorf("%q", words)
	}
}

func TestNoTerminalMeansLinesAndNoColour(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, isLines := NewReporter(f, false).(*lines); !isLines || Colour(f) {
		t.Error("a file was taken for a terminal")
	}
}

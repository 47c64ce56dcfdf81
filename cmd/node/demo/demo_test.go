package demo

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script makes an executable that stands in for passeur.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "passeur")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// play runs the demo in a temporary folder of its own, which must be empty
// afterwards, and gives what it told.
func play(t *testing.T, ctx context.Context, binary string) (told string, err error) {
	t.Helper()
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	var b strings.Builder
	err = Run(ctx, Config{Binary: binary, Tell: func(s Step) { b.WriteString(s.Who + ": " + s.What + "\n") }})
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	return b.String(), err
}

func TestANodeThatDoesNotStart(t *testing.T) {
	told, err := play(t, t.Context(), script(t, "echo the port is taken >&2; exit 1"))
	if err == nil || !strings.Contains(err.Error(), "dht's node did not become ready") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(told, "dht: log: the port is taken") {
		t.Errorf("the cause is not told: %s", told)
	}
	if strings.Contains(told, "nothing left behind") || strings.Contains(told, "have ended") {
		t.Errorf("a failed node was called a good end: %s", told)
	}
}

func TestAnInterruptEndsWhatRuns(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(t.TempDir(), "started")
	binary := script(t, `trap 'exit 0' TERM; echo up > `+started+`; while :; do sleep 0.05; done`)
	go func() {
		defer cancel()
		await(ctx, func(context.Context) (bool, error) {
			_, err := os.Stat(started)
			return err == nil, nil
		})
	}()
	if _, err := play(t, ctx, binary); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestNoBinary(t *testing.T) {
	if _, err := play(t, t.Context(), "/nonexistent/passeur"); err == nil || !strings.Contains(err.Error(), "start dht's node") {
		t.Errorf("error %v", err)
	}
}

func TestCompare(t *testing.T) {
	write := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	big := bytes.Repeat([]byte("0123456789abcde\n"), 1<<17) // 2 MiB
	changed := bytes.Clone(big)
	changed[len(changed)-1] = 'x'
	for name, test := range map[string]struct {
		other []byte
		equal bool
	}{
		"same":    {big, true},
		"changed": {changed, false},
		"shorter": {big[:len(big)-1], false},
		"longer":  {append(bytes.Clone(big), 'x'), false},
		"empty":   {nil, false},
	} {
		sum, size, err := compare(write("one", big), write("other", test.other))
		if (err == nil) != test.equal {
			t.Errorf("%s: %v", name, err)
		}
		if want := sha3.Sum512(big); test.equal && (sum != hex.EncodeToString(want[:]) || size != int64(len(big))) {
			t.Errorf("%s: sum %s, size %d", name, sum, size)
		}
	}
	if _, size, err := compare(write("one", nil), write("other", nil)); err != nil || size != 0 {
		t.Errorf("empty files: %d, %v", size, err)
	}
	if _, _, err := compare("/nonexistent", "/nonexistent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing files: %v", err)
	}
}

func TestCheckPath(t *testing.T) {
	good := api.PathDetails{Transport: "ice", TLSVersion: "TLS 1.3"}
	if err := checkPath(&good); err != nil {
		t.Error(err)
	}
	tcp, old := good, good
	tcp.Transport, old.TLSVersion = "tcp", "TLS 1.2"
	for _, bad := range []*api.PathDetails{nil, &tcp, &old} {
		if checkPath(bad) == nil {
			t.Errorf("%+v was taken for good", bad)
		}
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var log tail
	log.Write(bytes.Repeat([]byte("x"), 3*keptLog))
	log.Write([]byte("\nlast line\n"))
	lines := log.lines()
	if len(log.kept) != keptLog || lines[len(lines)-1] != "last line" {
		t.Errorf("%d bytes kept, last line %q", len(log.kept), lines[len(lines)-1])
	}
}

package store_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"testing"

	"github.com/passeur-p2p/passeur/node/internal/store"
)

// victimEnv makes the test binary a writer that is to be killed.
const victimEnv = "PASSEUR_STORE_TEST_VICTIM"

// beVictim writes rows and says so after each, until it is killed.
func beVictim(path string) {
	s, err := store.Open(path)
	for i := 0; err == nil; i++ {
		if err = s.PutTransfer(numbered(i)); err == nil {
			_, err = fmt.Println(i)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// numbered has as many parts as tell whether some of them are missing.
func numbered(i int) store.Transfer {
	t := fullTransfer(fmt.Sprintf("%08d", i))
	for n := range i % 7 {
		t.Parts = append(t.Parts, fullPart(byte(n+3)))
	}
	return t
}

func TestKilledWriterLosesNothingItAcknowledged(t *testing.T) {
	path := newPath(t)
	for _, rows := range []int{1, 50, 400} {
		last := runVictim(t, path, rows)
		s := openStore(t, path)
		assertPrefix(t, s, last+1)
		check(t, s.Close())
	}
}

// runVictim kills a writer after it has acknowledged that many rows, and gives
// the last number it acknowledged.
func runVictim(t *testing.T, path string, rows int) (last int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+path)
	out, err := cmd.StdoutPipe()
	check(t, err, cmd.Start())
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ {
		if i == rows {
			check(t, cmd.Process.Kill())
		}
		if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
			t.Fatalf("the writer said %q", lines.Text())
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.Exited() || last < rows {
		t.Fatalf("the writer was not killed in the middle: %v, last row %d", err, last)
	}
	return last
}

// A log that ends anywhere, as a power cut may leave it, gives a state that
// was: the rows up to some row, and none after it.
func TestLogCutAnywhereGivesAStateThatWas(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	const rows = 8
	for i := range rows {
		check(t, s.PutTransfer(numbered(i)))
	}
	log, err := os.ReadFile(path + "-wal")
	check(t, err)
	before := 0
	for cut := 0; cut <= len(log); cut += 1021 { // a prime: it hits all parts of frames
		n := openCopy(t, path, log[:cut])
		if n < before {
			t.Fatalf("%d bytes of the log give %d rows, fewer than %d before", cut, n, before)
		}
		before = n
	}
	if n := openCopy(t, path, log); n != rows {
		t.Errorf("the whole log gives %d of %d rows", n, rows)
	}
}

// openCopy opens a copy with that log and counts its rows.
func openCopy(t *testing.T, path string, log []byte) int {
	t.Helper()
	copied := newPath(t)
	raw, err := os.ReadFile(path)
	check(t, err, os.WriteFile(copied, raw, 0o600), os.WriteFile(copied+"-wal", log, 0o600))
	s := openStore(t, copied)
	defer s.Close()
	transfers, err := s.Transfers()
	check(t, err)
	assertPrefix(t, s, 0)
	return len(transfers)
}

// assertPrefix wants the rows 0, 1, 2 … without a gap, at least that many.
func assertPrefix(t *testing.T, s *store.Store, least int) {
	t.Helper()
	transfers, err := s.Transfers()
	if err != nil || len(transfers) < least {
		t.Fatalf("%d rows, %v; want at least %d", len(transfers), err, least)
	}
	for i, transfer := range transfers {
		if want := numbered(i); !reflect.DeepEqual(transfer, want) { // with all its parts
			t.Fatalf("row %d is %+v", i, transfer)
		}
	}
}

var _ io.Closer = (*store.Store)(nil)

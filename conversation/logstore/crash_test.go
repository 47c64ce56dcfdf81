package logstore_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

// victimEnv makes the test binary a writer that is to be killed: "append PATH"
// or "ingest PATH SEED EXPORT".
const victimEnv = "PASSEUR_LOGSTORE_TEST_VICTIM"

// beVictim says after each commit how many entries are stored, until it is killed.
func beVictim(order string) {
	words := strings.Fields(order)
	err := error(nil)
	switch words[0] {
	case "append":
		err = appendForEver(words[1])
	case "ingest":
		err = ingestAll(words[1], words[2], words[3])
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// openVictim opens a store as a victim does: it has no test.
func openVictim(path string) (*logstore.Store, error) {
	return logstore.Open(path, logstore.Config{})
}

// appendForEver goes on with the only conversation of the store.
func appendForEver(path string) error {
	s, err := openVictim(path)
	if err != nil {
		return err
	}
	all, err := s.Conversations()
	if err != nil {
		return err
	}
	author := newPerson(nil, 1, 1).author()
	for i := all[0].Entries; ; i++ {
		list, err := s.Messages(all[0].ID, logstore.Page{All: true, Limit: 4})
		if err != nil {
			return err
		}
		if _, err := s.Append(context.Background(), all[0].ID, author, conversation.TypeText, numbered(i, list)); err != nil {
			return err
		}
		fmt.Println(i + 1)
	}
}

// numbered is the content of the i-th entry, which follows those in list. Every
// fifth deletes the text three before it.
func numbered(i int, list []logstore.Message) []byte {
	if i%5 == 4 {
		return conversation.Text{Edit: list[len(list)-3].Entry.ID, Deleted: true}.Content()
	}
	return conversation.Text{Text: fmt.Sprint("text ", i)}.Content()
}

// ingestAll takes an export in batches, whose sizes the seed decides.
func ingestAll(path, seed, export string) error {
	s, err := openVictim(path)
	if err != nil {
		return err
	}
	raws, err := readExport(export)
	if err != nil {
		return err
	}
	first, err := conversation.Decode(raws[0])
	if err != nil {
		return err
	}
	var n uint64
	fmt.Sscan(seed, &n)
	sizes := batchSizes(n, len(raws))
	for done := 0; ; {
		if len(sizes) == 0 { // from the start again: nothing is new then
			done, sizes = 0, batchSizes(n, len(raws))
		}
		if _, err := s.Ingest(context.Background(), first.ID, raws[done:done+sizes[0]], logstore.Source{Own: true}); err != nil {
			return err
		}
		done, sizes = done+sizes[0], sizes[1:]
		fmt.Println(done)
	}
}

func batchSizes(seed uint64, total int) (sizes []int) {
	random := rand.New(rand.NewPCG(seed, 2))
	for total > 0 {
		n := 1 + random.IntN(min(6, total))
		sizes, total = append(sizes, n), total-n
	}
	return sizes
}

func readExport(path string) (raws []conversation.Raw, err error) {
	text, err := os.ReadFile(path)
	for line := range bytes.Lines(text) {
		e, err := conversation.ParseLine(line)
		if err != nil {
			return nil, err
		}
		raws = append(raws, e.Raw)
	}
	return raws, err
}

// killed runs a victim and kills it at some time after it has acknowledged that
// many commits. It gives the last number acknowledged.
func killed(t *testing.T, random *rand.Rand, order string, commits int) (last int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+order)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	check(t, err, cmd.Start())
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ {
		if i == commits {
			<-time.After(time.Duration(random.IntN(3000)) * time.Microsecond) // anywhere within the next commits
			check(t, cmd.Process.Kill())
		}
		_, err := fmt.Sscan(lines.Text(), &last)
		check(t, err)
	}
	if err := cmd.Wait(); cmd.ProcessState.Exited() {
		t.Fatalf("the victim was not killed: %v", err)
	}
	return last
}

// Attack 19: kill -9 in any transaction.
func TestKilledWhileAppendingLosesNothingAcknowledged(t *testing.T) {
	path := newPath(t)
	h := newPerson(t, 1, 1).openAt(t, path, logstore.Config{Now: time.Now})
	id := h.group("victim")
	check(t, h.Close())
	for round := range rounds(t, "PASSEUR_LOGSTORE_KILLS", 12) / 2 {
		seed := uint64(round)
		random := rand.New(rand.NewPCG(seed, 3))
		last := killed(t, random, "append "+path, random.IntN(12))
		s, err := openVictim(path)
		check(t, err)
		stored := assertNumbered(t, s, id)
		t.Logf("seed %d: killed after %d were acknowledged, %d are stored", seed, last, stored)
		if stored < last || stored > last+1 {
			t.Errorf("seed %d: %d were acknowledged, %d are stored", seed, last, stored)
		}
		sound(t, s, id)
		check(t, s.Close())
	}
}

// assertNumbered wants the entries that appendForEver writes, all up to some
// number, and gives that number.
func assertNumbered(t *testing.T, s *logstore.Store, id conversation.ID) int {
	t.Helper()
	var all []logstore.Message
	for page := (logstore.Page{All: true, Limit: 500}); ; page.Before = all[0].Entry.ID {
		list, err := s.Messages(id, page)
		check(t, err)
		if len(list) == 0 {
			break
		}
		all = append(list, all...)
	}
	for i, m := range all[1:] {
		i++
		deleted := i%5 == 1 && i+3 < len(all)
		content, here := m.Entry.Content()
		switch {
		case deleted != m.Deleted || deleted == here:
			t.Fatalf("entry %d of %d: deleted %v, its body is here: %v", i, len(all), m.Deleted, here)
		case here && !bytes.Equal(content, numbered(i, all[max(0, i-4):i])):
			t.Fatalf("entry %d is %q", i, content)
		}
	}
	return len(all)
}

func TestKilledWhileIngestingLosesNothingAcknowledged(t *testing.T) {
	h := newHistory(t, 11, 30)
	export := newPath(t) + ".export"
	var text bytes.Buffer
	check(t, h.scribe.Export(t.Context(), h.id, &text), os.WriteFile(export, text.Bytes(), 0o600))
	raws, err := readExport(export)
	check(t, err)
	for round := range rounds(t, "PASSEUR_LOGSTORE_KILLS", 12) / 2 {
		h.killedIngest(uint64(round), raws, export)
	}
}

// killedIngest wants what is stored to be a number of whole batches, no fewer
// than were acknowledged, and the rest to be taken as if nothing had happened.
func (h *history) killedIngest(seed uint64, raws []conversation.Raw, export string) {
	t, path := h.t, newPath(h.t)
	random := rand.New(rand.NewPCG(seed, 4))
	sizes := batchSizes(seed, len(raws))
	last := killed(t, random, fmt.Sprintf("ingest %s %d %s", path, seed, export), random.IntN(len(sizes)))
	s := h.people[1].openAt(t, path, logstore.Config{})
	stored := 0
	if sum, err := s.Summary(h.id); err == nil {
		stored = sum.Entries
	}
	t.Logf("seed %d: killed after %d were acknowledged, %d are stored", seed, last, stored)
	sums := []int{0}
	for _, n := range sizes {
		sums = append(sums, sums[len(sums)-1]+n)
	}
	if !slices.Contains(sums, stored) || stored < last {
		t.Errorf("seed %d: %d were acknowledged, %d are stored; batches end at %v", seed, last, stored, sums)
	}
	if stored > 0 {
		sound(t, s.Store, h.id)
	}
	_, err := s.Ingest(t.Context(), h.id, raws, logstore.Source{Own: true, Last: true})
	check(t, err)
	h.compare(s)
	sound(t, s.Store, h.id)
	check(t, s.Close())
}

// A log that ends anywhere, as a power cut may leave it, gives a state that was.
func TestLogCutAnywhereGivesAStateThatWas(t *testing.T) {
	path := newPath(t)
	h := newPerson(t, 1, 1).openAt(t, path, logstore.Config{})
	id := h.group("cut")
	for i := 1; i < 12; i++ {
		list, err := h.Messages(id, logstore.Page{All: true, Limit: 4})
		check(t, err)
		h.write(id, conversation.TypeText, numbered(i, list))
	}
	log, err := os.ReadFile(path + "-wal")
	check(t, err)
	before := 0
	for cut := 0; cut <= len(log); cut += 11003 { // a prime: it hits all parts of the frames of 4120 bytes
		n := openCopy(t, id, path, log[:cut])
		if n < before {
			t.Fatalf("%d bytes of the log give %d entries, fewer than %d before", cut, n, before)
		}
		before = n
	}
	if n := openCopy(t, id, path, log); n != 12 {
		t.Errorf("the whole log gives %d of 12 entries", n)
	}
}

// openCopy opens a copy with that log and counts its entries.
func openCopy(t *testing.T, id conversation.ID, path string, log []byte) int {
	t.Helper()
	copied := newPath(t)
	raw, err := os.ReadFile(path)
	check(t, err, os.WriteFile(copied, raw, 0o600), os.WriteFile(copied+"-wal", log, 0o600))
	s, err := openVictim(copied)
	check(t, err)
	defer s.Close()
	all, err := s.Conversations()
	check(t, err)
	if len(all) == 0 {
		return 0
	}
	sound(t, s, id)
	return assertNumbered(t, s, id)
}

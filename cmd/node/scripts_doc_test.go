package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// scriptsDoc is what scripts are promised.
const scriptsDoc = "../../docs/scripts.md"

func readDoc(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(scriptsDoc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// eventTypes are the lines of commands that follow something.
var eventTypes = map[string]any{
	"offer": show.OfferEvent{}, "phase": show.PhaseEvent{}, "part": show.PartEvent{}, "path": show.PathEvent{},
	"progress": show.ProgressEvent{}, "pairing": show.PairingEvent{}, "done": show.DoneEvent{}, "error": show.ErrorEvent{},
}

// keysOf are the JSON keys of a struct in their order, those of embedded ones too.
func keysOf(t reflect.Type) (keys []string) {
	for f := range t.Fields() {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tag == "" {
			keys = append(keys, keysOf(f.Type)...)
		} else {
			keys = append(keys, tag)
		}
	}
	return keys
}

var docWord = regexp.MustCompile("`([a-z0-9_-]+)`")

// rowsOf gives the rows of the table whose header begins so: the words in backquotes of
// the first and the last column.
func rowsOf(t *testing.T, doc, header string) map[string][]string {
	t.Helper()
	_, table, found := strings.Cut(doc, header)
	if !found {
		t.Fatalf("no table %s", header)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(table[strings.IndexByte(table, '\n')+1:]) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) < 2 {
			break
		}
		words := func(cell string) (all []string) {
			for _, m := range docWord.FindAllStringSubmatch(cell, -1) {
				all = append(all, m[1])
			}
			return all
		}
		for _, name := range words(cells[0]) {
			rows[name] = words(cells[len(cells)-1])
		}
	}
	return rows
}

func TestEventsAreDocumented(t *testing.T) {
	doc := readDoc(t)
	rows := rowsOf(t, doc, "| event | when | keys |")
	explained := rowsOf(t, doc, "| key | what it is |")
	for name, event := range eventTypes {
		keys := keysOf(reflect.TypeOf(event))[1:] // all have "event"
		if !slices.Equal(rows[name], keys) {
			t.Errorf("%s has %q, documented are %q", name, keys, rows[name])
		}
		for _, key := range keys {
			if _, is := explained[key]; !is {
				t.Errorf("the key %q of %s is not explained", key, name)
			}
		}
	}
	if len(rows) != len(eventTypes) {
		t.Errorf("documented are %q", slices.Sorted(maps.Keys(rows)))
	}
}

// TestExamplesOfEvents are what the program would print, to the letter.
func TestExamplesOfEvents(t *testing.T) {
	_, examples, _ := strings.Cut(readDoc(t), "```json\n")
	examples, _, _ = strings.Cut(examples, "```")
	seen := map[string]bool{}
	for line := range strings.Lines(examples) {
		var head struct{ Event string }
		if err := json.Unmarshal([]byte(line), &head); err != nil || eventTypes[head.Event] == nil {
			t.Fatalf("%v: %s", err, line)
		}
		seen[head.Event] = true
		event := reflect.New(reflect.TypeOf(eventTypes[head.Event]))
		if err := json.Unmarshal([]byte(line), event.Interface()); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		var again strings.Builder
		if err := show.JSON(&again, event.Interface()); err != nil || again.String() != line {
			t.Errorf("%v: the program prints\n%sthe example is\n%s", err, &again, line)
		}
	}
	for name := range eventTypes {
		if !seen[name] {
			t.Errorf("no example of %s", name)
		}
	}
}

func TestExitCodesAreDocumented(t *testing.T) {
	doc := readDoc(t)
	for _, e := range exitCodes {
		if row := fmt.Sprintf("\n| %d | %s |\n", e.code, e.means); !strings.Contains(doc, row) {
			t.Errorf("no row%s", row)
		}
	}
}

// TestWordsOfErrorsAreDocumented: those of this package and of transfers.
func TestWordsOfErrorsAreDocumented(t *testing.T) {
	documented := rowsOf(t, readDoc(t), "Those that a command itself\nsays:\n\n| code | meaning |")
	maps.Copy(documented, rowsOf(t, readDoc(t), "How a transfer can end:\n\n| code | meaning |"))
	for file, word := range map[string]*regexp.Regexp{
		"exit.go":             regexp.MustCompile(`\n\tcode[A-Z]\w+\s*= "([^"]+)"`),
		"configfile.go":       regexp.MustCompile(`const code[A-Z]\w+ = "([^"]+)"`),
		"../../node/types.go": regexp.MustCompile(`\n\tEnd[A-Z]\w+\s+EndCode = "([^"]+)"`),
	} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := word.FindAllStringSubmatch(string(source), -1)
		if found == nil {
			t.Errorf("%s has no words", file)
		}
		for _, m := range found {
			if _, is := documented[m[1]]; !is {
				t.Errorf("%q (%s) is not documented", m[1], file)
			}
		}
	}
}

// TestInboxIsDocumented as its type is.
func TestInboxIsDocumented(t *testing.T) {
	_, text, _ := strings.Cut(readDoc(t), "`inbox --json`:")
	text, _, _ = strings.Cut(text, ";")
	var words []string
	for _, m := range docWord.FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
	}
	if keys := keysOf(reflect.TypeFor[show.InboxItem]()); !slices.Equal(words, keys) {
		t.Errorf("documented are %q, there are %q", words, keys)
	}
}

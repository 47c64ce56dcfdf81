package logstore_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

func exported(t testing.TB, h *home, id conversation.ID) []byte {
	t.Helper()
	var out bytes.Buffer
	check(t, h.Export(t.Context(), id, &out))
	return out.Bytes()
}

func TestExportVerifiesByItself(t *testing.T) {
	h := newHistory(t, 21, 30)
	text := exported(t, h.scribe, h.id)
	report, err := logstore.VerifyExport(t.Context(), bytes.NewReader(text))
	check(t, err)
	state, entries := h.state()
	var heads []conversation.ID
	for _, row := range state.Heads {
		heads = append(heads, entries[row].ID)
	}
	void := len(entries) - len(slices.DeleteFunc(slices.Clone(state.Void), func(s string) bool { return s != "" }))
	if report.Conversation != h.id || report.Mode != conversation.Group || report.Name != "random" || report.Entries != len(entries) ||
		report.Void != void || !sameSet(report.Heads, heads) || !reflect.DeepEqual(report.Members, state.Members) {
		t.Errorf("%+v", report)
	}
	if err := h.scribe.Export(t.Context(), conversation.ID{1}, &bytes.Buffer{}); !errors.Is(err, logstore.ErrUnknownConversation) {
		t.Errorf("%v", err)
	}
}

func TestExportThatWasTamperedWithDoesNotVerify(t *testing.T) {
	id, a, b := two(t, logstore.Config{})
	text := a.say(id, "hello")
	a.write(id, conversation.TypeText, conversation.Text{Edit: text.ID, Deleted: true}.Content())
	lines := strings.SplitAfter(strings.TrimSuffix(string(exported(t, a, id)), "\n"), "\n")
	early := forge(t, b.author(), id, start.AddDate(-1, 0, 0), []byte("before its parents"), text.ID)
	stranger := forge(t, newPerson(t, 9, 1).author(), id, start.AddDate(1, 0, 0), []byte("hi"), text.ID)
	for name, tampered := range map[string][]string{
		"nothing":             {},
		"a line left out":     slices.Delete(slices.Clone(lines), 1, 2),
		"a line twice":        append(slices.Clone(lines), lines[2]),
		"another order":       {lines[1], lines[0]},
		"another text":        {strings.Replace(lines[0], "group", "grouq", 1)},
		"no JSON":             append(slices.Clone(lines), "{"),
		"a long line":         append(slices.Clone(lines), strings.Repeat("x", conversation.MaxLine+1)),
		"earlier than before": append(slices.Clone(lines), "\n", string(early.MarshalLine())),
		"a stranger's":        append(slices.Clone(lines), "\n", string(stranger.MarshalLine())),
	} {
		_, err := logstore.VerifyExport(t.Context(), strings.NewReader(strings.Join(tampered, "")))
		if !errors.Is(err, logstore.ErrExport) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := logstore.VerifyExport(t.Context(), strings.NewReader(strings.Join(lines, ""))); err != nil || r.Withheld != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := logstore.VerifyExport(ctx, strings.NewReader(strings.Join(lines, ""))); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func FuzzVerifyExport(f *testing.F) {
	h := newPerson(f, 1, 1).open(f, logstore.Config{})
	id := h.group("fuzz")
	text := h.say(id, "hello")
	h.write(id, conversation.TypeText, conversation.Text{Edit: text.ID, Deleted: true}.Content())
	seed := exported(f, h, id)
	f.Add(seed)
	f.Add(bytes.Replace(seed, []byte("null"), []byte(`""`), 1))
	f.Add([]byte("{}\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		report, err := logstore.VerifyExport(t.Context(), bytes.NewReader(text))
		if err == nil && report.Entries == 0 || err != nil && !errors.Is(err, logstore.ErrExport) {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// FuzzIngest: whatever bytes come, nothing is stored that is not sound.
func FuzzIngest(f *testing.F) {
	h := newPerson(f, 1, 1).open(f, logstore.Config{})
	id := h.group("fuzz")
	e := h.say(id, "hello")
	f.Add(e.Raw.Header, e.Raw.Signature, e.Raw.Body)
	f.Add(e.Raw.Header[:100], e.Raw.Signature, []byte(nil))
	f.Fuzz(func(t *testing.T, header, signature, body []byte) {
		r, err := h.Ingest(t.Context(), id, []conversation.Raw{{Header: header, Signature: signature, Body: body}}, logstore.Source{})
		if len(r.Added) > 0 || err != nil && !errors.Is(err, logstore.ErrInvalid) && !errors.Is(err, logstore.ErrParent) && !errors.Is(err, logstore.ErrBatch) {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

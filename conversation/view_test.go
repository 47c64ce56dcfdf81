package conversation_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passeur-p2p/passeur/conversation"
)

// talk is a list of live entries, each numbered by its ID, that all follow from
// one another unless apart says so.
type talk struct {
	entries []*conversation.Entry
	apart   map[[2]conversation.ID]bool
}

var alice, bob = conversation.Account{1}, conversation.Account{2}

// say appends an entry; content nil is a withheld body.
func (k *talk) say(who conversation.Account, typ string, content []byte) conversation.ID {
	n := len(k.entries) + 1
	e := &conversation.Entry{ID: idOf(n), Account: who, Type: typ, Time: time.UnixMilli(int64(n))}
	if content != nil {
		e.Raw.Body = append(make([]byte, conversation.Salt), content...)
	}
	k.entries = append(k.entries, e)
	return e.ID
}

func (k *talk) text(who conversation.Account, text string) conversation.ID {
	return k.say(who, conversation.TypeText, conversation.Text{Text: text}.Content())
}

func (k *talk) edit(who conversation.Account, target conversation.ID, text string) conversation.ID {
	return k.say(who, conversation.TypeText, conversation.Text{Text: text, Edit: target}.Content())
}

func (k *talk) delete(who conversation.Account, target conversation.ID, also ...conversation.ID) conversation.ID {
	return k.say(who, conversation.TypeText, conversation.Text{Edit: target, Deleted: true, Also: also}.Content())
}

func (k *talk) file(f conversation.File) conversation.ID {
	return k.say(alice, conversation.TypeFile, f.Content())
}

func (k *talk) entry(id conversation.ID) *conversation.Entry { return k.entries[id[31]-1] }

func (k *talk) isAncestor(target, of conversation.ID) bool {
	return target.Compare(of) < 0 && !k.apart[[2]conversation.ID{target, of}]
}

func (k *talk) view() []conversation.Message { return conversation.View(k.entries, k.isAncestor) }

// only gives the message when there is one.
func (k *talk) only(t *testing.T) conversation.Message {
	t.Helper()
	messages := k.view()
	if len(messages) != 1 {
		t.Fatalf("%d messages, want 1", len(messages))
	}
	return messages[0]
}

func idOf(n int) (id conversation.ID) {
	id[31] = byte(n)
	return id
}

func TestGreatestEditStands(t *testing.T) {
	var k talk
	first := k.text(alice, "helo")
	k.edit(alice, first, "hello")
	last := k.edit(alice, first, "hello!")
	if m := k.only(t); m.Text != "hello!" || !m.Edited || m.Deleted || m.By != last || len(m.Edits) != 2 || m.Entry.ID != first {
		t.Errorf("%+v", m)
	}
	k.entry(last).Time = time.UnixMilli(0)
	if m := k.only(t); m.Text != "hello" {
		t.Errorf("%q; the later time decides, not the order of arrival", m.Text)
	}
	k.entry(last).Time = k.entry(idOf(2)).Time
	for range 2 {
		slices.Reverse(k.entries[1:])
		if m := k.only(t); m.Text != "hello!" {
			t.Errorf("%q; of equal times the greater id decides", m.Text)
		}
	}
}

func TestDeletionBeatsAnyEdit(t *testing.T) {
	var k talk
	first := k.text(alice, "secret")
	edit := k.edit(alice, first, "still secret")
	deletion := k.delete(alice, first, edit)
	late := k.edit(alice, first, "back again")
	m := k.only(t)
	if !m.Deleted || m.Edited || m.Text != "" || m.Unreadable || m.By != deletion {
		t.Errorf("%+v", m)
	}
	if want := []conversation.ID{first, edit}; !slices.Equal(m.Drop, want) {
		t.Errorf("to drop: %v, want %v", m.Drop, want)
	}
	// Where the bodies are gone it looks the same.
	k.entry(first).Raw.Body, k.entry(edit).Raw.Body = nil, nil
	if again := k.only(t); !reflect.DeepEqual(again, m) {
		t.Errorf("without the bodies: %+v, want %+v", again, m)
	}
	if m.Entry.ID == late {
		t.Error("an edit is shown as a message")
	}
}

// Attack 13.
func TestEditOfAnothersEntryHasNoEffect(t *testing.T) {
	var k talk
	first := k.text(alice, "I owe you 10")
	k.edit(bob, first, "I owe you 1000")
	k.delete(bob, first)
	if m := k.only(t); m.Text != "I owe you 10" || m.Edited || m.Deleted {
		t.Errorf("%+v", m)
	}
}

// Attack 13.
func TestEditOfAnotherTypeHasNoEffect(t *testing.T) {
	var k talk
	first := k.text(alice, "hello")
	k.file(conversation.File{Edit: first, Deleted: true})
	k.say(alice, "application/x-else", conversation.Text{Text: "x", Edit: first}.Content())
	file := k.file(someFile())
	k.edit(alice, file, "x")
	messages := k.view()
	if len(messages) != 3 || messages[0].Text != "hello" || messages[0].Edited || messages[0].Deleted ||
		!messages[1].Unreadable || messages[2].File == nil || messages[2].Edited {
		t.Errorf("%+v", messages)
	}
}

// Attack 13: what is no ancestor was not seen, or does not exist.
func TestEditOfWhatIsNoAncestorHasNoEffect(t *testing.T) {
	var k talk
	first := k.text(alice, "hello")
	edit := k.edit(alice, first, "hullo")
	k.edit(alice, idOf(99), "of nothing")
	k.apart = map[[2]conversation.ID]bool{{first, edit}: true}
	if m := k.only(t); m.Text != "hello" || m.Edited {
		t.Errorf("%+v", m)
	}
}

// Attack 13. IDs are hashes, so a loop takes a false isAncestor; harmless even then.
func TestEditLoopsAndEditsOfEditsHaveNoEffect(t *testing.T) {
	var k talk
	first := k.text(alice, "hello")
	edit := k.edit(alice, first, "hullo")
	k.edit(alice, edit, "of an edit")
	k.edit(alice, idOf(5), "to the next")
	k.edit(alice, idOf(4), "and back")
	k.edit(alice, idOf(6), "to itself")
	k.delete(alice, edit)
	messages := conversation.View(k.entries, func(_, _ conversation.ID) bool { return true })
	if len(messages) != 1 || messages[0].Text != "hullo" || !slices.Equal(messages[0].Edits, []conversation.ID{edit}) {
		t.Errorf("%+v", messages)
	}
}

// Attack 13.
func TestEditNeverSwapsAFile(t *testing.T) {
	tree := strings.Repeat("7e", 32)
	for name, edit := range map[string]conversation.File{
		"another sum":  {SHA3Sum: strings.Repeat("00", 64), TotalSize: 12345},
		"another size": {SHA3Sum: someFile().SHA3Sum, TotalSize: 12346},
		"another tree": {SHA3Tree: strings.Repeat("00", 32)},
	} {
		var k talk
		original := someFile()
		original.SHA3Tree = tree
		edit.DisplayName, edit.Edit = "swapped.exe", k.file(original)
		k.file(edit)
		if m := k.only(t); m.Edited || !reflect.DeepEqual(*m.File, original) {
			t.Errorf("%s: %+v", name, m.File)
		}
	}
}

func TestEditAddsAMissingTreeOnce(t *testing.T) {
	var k talk
	first := k.file(someFile())
	tree, other := strings.Repeat("7e", 32), strings.Repeat("00", 32)
	add := k.file(conversation.File{Edit: first, SHA3Tree: tree})
	k.file(conversation.File{Edit: first, SHA3Tree: other, DisplayName: "swapped.exe"})
	name := k.file(conversation.File{Edit: first, DisplayName: "holiday.jpg"})
	want := someFile()
	want.SHA3Tree, want.DisplayName = tree, "holiday.jpg"
	m := k.only(t)
	if !reflect.DeepEqual(*m.File, want) || !slices.Equal(m.Edits, []conversation.ID{add, name}) || m.By != name {
		t.Errorf("%+v\nby %v", m.File, m.Edits)
	}
}

func TestEditAddsAMissingSumOnce(t *testing.T) {
	var k talk
	want := someFile()
	original := want
	original.SHA3Sum, original.SHA3Tree = "", strings.Repeat("7e", 32)
	first := k.file(original)
	k.file(conversation.File{Edit: first, SHA3Sum: want.SHA3Sum, TotalSize: want.TotalSize + 1})
	add := k.file(conversation.File{Edit: first, SHA3Sum: want.SHA3Sum, TotalSize: want.TotalSize})
	k.file(conversation.File{Edit: first, SHA3Sum: strings.Repeat("00", 64), TotalSize: want.TotalSize})
	want.SHA3Tree = original.SHA3Tree
	m := k.only(t)
	if !reflect.DeepEqual(*m.File, want) || !slices.Equal(m.Edits, []conversation.ID{add}) || m.Edited {
		t.Errorf("%+v\nby %v", m.File, m.Edits)
	}
}

func TestDeletedFile(t *testing.T) {
	var k talk
	first := k.file(someFile())
	k.file(conversation.File{Edit: first, Deleted: true})
	if m := k.only(t); !m.Deleted || m.File != nil || !slices.Equal(m.Drop, []conversation.ID{first}) {
		t.Errorf("%+v", m)
	}
}

// A deletion takes along edits of its target, and nothing else.
func TestDeletionTakesNoOtherMessagesAlong(t *testing.T) {
	var k talk
	first, second, foreign := k.text(alice, "one"), k.text(alice, "two"), k.text(bob, "three")
	edit, foreignEdit := k.edit(alice, second, "two!"), k.edit(bob, foreign, "three!")
	deletion := k.delete(alice, first)
	k.delete(alice, first, second, foreign, edit, foreignEdit, deletion, idOf(99))
	messages := k.view()
	if len(messages) != 3 || messages[1].Text != "two!" || messages[2].Text != "three!" || !slices.Equal(messages[0].Drop, []conversation.ID{first}) {
		t.Errorf("%+v", messages)
	}
}

// Of two deleted entries that each deletion calls an edit of the other, the one
// that came first is no edit.
func TestDeletionsThatNameEachOthersTargetsHideOne(t *testing.T) {
	var k talk
	first := k.text(alice, "one")
	edit := k.edit(alice, first, "one!")
	k.delete(alice, first, edit)
	k.delete(alice, edit, first)
	for range 2 {
		if m := k.only(t); !m.Deleted || m.Entry.ID != first {
			t.Errorf("%+v", m)
		}
		k.entry(first).Raw.Body, k.entry(edit).Raw.Body = nil, nil
	}
}

func TestWhatPeopleDoNotSee(t *testing.T) {
	var k talk
	k.say(alice, conversation.TypeMerge, []byte{})
	withheld := k.say(alice, conversation.TypeText, nil)
	bad := k.say(alice, conversation.TypeText, []byte("\xff"))
	badFile := k.say(alice, conversation.TypeFile, []byte("{}"))
	unknown := k.say(alice, "image/png", []byte("\x89PNG"))
	join := k.say(alice, conversation.TypeMember, conversation.MemberContent(conversation.Join, conversation.Account{}))
	k.entry(join).Control = &conversation.Control{Action: conversation.Join}
	messages := k.view()
	for i, want := range []conversation.ID{withheld, bad, badFile, unknown, join} {
		if len(messages) != 5 || messages[i].Entry.ID != want || messages[i].Unreadable != (want != join) {
			t.Fatalf("%d: %+v", i, messages)
		}
	}
	k.edit(alice, withheld, "now you see it")
	if m := k.view()[0]; m.Unreadable || m.Text != "now you see it" {
		t.Errorf("an edit of a withheld text: %+v", m)
	}
}

func TestHostileTextStaysAsItIs(t *testing.T) {
	var k talk
	text := "\x1b]0;owned\x07\u202e<script>\x00"
	k.edit(alice, k.text(alice, "hello"), text)
	if m := k.only(t); m.Text != text {
		t.Errorf("%q", m.Text)
	}
}

// Whatever order entries come in, people see the same.
func TestViewDependsOnTheSetAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := drawTalk(t)
		want := byID(k.view())
		shuffled := rapid.Permutation(k.entries).Draw(t, "order")
		if got := byID(conversation.View(shuffled, k.isAncestor)); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v\nwant\n%+v", got, want)
		}
	})
}

// Who still has the deleted bodies and who has not see the same of what stays,
// and nothing of what is gone.
func TestDroppedBodiesChangeNothingThatStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := drawTalk(t)
		before := byID(k.view())
		for _, m := range before {
			if m.Deleted != (len(m.Drop) > 0) {
				t.Fatalf("%+v", m)
			}
			for _, id := range m.Drop {
				k.entry(id).Raw.Body = nil
			}
		}
		after := byID(k.view())
		for id, m := range before {
			if !m.Deleted && !reflect.DeepEqual(after[id], m) {
				t.Fatalf("%+v became %+v", m, after[id])
			}
		}
		for id, m := range after {
			if before[id].Entry == nil || before[id].Deleted && (m.Text != "" || m.File != nil) {
				t.Fatalf("came back: %+v", m)
			}
		}
	})
}

func byID(messages []conversation.Message) map[conversation.ID]conversation.Message {
	all := map[conversation.ID]conversation.Message{}
	for _, m := range messages {
		all[m.Entry.ID] = m
	}
	return all
}

// drawTalk: two people write, edit and delete, each other's and edits too.
func drawTalk(t *rapid.T) *talk {
	k := &talk{apart: map[[2]conversation.ID]bool{}}
	n := rapid.IntRange(1, 12).Draw(t, "entries")
	for i := range n {
		who := rapid.SampledFrom([]conversation.Account{alice, bob}).Draw(t, "who")
		target := idOf(rapid.IntRange(1, n).Draw(t, "target"))
		var also []conversation.ID
		for _, id := range rapid.SliceOfNDistinct(rapid.IntRange(1, n), 0, 3, rapid.ID).Draw(t, "also") {
			also = append(also, idOf(id))
		}
		switch rapid.IntRange(0, 3).Draw(t, "what") {
		case 0:
			k.text(who, "text")
		case 1:
			k.edit(who, target, "edit")
		case 2:
			k.delete(who, target, also...)
		case 3:
			k.file(conversation.File{Edit: target, DisplayName: "x", SHA3Tree: strings.Repeat("ab", 32), Deleted: len(also) > 2})
		}
		k.entries[i].Time = time.UnixMilli(int64(rapid.IntRange(0, 3).Draw(t, "time")))
		if rapid.Bool().Draw(t, "apart") {
			k.apart[[2]conversation.ID{target, idOf(i + 1)}] = true
		}
	}
	return k
}

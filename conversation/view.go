package conversation

import (
	"cmp"
	"slices"
)

// Message is an entry as people see it, after what its author did to it later.
type Message struct {
	// Entry is the one that came first.
	Entry *Entry
	// Text of a text/plain entry: hostile, as its author wrote it last.
	Text string
	// File of a data-transfer entry; nil for other types.
	File *File
	// Unreadable: the body is withheld, or not what the type promises, or the type
	// is unknown here. Show type and size. A deleted message is not Unreadable.
	Unreadable bool
	// Edited: a later entry gave another text or name. Deleted: one took it back;
	// Text and File are empty.
	Edited, Deleted bool
	// By is the entry that edited or deleted it; zero if none did.
	By ID
	// Edits are those that count, oldest first. To delete a message, name them in
	// Also: what was edited away is to go, too.
	Edits []ID
	// Drop are, of a deleted message, the entries whose bodies nobody needs and no
	// device may keep: the first one, and the edits that the deletion names.
	Drop []ID
}

// View resolves edits and deletions among live entries and gives, in the order
// of live, what people see: all but edits, deletions and merges.
//
// An edit counts if its target is in live, is no edit itself, is of the same
// account and type, and is an ancestor: isAncestor(target, edit). Of several the
// one with the greatest (time, ID) stands; a deletion beats all. An edit of a
// file that names another sha3sum, totalSize or sha3tree does not count; it may
// add a sha3tree where there is none, and another name. An edit that does not count has no effect.
//
// The result depends on the set of entries alone, and what is not deleted looks
// the same whether the bodies in Drop are there or not.
func View(live []*Entry, isAncestor func(target, of ID) bool) []Message {
	v := newView(live, isAncestor)
	messages := make([]Message, 0, len(live))
	for _, e := range live {
		if e.Type != TypeMerge && !v.hidden[e.ID] {
			messages = append(messages, v.resolve(e))
		}
	}
	return messages
}

type view struct {
	byID       map[ID]*Entry
	isAncestor func(target, of ID) bool
	// edits and deletions that count, by target, by (time, ID).
	edits, deletions map[ID][]*Entry
	// named are the edits that a deletion of their target names, by target.
	named map[ID][]ID
	// hidden are edits, deletions, and what deletions name.
	hidden map[ID]bool
}

func newView(live []*Entry, isAncestor func(target, of ID) bool) *view {
	v := &view{
		byID: make(map[ID]*Entry, len(live)), isAncestor: isAncestor,
		edits: map[ID][]*Entry{}, deletions: map[ID][]*Entry{}, named: map[ID][]ID{}, hidden: map[ID]bool{},
	}
	changes := map[ID]Edit{}
	for _, e := range live {
		v.byID[e.ID] = e
		if edit, ok := e.Edit(); ok {
			changes[e.ID], v.hidden[e.ID] = edit, true
		}
	}
	for _, e := range slices.SortedFunc(slices.Values(live), byTime) {
		if edit, ok := changes[e.ID]; ok {
			v.take(e, edit, changes)
		}
	}
	return v
}

func byTime(a, b *Entry) int { return cmp.Or(a.Time.Compare(b.Time), a.ID.Compare(b.ID)) }

// take files an edit or deletion under its target, if it counts.
func (v *view) take(e *Entry, edit Edit, changes map[ID]Edit) {
	_, isEdit := changes[edit.Target]
	if isEdit || !v.mayChange(edit.Target, e) {
		return
	}
	if !edit.Deletes {
		v.edits[edit.Target] = append(v.edits[edit.Target], e)
		return
	}
	v.deletions[edit.Target] = append(v.deletions[edit.Target], e)
	for _, id := range edit.Also {
		if v.mayChange(id, e) && v.mayBeEdit(id, edit.Target, changes) {
			v.named[edit.Target] = append(v.named[edit.Target], id)
			v.hidden[id] = true
		}
	}
}

// mayBeEdit tells whether a deletion of target may call id an edit of it: that
// is what its body says, or the body is gone.
func (v *view) mayBeEdit(id, target ID, changes map[ID]Edit) bool {
	edit, said := changes[id]
	withheld := v.byID[id].Raw.Body == nil
	return v.isAncestor(target, id) && (withheld || said && edit.Target == target && !edit.Deletes)
}

func (v *view) mayChange(target ID, e *Entry) bool {
	t := v.byID[target]
	return t != nil && t.Account == e.Account && t.Type == e.Type && v.isAncestor(target, e.ID)
}

func (v *view) resolve(e *Entry) Message {
	m := Message{Entry: e}
	switch deletions := v.deletions[e.ID]; {
	case len(deletions) > 0:
		m.Deleted, m.By = true, deletions[0].ID
		m.Drop = slices.Compact(slices.SortedFunc(slices.Values(append(v.named[e.ID], e.ID)), ID.Compare))
	case e.Type == TypeText:
		m.readText(v.edits[e.ID])
	case e.Type == TypeFile:
		m.readFile(v.edits[e.ID])
	default:
		m.Unreadable = e.Control == nil
	}
	return m
}

// readText takes the last edit's text; Entry.Edit has parsed each before.
func (m *Message) readText(edits []*Entry) {
	last := m.Entry
	for _, e := range edits {
		last = e
		m.count(e)
	}
	content, ok := last.Content()
	text, err := ParseText(content)
	m.Text, m.Unreadable = text.Text, !ok || err != nil
}

func (m *Message) count(e *Entry) {
	m.Edits, m.By, m.Edited = append(m.Edits, e.ID), e.ID, true
}

// readFile lets edits add what is missing and change the name, no more.
func (m *Message) readFile(edits []*Entry) {
	content, ok := m.Entry.Content()
	file, err := ParseFile(content)
	if m.Unreadable = !ok || err != nil; m.Unreadable {
		return
	}
	edited := false
	for _, e := range edits {
		content, _ := e.Content()
		change, _ := ParseFile(content)
		if !file.agrees(change) {
			continue
		}
		file.SHA3Sum, file.SHA3Tree = cmp.Or(file.SHA3Sum, change.SHA3Sum), cmp.Or(file.SHA3Tree, change.SHA3Tree)
		edited = edited || change.DisplayName != "" && change.DisplayName != file.DisplayName
		file.DisplayName = cmp.Or(change.DisplayName, file.DisplayName)
		m.count(e)
	}
	m.File, m.Edited = &file, edited // a sum that follows is no news
}

// agrees tells whether an edit leaves the sums that are known, the size and the
// manifest as they are.
func (f File) agrees(edit File) bool {
	size := edit.SHA3Sum == "" || edit.TotalSize == f.TotalSize
	sum := edit.SHA3Sum == "" || f.SHA3Sum == "" || edit.SHA3Sum == f.SHA3Sum
	tree := edit.SHA3Tree == "" || f.SHA3Tree == "" || edit.SHA3Tree == f.SHA3Tree
	manifest := edit.Manifest == 0 || edit.Manifest == f.Manifest
	return size && sum && tree && manifest
}

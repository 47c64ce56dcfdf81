package conversation

import (
	"slices"
	"strings"
)

// Edit says which earlier entry a text/plain or data-transfer entry changes.
// Whether it may is for [View] to tell.
type Edit struct {
	Target ID
	// Deletes: the target is taken back, for ever.
	Deletes bool
	// Also are edits of the target whose bodies go with it.
	Also []ID
}

// Edit gives what the entry changes. It is false for entries that stand for
// themselves, of other types, without a body, or with one that does not parse.
func (e *Entry) Edit() (Edit, bool) {
	content, ok := e.Content()
	if !ok {
		return Edit{}, false
	}
	switch e.Type {
	case TypeText:
		t, err := ParseText(content)
		return Edit{t.Edit, t.Deleted, t.Also}, err == nil && !t.Edit.IsZero()
	case TypeFile:
		f, err := ParseFile(content)
		return Edit{f.Edit, f.Deleted, f.Also}, err == nil && !f.Edit.IsZero()
	}
	return Edit{}, false
}

// edit takes the key "edit"; zero if there is none.
func (r *fieldReader) edit() (target ID) {
	text, found := r.take("edit")
	if !found {
		return ID{}
	}
	target, err := ParseID(text)
	if err != nil || target.IsZero() {
		r.fail("edit", "is not an entry's id")
	}
	return target
}

// maxAlso is how many ids of 64 digits, and a space each, fit into a body beside
// the rest of a deletion.
const maxAlso = 1000

// writeAlso adds the key "also": ids, a space between two; what does not fit is
// left out.
func writeAlso(fields fieldMap, also []ID) {
	if len(also) == 0 {
		return
	}
	texts := make([]string, 0, len(also))
	for _, id := range also[:min(len(also), maxAlso)] {
		texts = append(texts, id.String())
	}
	fields["also"] = strings.Join(texts, " ")
}

func (r *fieldReader) also() (also []ID) {
	text, found := r.take("also")
	if !found {
		return nil
	}
	for word := range strings.SplitSeq(text, " ") {
		id, err := ParseID(word)
		if err != nil || slices.Contains(also, id) || len(also) == maxAlso {
			r.fail("also", "is not a list of different ids")
			return nil
		}
		also = append(also, id)
	}
	return also
}

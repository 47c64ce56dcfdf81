package show

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
)

// Files writes a table of the files of conversations that lie here.
func Files(w io.Writer, files []api.HeldFile) error {
	rows := make([][]string, 0, len(files))
	for _, f := range files {
		rows = append(rows, []string{
			ID(f.Entry), Clip(f.ConversationName, 30), Size(f.Size), held(f), Clip(f.Name, 40), Text(f.File),
		})
	}
	return Table(w, []string{"ENTRY", "CONVERSATION", "SIZE", "STATE", "NAME", "FILE"}, rows)
}

// held says whether others can get a file from here, and why not.
func held(f api.HeldFile) string {
	switch f.State {
	case node.HeldHere:
		return "held"
	case node.HeldUnchecked:
		return "held, but touched: checked when asked for"
	case node.HeldUnreadable:
		return "not held: it cannot be read"
	case node.HeldGone:
		return "not held: moved or removed"
	case node.HeldChanged:
		return "not held: changed since"
	case node.HeldWithdrawn:
		return "not held: taken back by " + Clip(Person(f.Author), maxAuthor)
	}
	return Text(string(f.State))
}

// InboxItem is one element of inbox --json. Kind is "offer" for a file that waits for
// an answer, "missed" for one of a conversation that went by; that has neither an ID
// nor a State. Conversation and Entry are "" where an offer belongs to none.
type InboxItem struct {
	ID               string `json:"id"`
	From             string `json:"from"`
	Name             string `json:"name"`
	Size             int64  `json:"size"`
	State            string `json:"state"`
	Kind             string `json:"kind"`
	Conversation     string `json:"conversation"`
	ConversationName string `json:"conversation_name"`
	Entry            string `json:"entry"`
}

// Inbox writes a table of offers, and one of missed files with how to get them.
func Inbox(w io.Writer, items []InboxItem) error {
	var offers, missed [][]string
	for _, i := range items {
		from, size, name := Clip(Person(i.From), 40), Size(i.Size), Clip(i.Name, nameWidth)
		if i.Kind == "missed" {
			missed = append(missed, []string{ID(i.Entry), conversationWord(i), from, size, name})
		} else {
			offers = append(offers, []string{Text(i.ID), from, size, name})
		}
	}
	if len(offers)+len(missed) == 0 {
		_, err := fmt.Fprintln(w, "nothing is offered to you, and you have missed nothing")
		return err
	}
	if len(offers) > 0 {
		if err := Table(w, []string{"ID", "FROM", "SIZE", "NAME"}, offers); err != nil {
			return err
		}
	}
	if len(missed) == 0 {
		return nil
	}
	gap := "\n"
	if len(offers) == 0 {
		gap = ""
	}
	if _, err := fmt.Fprint(w, gap, "Missed here; 'passeur get CONVERSATION ENTRY' gets one from whoever has it:\n"); err != nil {
		return err
	}
	return Table(w, []string{"ENTRY", "CONVERSATION", "FROM", "SIZE", "NAME"}, missed)
}

// conversationWord names a conversation so that it can be typed: by its name, if that
// is one short word without a letter that means something to a shell.
func conversationWord(i InboxItem) string {
	name := Clip(Person(i.ConversationName), 30)
	if name == "" || name != i.ConversationName || strings.ContainsFunc(name, separates) {
		return ID(i.Conversation)
	}
	return name
}

func separates(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._@+-", r)
}

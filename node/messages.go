package node

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

// late is how much later than one that stands behind it an entry must have been
// seen for people to be told that it came late.
const late = time.Minute

// maxEvents bounds the messages of one commit that are told one by one: a device
// that catches up tells of the conversation only.
const maxEvents = 64

// Messages gives a page of a conversation, oldest first.
func (n *Node) Messages(ref string, p Page) ([]Message, error) {
	s, err := n.findConversation(ref)
	if err != nil {
		return nil, err
	}
	return n.messagesOf(s, p)
}

// messagesOf takes the two one-to-one conversations of a pair as one.
func (n *Node) messagesOf(s logstore.Summary, p Page) ([]Message, error) {
	page := logstore.Page{Before: p.Before, Limit: p.Limit, All: p.All}
	raw, err := n.pageOf(s, page)
	if err != nil {
		return nil, err
	}
	list := make([]Message, len(raw))
	var soonest time.Time // among those that stand behind
	for i := len(raw) - 1; i >= 0; i-- {
		list[i] = n.messageOf(raw[i])
		list[i].Late = !soonest.IsZero() && raw[i].Seen.After(soonest.Add(late))
		if soonest.IsZero() || raw[i].Seen.Before(soonest) {
			soonest = raw[i].Seen
		}
	}
	return list, nil
}

func (n *Node) pageOf(s logstore.Summary, p logstore.Page) ([]logstore.Message, error) {
	other, paired := n.otherOf(s)
	if !paired {
		return n.conversations.Messages(s.ID, p)
	}
	pair, err := n.pairOf(other)
	if err != nil {
		return nil, err
	}
	ids := make([]conversation.ID, 0, len(pair))
	for _, each := range pair {
		ids = append(ids, each.ID)
	}
	return n.conversations.PairMessages(ids, p)
}

func (n *Node) messageOf(m logstore.Message) Message {
	e := m.Entry
	out := Message{
		ID: e.ID, Conversation: e.Conversation, Account: e.Account, Device: e.Device, Author: n.called(e.Account),
		Time: m.Time(), Seen: m.Seen, Type: e.Type, Text: m.Text, File: m.File, Edited: m.Edited, Deleted: m.Deleted,
		Void: m.Void, Reason: m.Reason, Size: max(0, e.BodySize-conversation.Salt), Parents: e.Parents,
	}
	if edit, edits := e.Edit(); edits {
		out.Edit = edit.Target
	}
	if c := e.Control; c != nil {
		out.Action, out.Target, out.Text = c.Action, c.Target, c.Name
		if c.Action == conversation.Initial {
			out.Target = c.With
		}
		if !out.Target.IsZero() {
			out.TargetName = n.called(out.Target)
		}
	}
	return out
}

// SendMessage writes a text of 1 to 60,000 bytes of UTF-8; it is on disk when this
// returns, and on its way to whoever is connected. Errors, besides those of a
// conversation: ErrBadText, ErrTooLong.
func (n *Node) SendMessage(ctx context.Context, ref, text string) (Message, error) {
	if err := checkText(text); err != nil {
		return Message{}, err
	}
	s, err := n.writable(ref)
	if err != nil {
		return Message{}, err
	}
	content := conversation.Text{Text: text}.Content()
	if err := checkFits(content); err != nil {
		return Message{}, err
	}
	return n.write(ctx, s, conversation.TypeText, content)
}

// maxText leaves room for the JSON of an edit, which writes a line break, a tab, a quote
// and a backslash as two bytes, other control characters as six.
const maxText = 60_000

// checkFits refuses a text that is longer than an entry once it is written as JSON.
func checkFits(content []byte) error {
	if most := conversation.MaxBody - conversation.Salt; len(content) > most {
		return fmt.Errorf("%w: written as JSON it has %d bytes, an entry at most %d", ErrTooLong, len(content), most)
	}
	return nil
}

func checkText(text string) error {
	switch {
	case text == "":
		return fmt.Errorf("%w: it is empty", ErrBadText)
	case !utf8.ValidString(text):
		return fmt.Errorf("%w: it is not UTF-8", ErrBadText)
	case len(text) > maxText:
		return fmt.Errorf("%w: a message has at most %d bytes, this one %d", ErrTooLong, maxText, len(text))
	}
	return nil
}

func (n *Node) write(ctx context.Context, s logstore.Summary, typ string, content []byte) (Message, error) {
	e, err := n.conversations.Append(ctx, s.ID, n.author(), typ, content)
	if err != nil {
		return Message{}, err
	}
	return n.messageCalled(e.Conversation, e.ID)
}

// messageCalled gives an entry as people see it.
func (n *Node) messageCalled(conv, entry conversation.ID) (Message, error) {
	m, err := n.conversations.Message(conv, entry)
	if err != nil {
		return Message{}, err
	}
	return n.messageOf(m), nil
}

// EditMessage replaces the text of an own message (its id or the beginning of it).
// Errors, besides those of an entry: ErrBadText, ErrTooLong, and ErrNotAllowed for
// what is no text, another's, or taken back.
func (n *Node) EditMessage(ctx context.Context, ref, entry, text string) (Message, error) {
	if err := checkText(text); err != nil {
		return Message{}, err
	}
	m, err := n.ownMessage(ref, entry)
	if err != nil {
		return Message{}, err
	}
	if m.Entry.Type != conversation.TypeText {
		return Message{}, fmt.Errorf("%w: only a text can be edited", ErrNotAllowed)
	}
	content := conversation.Text{Text: text, Edit: m.Entry.ID}.Content()
	if err := checkFits(content); err != nil {
		return Message{}, err
	}
	return n.change(ctx, m, content)
}

// DeleteMessage takes an own message or file entry back, with all its edits.
func (n *Node) DeleteMessage(ctx context.Context, ref, entry string) (Message, error) {
	m, err := n.ownMessage(ref, entry)
	if err != nil {
		return Message{}, err
	}
	var content []byte
	switch m.Entry.Type {
	case conversation.TypeText:
		content = conversation.Text{Edit: m.Entry.ID, Deleted: true, Also: m.Edits}.Content()
	case conversation.TypeFile:
		content = conversation.File{Edit: m.Entry.ID, Deleted: true, Also: m.Edits}.Content()
	default:
		return Message{}, fmt.Errorf("%w: only texts and files can be taken back", ErrNotAllowed)
	}
	return n.change(ctx, m, content)
}

// change writes what edits or deletes m, and gives m as it is then.
func (n *Node) change(ctx context.Context, m logstore.Message, content []byte) (Message, error) {
	conv := m.Entry.Conversation
	if _, err := n.conversations.Append(ctx, conv, n.author(), m.Entry.Type, content); err != nil {
		return Message{}, err
	}
	return n.messageCalled(conv, m.Entry.ID)
}

// ownMessage finds a message of the own account that still stands.
func (n *Node) ownMessage(ref, entry string) (logstore.Message, error) {
	m, err := n.findMessage(ref, entry)
	if err != nil {
		return m, err
	}
	edit, edits := m.Entry.Edit()
	switch {
	case edits:
		return m, fmt.Errorf("%w: it changes %s; name that one", ErrNotAllowed, edit.Target)
	case m.Entry.Account != n.keys.account:
		return m, fmt.Errorf("%w: it was written by %s", ErrNotAllowed, n.called(m.Entry.Account))
	case m.Deleted:
		return m, fmt.Errorf("%w: it was taken back already", ErrNotAllowed)
	}
	return m, nil
}

// findMessage finds an entry by its id or the beginning of that, in a
// conversation or the pair that it stands for.
func (n *Node) findMessage(ref, entry string) (logstore.Message, error) {
	s, err := n.findConversation(ref)
	if err != nil {
		return logstore.Message{}, err
	}
	list := []logstore.Summary{s}
	if other, paired := n.otherOf(s); paired {
		if list, err = n.pairOf(other); err != nil {
			return logstore.Message{}, err
		}
	}
	for _, s := range list {
		id, err := n.conversations.FindEntry(s.ID, entry)
		if errors.Is(err, logstore.ErrUnknownEntry) {
			continue
		}
		if err != nil {
			return logstore.Message{}, explainFind(err)
		}
		return n.conversations.Message(s.ID, id)
	}
	return logstore.Message{}, fmt.Errorf("%w: %q", ErrUnknownEntry, entry)
}

// tell reports what a commit brought.
func (n *Node) tell(conv conversation.ID, c commit) error {
	now := time.Now()
	if len(c.added) <= maxEvents {
		for _, id := range c.added {
			m, err := n.messageCalled(conv, id)
			if errors.Is(err, logstore.ErrUnknownEntry) {
				continue
			}
			if err != nil {
				return err
			}
			n.hub.publish(Event{Time: now, Message: &m})
		}
	}
	view, err := n.conversationByID(conv)
	if err != nil {
		return err
	}
	n.hub.publish(Event{Time: now, Conversation: &view})
	return nil
}

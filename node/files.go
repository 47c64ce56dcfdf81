package node

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/node/internal/holdings"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// HeldFile is a file of a conversation that lies here.
type HeldFile struct {
	Conversation, Entry conversation.ID
	// Talk is how people here call the conversation, Author who sent the file.
	Talk, Author string
	// Name is the announced name made safe, Path where the file lies.
	Name, Path string
	Size       int64
	// Sum is the SHA3-512 in hex, "" until its author has told it; Tree the root of
	// the tree of sums, "" if it has none.
	Sum, Tree string
	// Source: the user's own original, of a file that was sent from here.
	Source bool
	State  HeldState
	Since  time.Time
}

// HeldState tells whether a file that was held still is: only then can others get
// it from here.
type HeldState string

const (
	HeldHere       = HeldState(holdings.Here)
	HeldUnchecked  = HeldState(holdings.Unchecked)  // touched; its bytes are compared when somebody asks
	HeldGone       = HeldState(holdings.Gone)       // no file lies there any more
	HeldChanged    = HeldState(holdings.Changed)    // other bytes lie there
	HeldUnreadable = HeldState(holdings.Unreadable) // the system refuses to say
	HeldWithdrawn  = HeldState("withdrawn")         // its author took it back
)

// openFiles opens what is known of files and their transfers. The conversations must
// be open.
func (n *Node) openFiles() (err error) {
	if n.held, err = holdings.Open(n.store, holdings.Config{Logger: n.logger("holdings")}); err != nil {
		return err
	}
	n.onClose("held files", n.held.Close)
	return n.openTransfers()
}

// Files lists the files of conversations that lie here, the newest last.
func (n *Node) Files() ([]HeldFile, error) {
	all, err := n.held.List(n.ctx)
	if err != nil {
		return nil, err
	}
	list := make([]HeldFile, 0, len(all))
	for _, h := range all {
		f, err := n.heldFile(h)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

func (n *Node) heldFile(h holdings.Held) (HeldFile, error) {
	f := HeldFile{
		Conversation: h.Conversation, Entry: h.Entry, Name: filepath.Base(h.Path), Path: h.Path, Size: h.Size, Sum: h.Sum, Tree: h.Tree,
		Source: h.Source, State: HeldState(h.State), Since: h.Since,
	}
	s, err := n.conversations.Summary(h.Conversation)
	if err != nil {
		return f, unless(logstore.ErrUnknownConversation, err)
	}
	f.Talk = n.titleOf(s)
	m, err := n.conversations.Message(h.Conversation, h.Entry)
	if err != nil {
		return f, unless(logstore.ErrUnknownEntry, err)
	}
	f.Author = n.called(m.Entry.Account)
	switch announced, err := fileOf(m); {
	case err == nil && (Transfer{Size: h.Size, Sum: h.Sum, Tree: h.Tree}).differs(announced):
		f.Name, f.State = filexfer.SafeName(announced.DisplayName), HeldChanged
	case err == nil:
		f.Name, f.Sum = filexfer.SafeName(announced.DisplayName), cmp.Or(f.Sum, announced.SHA3Sum)
	case errors.Is(err, ErrWithdrawn):
		f.State = HeldWithdrawn
	}
	return f, nil
}

// unless gives err if it is not the one expected.
func unless(expected, err error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// fileOf gives the file that a message tells of, as its edits left it.
func fileOf(m logstore.Message) (conversation.File, error) {
	_, edits := m.Entry.Edit()
	switch {
	case m.Entry.Type != conversation.TypeFile || edits:
		return conversation.File{}, ErrNotAFile
	case m.Deleted:
		return conversation.File{}, ErrWithdrawn
	case m.Void:
		return conversation.File{}, fmt.Errorf("%w: the entry does not count: %s", ErrNotAllowed, m.Reason)
	case m.File == nil || m.File.SHA3Sum == "" && m.File.SHA3Tree == "":
		return conversation.File{}, ErrNotAFile
	}
	return *m.File, nil
}

// maxMissed is how many of a conversation's files are looked at, the newest.
const maxMissed = 200

// Missed lists the files of conversations that this device has not got, is not
// getting, and has not refused, oldest first. What the own account sent from another
// device is not missed.
func (n *Node) Missed() ([]Message, error) {
	all, err := n.conversations.Conversations()
	if err != nil {
		return nil, err
	}
	known, err := n.knownFiles()
	if err != nil {
		return nil, err
	}
	var missed []Message
	for _, s := range all {
		if !s.Me.In() || s.Mode == conversation.Own {
			continue
		}
		list, err := n.conversations.Messages(s.ID, logstore.Page{Type: conversation.TypeFile, Limit: maxMissed})
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			f, err := fileOf(m)
			if err != nil || m.Entry.Account == n.keys.account {
				continue
			}
			isIt := func(t Transfer) bool { return !t.differs(f) }
			if !slices.ContainsFunc(known[fileKey{s.ID, m.Entry.ID}], isIt) {
				missed = append(missed, n.messageOf(m))
			}
		}
	}
	slices.SortStableFunc(missed, func(x, y Message) int { return x.Time.Compare(y.Time) })
	return missed, nil
}

// fileKey names a file of a conversation.
type fileKey struct{ conversation, entry conversation.ID }

// knownFiles are those that were held once, are on their way, have come, or were
// refused: with their sums, for somebody may have offered another file for an entry.
func (n *Node) knownFiles() (map[fileKey][]Transfer, error) {
	known := map[fileKey][]Transfer{}
	all, err := n.held.All()
	for _, h := range all {
		key := fileKey{h.Conversation, h.Entry}
		known[key] = append(known[key], Transfer{Size: h.Size, Sum: h.Sum, Tree: h.Tree})
	}
	for _, t := range n.transfers.all() {
		declined := t.State == filexfer.ClosedByHost && (t.Code == EndRefused || t.Code == EndCancelled)
		if t.Direction == Incoming && (!t.Ended || t.State == filexfer.Finished || declined) {
			key := fileKey{t.Conversation, t.Entry}
			known[key] = append(known[key], t)
		}
	}
	return known, err
}

// holdSurely notes where a file lies. Where the store does not take that, as on a full
// disk, it is tried again until it does: others ask for the file. It fails when the file
// is not what it was.
func (n *Node) holdSurely(path string, hold func() error) error {
	err := hold()
	if err == nil || isLost(err) {
		return err
	}
	n.log.Error("a file cannot be got from here yet; it is tried again", "file", path, "error", err)
	n.goRun(func() {
		for pause := time.Second; err != nil && !isLost(err); pause = min(2*pause, time.Minute) {
			select {
			case <-time.After(pause):
				err = hold()
			case <-n.ctx.Done():
				return
			}
		}
	})
	return nil
}

// isLost tells whether a file does not lie where it was any more.
func isLost(err error) bool {
	return errors.Is(err, holdings.ErrGone) || errors.Is(err, holdings.ErrChanged)
}

// hold notes that the file of a transfer lies here, its sum just verified.
func (n *Node) hold(t Transfer, tree store.Tree) error {
	if t.Entry.IsZero() || t.Sum == "" && t.Tree == "" {
		return nil
	}
	h := holdings.Held{Conversation: t.Conversation, Entry: t.Entry, Path: t.File, Size: t.Size, Sum: t.Sum, Tree: t.Tree}
	if t.Tree == "" {
		return n.held.Put(n.ctx, h, nil)
	}
	return n.held.Put(n.ctx, h, &tree)
}

package membership

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// Book keeps the entries of one conversation and what they come to. It is not
// safe for concurrent use.
type Book struct {
	ref  reference
	all  Bitmap
	now  *outcome
	void map[int]reason
}

// NewBook returns a book without entries. Row 0 is to be the initial one.
func NewBook() *Book { return &Book{} }

// Len is the number of entries; the next one becomes row Len().
func (b *Book) Len() int { return len(b.ref.entries) }

// Judge says whether e would be valid as the next row, from its ancestors alone.
// An error wraps ErrInvalid and says which rule is broken.
func (b *Book) Judge(e Entry) (Verdict, error) {
	v, err := b.ref.judge(e)
	if err != nil {
		return Verdict{}, err
	}
	return v, nil
}

// Add judges e and makes it row Len(). After an error the book is as it was.
func (b *Book) Add(e Entry) (row int, c Change, err error) {
	v, err := b.Judge(e)
	if err != nil {
		return 0, Change{}, err
	}
	before := b.Members()
	row = b.Len()
	b.Restore(e, v)
	old := b.void
	b.Settle()
	for r := range b.ref.entries {
		was, is := old[r] != live, b.void[r] != live
		switch {
		case is && !was:
			c.Void = append(c.Void, r)
		case was && !is:
			c.Live = append(c.Live, r)
		}
	}
	c.State = fmt.Sprint(before) != fmt.Sprint(b.Members())
	return row, c, nil
}

// Restore makes e row Len() without judging it: it is to be an entry that Add
// took before, with the verdict of then, of which only Rank is read. After the
// last one call Settle; until then nothing else may be asked.
func (b *Book) Restore(e Entry, v Verdict) {
	b.all.Set(b.Len())
	b.ref.add(e, v.Rank, false)
}

// Settle works out what the restored entries come to.
func (b *Book) Settle() {
	b.now = b.ref.resolve(b.all)
	b.void = b.now.dead
}

// Status is what an account is now.
func (b *Book) Status(a conversation.Account) Status {
	if b.Len() == 0 {
		return None
	}
	return b.now.standing(a).Status
}

// Members are all who ever had a status, also those who left or are banned,
// ordered by account.
func (b *Book) Members() []MemberStatus {
	if b.Len() == 0 {
		return nil
	}
	return b.now.members()
}

// Creator is the account of the first entry.
func (b *Book) Creator() conversation.Account { return b.first().Account }

// Mode is the conversation's, for ever.
func (b *Book) Mode() conversation.Mode { return b.first().Mode }

// With is the other account of a one-to-one conversation.
func (b *Book) With() conversation.Account { return b.first().With }

func (b *Book) first() Entry {
	if b.Len() == 0 {
		return Entry{}
	}
	return b.ref.entries[0]
}

// Void tells whether a row is void, and why, in words for people.
func (b *Book) Void(row int) (reason string, void bool) {
	why := b.void[row]
	return why.String(), why != live
}

// Heads are the live rows that no other live row follows, ascending: the parents
// of what is written next.
func (b *Book) Heads() []int {
	if b.Len() == 0 {
		return nil
	}
	return b.now.heads()
}

// IsRevoked tells whether a device of the account may never write again.
func (b *Book) IsRevoked(a conversation.Account, d peer.ID) bool {
	return b.ref.isRevoked(b.all, a, d)
}

// IsAncestor tells whether old lies in the past of young. A row is not its own
// ancestor.
func (b *Book) IsAncestor(old, young int) bool { return b.ref.past[young].Has(old) }

// Ancestors are the rows and everything in their pasts.
func (b *Book) Ancestors(rows []int) Bitmap {
	return b.ref.pastOf(Entry{Parents: rows})
}

// May says whether an entry that follows all heads would be valid now.
func (b *Book) May(a conversation.Account, d peer.ID, act conversation.Action, target conversation.Account) error {
	_, err := b.Judge(Entry{Parents: b.Heads(), Account: a, Device: d, Action: act, Target: target})
	return err
}

package membership

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// columns is what a book keeps of its entries: some 30 bytes of each, and 50
// more of a control entry. Accounts, devices and control entries are numbered
// in order of arrival.
type columns struct {
	rows     []record
	parents  []int32 // of all rows, one after the other
	controls []control
	accounts []conversation.Account
	wrote    []int32 // by account: the first data row, or none
	writers  []writer

	accountOf map[conversation.Account]int32
	writerOf  map[writerKey]int32
	pasts     pasts
	mode      conversation.Mode
}

const (
	none    = -1 // numbers what does not exist
	creator = 0  // numbers the account of the first entry
)

// record is one row.
type record struct {
	parents int32 // where its parents begin
	writer  int32
	control int32 // its number among the control entries, or none
	after   int32 // the past of those that follow only this row
	rank    Rank
	why     reason
}

// control is what a control entry says.
type control struct {
	row     int32
	writer  int32
	account int32
	about   int32 // the account whose standing it changes, or none
	revoked int32 // the writer that it revokes, or none
	past    int32
	rank    Rank
	action  conversation.Action
}

// writer is a device in the name of an account. A key that two accounts
// certified is two writers.
type writer struct {
	account     int32
	controls    []int32 // it wrote
	revocations []int32 // control entries that revoke it, live or void
	first       int32   // the first data row by it, or none
}

type writerKey struct {
	account int32
	device  peer.ID
}

func newColumns() columns {
	return columns{
		accountOf: make(map[conversation.Account]int32),
		writerOf:  make(map[writerKey]int32),
		pasts:     newPasts(),
	}
}

// parentsOf are the rows that a row names as its parents.
func (c *columns) parentsOf(row int) []int32 {
	end := len(c.parents)
	if row+1 < len(c.rows) {
		end = int(c.rows[row+1].parents)
	}
	return c.parents[c.rows[row].parents:end]
}

// pastOf is the set of control entries among the ancestors of a row.
func (c *columns) pastOf(row int) Bitmap {
	r := &c.rows[row]
	if r.control == none {
		return c.pasts.sets[r.after]
	}
	return c.past(r.control)
}

// past is the same for a control entry by its number.
func (c *columns) past(control int32) Bitmap { return c.pasts.sets[c.controls[control].past] }

// findAccount is none for accounts never heard of.
func (c *columns) findAccount(a conversation.Account) int32 {
	if n, known := c.accountOf[a]; known {
		return n
	}
	return none
}

// findWriter is none for writers never heard of.
func (c *columns) findWriter(a conversation.Account, d peer.ID) int32 {
	if account := c.findAccount(a); account != none {
		if n, known := c.writerOf[writerKey{account, d}]; known {
			return n
		}
	}
	return none
}

func (c *columns) internAccount(a conversation.Account) int32 {
	n, known := c.accountOf[a]
	if !known {
		n = int32(len(c.accounts))
		c.accountOf[a], c.accounts, c.wrote = n, append(c.accounts, a), append(c.wrote, none)
	}
	return n
}

func (c *columns) internWriter(account int32, d peer.ID) int32 {
	key := writerKey{account, d}
	n, known := c.writerOf[key]
	if !known {
		n = int32(len(c.writers))
		c.writerOf[key], c.writers = n, append(c.writers, writer{account: account, first: none})
	}
	return n
}

// insert appends e, of which past names the control entries before it.
func (c *columns) insert(e Entry, rank Rank, past int32) (row int) {
	row = len(c.rows)
	if row == 0 {
		c.mode = e.Mode
	}
	account := c.internAccount(e.Account)
	r := record{
		parents: int32(len(c.parents)), writer: c.internWriter(account, e.Device),
		control: none, after: past, rank: rank,
	}
	for _, p := range e.Parents {
		c.parents = append(c.parents, int32(p))
	}
	if e.Action != conversation.Data {
		r.control, r.after = c.insertControl(e, row, r)
	} else {
		c.noteData(r.writer, int32(row))
	}
	c.rows = append(c.rows, r)
	return row
}

// noteData remembers who wrote data at all.
func (c *columns) noteData(writer, row int32) {
	w := &c.writers[writer]
	if w.first == none {
		w.first = row
	}
	if c.wrote[w.account] == none {
		c.wrote[w.account] = row
	}
}

func (c *columns) insertControl(e Entry, row int, r record) (number, after int32) {
	number = int32(len(c.controls))
	x := control{
		row: int32(row), writer: r.writer, account: c.writers[r.writer].account,
		about: none, revoked: none, past: r.after, rank: r.rank, action: e.Action,
	}
	if e.Action == conversation.Revoke {
		x.revoked = c.internWriter(x.account, e.Revoked)
		w := &c.writers[x.revoked]
		w.revocations = append(w.revocations, number)
	}
	for _, w := range e.words() {
		x.about = c.internAccount(w.about)
	}
	c.controls = append(c.controls, x)
	w := &c.writers[r.writer]
	w.controls = append(w.controls, number)

	set := append(Bitmap(nil), c.pasts.sets[r.after]...)
	set.Set(int(number))
	return number, c.pasts.intern(set, number)
}

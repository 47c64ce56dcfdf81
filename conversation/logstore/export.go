package logstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// Export writes a conversation, an entry a line as conversation.Entry.MarshalLine
// writes it, parents first: all that anybody needs to verify it.
func (s *Store) Export(ctx context.Context, id conversation.ID, w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	from, to := int64(0), int64(0)
	err := s.inView(id, func(_ queryer, key int64) error {
		from, to = bounds(key)
		return nil
	})
	for n := from; err == nil && n < to; {
		n, err = s.exportPage(ctx, out, n, to)
	}
	if err == nil {
		err = out.Flush()
	}
	return s.fail("export a conversation", err)
}

// exportPage writes the next entries and says where to go on.
func (s *Store) exportPage(ctx context.Context, out io.Writer, from, to int64) (next int64, err error) {
	var page []*conversation.Entry
	err = s.view(func(q queryer) error {
		page, err = collect(q, scanEntry, "SELECT header, signature, body FROM raw WHERE n >= ? AND n < ? ORDER BY n LIMIT ?",
			from, to, pageEntries)
		return err
	})
	if err != nil || len(page) == 0 {
		return to, err
	}
	for _, e := range page {
		if _, err := out.Write(e.MarshalLine()); err != nil {
			return to, err
		}
	}
	return from + int64(len(page)), ctx.Err()
}

// Report is what an export says once it is verified.
type Report struct {
	Conversation conversation.ID
	Mode         conversation.Mode
	Name         string // hostile text
	Entries      int
	// Void are valid entries that do not count; Withheld have no body.
	Void, Withheld int
	// Heads are the live entries that nothing live follows. Two exports with the
	// same heads say the same.
	Heads   []conversation.ID
	Members []membership.MemberStatus
}

// ErrExport is wrapped by every error of [VerifyExport] about what it read. It
// is in an error that names the line.
var ErrExport = errors.New("the export does not verify")

// VerifyExport reads what [Store.Export] wrote and holds it against signatures
// and rules, from nothing but itself: it needs no store, no network, no clock.
// Lines are read one by one, of at most conversation.MaxLine bytes; in memory are
// some 200 bytes for each entry.
func VerifyExport(ctx context.Context, r io.Reader) (Report, error) {
	v := verifier{book: membership.NewBook(), rows: map[conversation.ID]int{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 1<<16), conversation.MaxLine)
	for n := 1; lines.Scan(); n++ {
		if err := v.line(lines.Bytes()); err != nil {
			return Report{}, fmt.Errorf("%w: line %d: %w", ErrExport, n, err)
		}
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) || v.book.Len() == 0 {
		return Report{}, fmt.Errorf("%w: a line is too long, or there is none", ErrExport)
	}
	return v.report(), lines.Err()
}

type verifier struct {
	book *membership.Book
	rows map[conversation.ID]int
	ids  []conversation.ID
	// times are Unix milliseconds, by row.
	times []int64
	sum   Report
}

func (v *verifier) line(text []byte) error {
	e, err := conversation.ParseLine(text)
	if err != nil {
		return err
	}
	if v.book.Len() == 0 {
		v.sum.Conversation = e.ID
		if e.Control != nil {
			v.sum.Mode, v.sum.Name = e.Control.Mode, e.Control.Name
		}
	}
	if _, known := v.rows[e.ID]; known || e.Conversation != v.sum.Conversation {
		return fmt.Errorf("entry %s is here twice, or of another conversation", e.ID)
	}
	if err := e.Verify(); err != nil {
		return err
	}
	if err := v.judge(e); err != nil {
		return err
	}
	if e.Raw.Body == nil {
		v.sum.Withheld++
	}
	v.rows[e.ID] = v.book.Len() - 1
	v.ids, v.times = append(v.ids, e.ID), append(v.times, e.Time.UnixMilli())
	return nil
}

func (v *verifier) judge(e *conversation.Entry) error {
	rules, err := rulesOf(e, func(id conversation.ID) (int, bool) {
		row, ok := v.rows[id]
		return row, ok
	})
	if err != nil {
		return err
	}
	times := make([]time.Time, len(rules.Parents))
	for i, row := range rules.Parents {
		times[i] = fromMilli(v.times[row])
	}
	if err := e.CheckTime(times...); err != nil {
		return err
	}
	verdict, err := v.book.Judge(rules)
	if err != nil {
		return err
	}
	if verdict.FirstOfDevice != (e.Certificate != nil) {
		return errCertificate
	}
	_, _, err = v.book.Add(rules)
	return err
}

func (v *verifier) report() Report {
	r := v.sum
	r.Entries = v.book.Len()
	for row := range r.Entries {
		if _, void := v.book.Void(row); void {
			r.Void++
		}
	}
	for _, row := range v.book.Heads() {
		r.Heads = append(r.Heads, v.ids[row])
	}
	r.Members = v.book.Members()
	return r
}

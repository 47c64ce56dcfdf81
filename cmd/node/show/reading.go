package show

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

const (
	// maxAuthor is the widest column of authors, in columns; narrowAuthor where there
	// are few.
	maxAuthor    = 16
	narrowAuthor = 10
	// minText is how narrow the column of texts may get: what is narrower than that
	// has to bear that the terminal breaks lines.
	minText = 20
	// maxLines is how many lines of one message are shown, so that nobody can push
	// all others off the screen. Reading.All shows the rest.
	maxLines = 100
	// noAuthor stands where an entry's sentence names the author; no alias is so.
	noAuthor = "—"
)

// ECMA-48 SGR.
const (
	bold   = "1"
	dim    = "2"
	struck = "9"
)

// Reading is how a conversation is to be shown.
type Reading struct {
	// Width in columns; 0: lines are not broken.
	Width int
	// Colour allows escape sequences of ours.
	Colour bool
	// All shows ids, why void entries do not count, and long texts to their end.
	All bool
	// Missed are the entries, by ID, whose files this device has missed.
	Missed map[string]bool
	// Zone is whose days and hours are meant; nil is this machine's.
	Zone *time.Location
}

func (o Reading) zone() *time.Location { return cmp.Or(o.Zone, time.Local) }

// Messages writes messages, oldest first, a heading above each day.
func Messages(w io.Writer, messages []api.Message, o Reading) error {
	p := page{o: o, author: o.authorWidth(messages)}
	day := ""
	for _, m := range messages {
		if today := m.Time.In(o.zone()).Format("Monday 2 January 2006"); today != day {
			p.heading(today, day == "")
			day = today
		}
		p.message(m)
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

func (o Reading) authorWidth(messages []api.Message) int {
	widest := maxAuthor
	if o.Width > 0 && o.Width < narrow {
		widest = narrowAuthor
	}
	width := runewidth.StringWidth(noAuthor)
	for _, m := range messages {
		if !isAct(m) {
			width = max(width, runewidth.StringWidth(Clip(m.Author, widest)))
		}
	}
	return width
}

// page is what is being written: columns of ids (only with All), times, authors
// and texts.
type page struct {
	out    strings.Builder
	o      Reading
	author int // width of that column
}

func (p *page) heading(day string, first bool) {
	if !first {
		p.out.WriteByte('\n')
	}
	fmt.Fprintf(&p.out, "%s\n", p.paint(bold, "── "+day+" ──"))
}

func (p *page) message(m api.Message) {
	left := m.Time.In(p.o.zone()).Format("15:04") + "  "
	if p.o.All {
		left = ID(m.ID) + "  " + left
	}
	who := Clip(m.Author, p.author)
	if isAct(m) {
		who = noAuthor
	}
	indent := len(left) + p.author + 2
	fmt.Fprintf(&p.out, "%s%s  ", p.paint(dim, left), p.paint(bold, runewidth.FillRight(who, p.author)))
	lines := p.lines(m, indent)
	p.out.WriteString(strings.Join(lines, "\n"+strings.Repeat(" ", indent)))
	p.out.WriteByte('\n')
}

// lines are what goes into the column of texts, painted.
func (p *page) lines(m api.Message, indent int) (lines []string) {
	width := 0
	if p.o.Width > 0 {
		width = max(p.o.Width-indent, minText)
	}
	plain := wrap(content(m), width)
	if rest := len(plain) - maxLines; rest > 0 && !p.o.All {
		plain = append(plain[:maxLines], fmt.Sprintf("(%d lines more: see --all)", rest))
	}
	for _, line := range plain {
		lines = append(lines, p.paint(style(m), line))
	}
	mark := marks(m, p.o)
	last := len(lines) - 1
	if room := width - runewidth.StringWidth(plain[last]) - 1; width == 0 || runewidth.StringWidth(mark) <= room {
		lines[last] = strings.TrimRight(lines[last]+" "+p.paint(dim, mark), " ")
		return lines
	}
	for _, line := range wrapLine(mark, width) {
		lines = append(lines, p.paint(dim, line))
	}
	return lines
}

func style(m api.Message) string {
	switch {
	case m.Void && !m.Deleted:
		return struck
	case m.Deleted, isAct(m):
		return dim
	}
	return ""
}

func (p *page) paint(style, text string) string { return paint(p.o.Colour, style, text) }

// paint wraps text, which has no line end, into an SGR sequence.
func paint(colour bool, style, text string) string {
	if !colour || style == "" || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

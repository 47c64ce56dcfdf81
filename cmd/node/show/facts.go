package show

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// facts are lines in two columns: what it is about, and what is so. A second
// line about the same thing leaves the first column empty.
type facts struct {
	rows [][2]string
	last string
}

// say adds a line, in which peers, servers and routers may have had a say.
func (f *facts) say(about, format string, args ...any) {
	if about == f.last {
		about = ""
	} else {
		f.last = about
	}
	f.rows = append(f.rows, [2]string{Text(about), Text(fmt.Sprintf(format, args...))})
}

func (f *facts) write(w io.Writer) error {
	width := 0
	for _, row := range f.rows {
		width = max(width, runewidth.StringWidth(row[0]))
	}
	for _, row := range f.rows {
		line := "  " + runewidth.FillRight(row[0], width) + "  " + row[1]
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

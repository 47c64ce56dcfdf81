package show

import (
	"bytes"
	"io"

	"github.com/mattn/go-runewidth"
	"github.com/rodaine/table"
)

// Table writes rows under a header, in columns that fit wide letters too. The
// cells must be visible text already.
func Table(w io.Writer, header []string, rows [][]string) error {
	var b bytes.Buffer
	columns := make([]any, len(header))
	for i, name := range header {
		columns[i] = name
	}
	table.New(columns...).WithWriter(&b).WithWidthFunc(runewidth.StringWidth).SetRows(rows).Print()
	for line := range bytes.Lines(b.Bytes()) {
		if _, err := w.Write(append(bytes.TrimRight(line, " \n"), '\n')); err != nil {
			return err
		}
	}
	return nil
}

package show

import (
	"cmp"
	"io"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

// Limits writes a table of what files may take.
func Limits(w io.Writer, limits []api.Limit) error {
	rows := make([][]string, 0, len(limits))
	for _, l := range limits {
		rows = append(rows, []string{LimitOf(l), limit(l.Up), limit(l.Down)})
	}
	return Table(w, []string{"WITH", "UP", "DOWN"}, rows)
}

// LimitOf says whom a limit is for.
func LimitOf(l api.Limit) string {
	if l.Account == "" {
		return "everybody together"
	}
	return Clip(cmp.Or(l.Contact, l.Account), 40)
}

func limit(perSecond int64) string { return cmp.Or(Rate(float64(perSecond)), "no limit") }

package show

import (
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Text is s with everything made visible that could move the cursor, reorder
// or hide text.
func Text(s string) string { return filexfer.Visible(s) }

// Clip is Text in at most width columns, with "…" where something was cut.
func Clip(s string, width int) string {
	return runewidth.Truncate(Text(s), width, "…")
}

var units = []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// Size writes a number of bytes for people: "512 B", "64.0 MiB".
func Size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1023.95 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// Rate writes bytes per second for people, "" if it is not known.
func Rate(perSecond float64) string {
	if perSecond <= 0 {
		return ""
	}
	return Size(int64(perSecond)) + "/s"
}

// Left writes the time that is left for people: "0:07", "1:02:03".
func Left(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// Percent is how much of size has crossed, 0 to 100; an empty file is whole.
func Percent(bytes, size int64) int {
	if size <= 0 || bytes >= size {
		return 100
	}
	return int(float64(bytes) / float64(size) * 100)
}

// Terminal tells whether f is a terminal that can redraw a line.
func Terminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// Colour tells whether colours may be written to f: it is a terminal and
// NO_COLOR is not set (no-color.org).
func Colour(f *os.File) bool {
	return os.Getenv("NO_COLOR") == "" && Terminal(f)
}

// Width is how many columns the terminal f has; 0 if f is none.
func Width(f *os.File) int {
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || !Terminal(f) {
		return 0
	}
	return columns
}

package show

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// wrap makes visible lines of at most width columns, broken at spaces where there
// are any; 0 breaks nothing. Line ends of the text stay, tabs become spaces.
func wrap(text string, width int) (lines []string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, wrapLine(Text(strings.ReplaceAll(line, "\t", "    ")), width)...)
	}
	return lines
}

func wrapLine(line string, width int) (lines []string) {
	for {
		cut := fits(line, width)
		if cut == len(line) {
			return append(lines, line)
		}
		if space := strings.LastIndexByte(line[:cut+1], ' '); space > 0 {
			lines, line = append(lines, line[:space]), line[space+1:]
			continue
		}
		lines, line = append(lines, line[:cut]), line[cut:]
	}
}

// fits tells how many bytes of line go into width columns: one letter at least.
func fits(line string, width int) int {
	used := 0
	for i, r := range line {
		used += runewidth.RuneWidth(r)
		if width > 0 && used > width && i > 0 {
			return i
		}
	}
	return len(line)
}

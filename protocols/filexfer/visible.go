package filexfer

import (
	"fmt"
	"strings"
	"unicode"
)

// Visible makes text of a stranger safe to show on a terminal or in a log:
// whatever puts no ink of its own on the screen (controls of C0 and C1, ESC,
// bidi, zero width, odd spaces, invisible letters) becomes \uXXXX, or
// \UXXXXXXXX beyond U+FFFF; a byte that is no UTF-8 becomes \ufffd. Emoji that
// are joined by invisible joiners fall apart; that is the price.
//
// It is for eyes, not for machines: a backslash stays a backslash.
func Visible(s string) string {
	var out strings.Builder
	for _, r := range strings.ToValidUTF8(s, `\ufffd`) {
		switch {
		case shows(r):
			out.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	return out.String()
}

const brailleBlank = '\u2800' // a letter that looks like a space

// shows tells whether r can be seen; of the spaces only ' ' counts.
// unicode.IsPrint lets Hangul fillers and their like pass.
func shows(r rune) bool {
	return unicode.IsPrint(r) && r != brailleBlank && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

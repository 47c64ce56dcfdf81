package show

import (
	"io"
	"strings"

	"rsc.io/qr"
)

// quiet is the width of the light frame, in modules. ISO/IEC 18004 wants 4, with which
// the code would not fit a terminal of 24 lines; phones are content with 2.
const quiet = 2

// QRWidth is how many columns [QR] takes for text.
func QRWidth(text string) (int, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return 0, err
	}
	return code.Size + 2*quiet, nil
}

// QR writes a QR code of text, of which each letter is one module wide and two
// high. Light modules are ink and dark ones are not: right for letters that are
// lighter than the terminal; colour makes sure that they are.
func QR(w io.Writer, text string, colour bool) error {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return err
	}
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		b.WriteString(paint(colour, whiteOnBlack, qrLine(code, y)))
		b.WriteByte('\n')
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// whiteOnBlack are the brightest and the darkest of a terminal's colours.
const whiteOnBlack = "97;40"

// qrLine draws the rows y and y+1. What is beyond the code is light, but for a row
// below the frame, which is not there.
func qrLine(code *qr.Code, y int) string {
	var line strings.Builder
	for x := -quiet; x < code.Size+quiet; x++ {
		above, below := !code.Black(x, y), !code.Black(x, y+1) && y+1 < code.Size+quiet
		switch {
		case above && below:
			line.WriteRune('█')
		case above:
			line.WriteRune('▀')
		case below:
			line.WriteRune('▄')
		default:
			line.WriteByte(' ')
		}
	}
	return line.String()
}

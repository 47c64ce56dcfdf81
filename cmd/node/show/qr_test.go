package show

import (
	"bytes"
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// TestAScannerReadsTheCode as a terminal shows it: light letters on a dark ground, which
// surrounds them.
func TestAScannerReadsTheCode(t *testing.T) {
	for _, text := range []string{"PASSEUR:1:F:" + strings.Repeat("A7", 26), "PASSEUR:1:C:SEWZZQZ5GPURFOPI7NUMTZROEYXGH4KORLDI4SGBTPD43OEJ5O2M"} {
		var b bytes.Buffer
		if err := QR(&b, text, false); err != nil {
			t.Fatal(err)
		}
		width, err := QRWidth(text)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := gozxing.NewBinaryBitmapFromImage(photograph(modules(t, b.String(), width)))
		if err != nil {
			t.Fatal(err)
		}
		read, err := qrcode.NewQRCodeReader().Decode(picture, nil)
		if err != nil || read.GetText() != text {
			t.Errorf("read %v (%v), want %s", read, err, text)
		}
	}
}

// photograph is a picture of a terminal with light modules in the middle.
func photograph(light [][]bool) image.Image {
	const module, ground = 4, 20
	size := len(light)*module + 2*ground
	picture := image.NewGray(image.Rect(0, 0, size, size))
	for y, row := range light {
		for x, is := range row {
			for i := range module * module {
				if is {
					picture.SetGray(ground+x*module+i%module, ground+y*module+i/module, color.Gray{Y: 255})
				}
			}
		}
	}
	return picture
}

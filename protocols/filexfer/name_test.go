package filexfer

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestNameVectors(t *testing.T) {
	for _, v := range readVectors(t, "name.txt") {
		if got, want := SafeName(v.text(t, "name")), v.text(t, "safe"); got != want {
			t.Errorf("%s: %q became %q, want %q", v.name(), v.text(t, "name"), got, want)
		}
	}
}

func TestVisibleVectors(t *testing.T) {
	for _, v := range readVectors(t, "visible.txt") {
		if got, want := Visible(v.text(t, "text")), v.text(t, "shown"); got != want {
			t.Errorf("%s: %q is shown %q, want %q", v.name(), v.text(t, "text"), got, want)
		}
	}
}

// nasty draws names of arbitrary bytes, runes, and what has hurt others.
func nasty() *rapid.Generator[string] {
	pieces := []string{
		"..", "/", `\`, "C:", ":", " ", ".", "-", "CON", "nul", ".txt", ".tar.gz", "\x00", "\x1b", "\u202e", "\u200b",
		"\u0301", "e", "\u3164", "\xff", "é", "日本", "\U000e0041", "desktop.ini", strings.Repeat("a", 260), "%2e",
		"\u1100", "\u1161", "\u0344", "\u0340", "\u2126", "\u1fef", "\u037e", "\u2000", "ﬀ",
	}
	return rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.SliceOf(rapid.SampledFrom(pieces)), func(p []string) string { return strings.Join(p, "") }),
		rapid.StringOfN(rapid.RuneFrom(nil, unicode.Mn, unicode.Cf, unicode.L), 0, 400, -1),
	)
}

func TestSafeNameIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { wantSafe(t, nasty().Draw(t, "name")) })
}

func FuzzSafeName(f *testing.F) {
	f.Add("../photo.jpg")
	f.Add("\xffcon .\u202e")
	f.Fuzz(func(t *testing.T, name string) { wantSafe(t, name) })
}

// wantSafe holds for whatever a peer may announce.
func wantSafe(t rapid.TB, name string) {
	safe := SafeName(name)
	switch {
	case safe == "" || len(safe) > 255:
		t.Fatalf("%q became %q, %d bytes", name, safe, len(safe))
	case !filepath.IsLocal(safe) || filepath.Base(safe) != safe || strings.ContainsAny(safe, `/\<>:"|?*`):
		t.Fatalf("%q became %q, which is no plain name", name, safe)
	case strings.HasPrefix(safe, ".") || strings.HasPrefix(safe, "-") || strings.HasPrefix(safe, " "):
		t.Fatalf("%q became %q", name, safe)
	case strings.HasSuffix(safe, ".") || strings.HasSuffix(safe, " ") || isReserved(safe):
		t.Fatalf("%q became %q, which Windows takes for another", name, safe)
	case !utf8.ValidString(safe) || !norm.NFC.IsNormalString(safe) || Visible(safe) != safe:
		t.Fatalf("%q became %q, which is not shown as it is", name, safe)
	case SafeName(safe) != safe:
		t.Fatalf("%q became %q and then %q", name, safe, SafeName(safe))
	}
	if second := numbered(safe, 2); second == safe || len(second) > 255 || SafeName(second) != second {
		t.Fatalf("the second %q would be %q", safe, second)
	}
}

func TestNumbered(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"photo.jpg", "photo (2).jpg"},
		{"backup.tar.gz", "backup (2).tar.gz"},
		{"Makefile", "Makefile (2)"},
		{"_.bashrc", "_ (2).bashrc"},
		{strings.Repeat("a", 251) + ".jpg", strings.Repeat("a", 247) + " (2).jpg"},
	} {
		if got := numbered(c.name, 2); got != c.want {
			t.Errorf("%q: %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("a\u202e\xff\x1b")
	f.Fuzz(func(t *testing.T, s string) {
		shown := Visible(s)
		for _, r := range shown {
			if !shows(r) {
				t.Fatalf("%q is shown %q", s, shown)
			}
		}
		if Visible(shown) != shown {
			t.Fatalf("%q is shown %q and then %q", s, shown, Visible(shown))
		}
	})
}

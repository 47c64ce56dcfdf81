package filexfer

import (
	"fmt"
	"path"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxName is the longest file name in bytes that every usual file system takes.
const maxName = 255

// maxExtension is the longest extension in bytes that survives shortening.
const maxExtension = 32

// noName stands for a file whose name says nothing.
const noName = "file"

// SafeName turns a name that a peer announced into one that can be created in
// any folder of any system and hides nothing from the eye:
//
//   - only what follows the last '/' or '\' counts (RFC 6266, section 4.3);
//   - < > : " | ? * and controls become '_': no drive, no stream, no wildcard;
//   - invisible characters go, every space becomes ' ', the rest is NFC;
//   - spaces at both ends and dots at the end go;
//   - a leading '.' or '-' and names that Windows or its shell take for their
//     own (CON, com1.log, desktop.ini) get a '_' in front: ".bashrc" becomes
//     "_.bashrc";
//   - at most 255 bytes, cut between runes and before the extension;
//   - what is empty then is "file".
//
// It is idempotent. Two names may become one; [FileSink] then counts.
func SafeName(name string) string {
	name = lastElement(strings.ToValidUTF8(name, "_"))
	name = norm.NFC.String(strings.Map(portable, name))
	name = strings.TrimRight(strings.TrimLeft(name, " "), " .")
	if name == "" {
		return noName
	}
	if name[0] == '.' || name[0] == '-' || isReserved(name) {
		name = "_" + name
	}
	return shorten(name, maxName)
}

// lastElement is what follows the last separator of either kind, trailing
// separators aside.
func lastElement(name string) string {
	const separators = `/\`
	name = strings.TrimRight(name, separators)
	return name[strings.LastIndexAny(name, separators)+1:]
}

// portable maps a rune to what stands for it in a safe name; -1 drops it.
func portable(r rune) rune {
	switch {
	case strings.ContainsRune(`<>:"|?*`, r):
		return '_'
	case shows(r):
		return r
	case unicode.Is(unicode.Zs, r):
		return ' '
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), r == brailleBlank:
		return -1
	default:
		return '_'
	}
}

// reserved holds names that mean something else than a file to Windows,
// whatever their extension, and files that its shell obeys.
var reserved = reservedNames()

func reservedNames() map[string]bool {
	names := map[string]bool{
		"CON": true, "PRN": true, "AUX": true, "NUL": true,
		"CONIN$": true, "CONOUT$": true, "CLOCK$": true,
		"DESKTOP.INI": true, "AUTORUN.INF": true, "THUMBS.DB": true,
	}
	for _, digit := range "0123456789¹²³" {
		names[fmt.Sprintf("COM%c", digit)] = true
		names[fmt.Sprintf("LPT%c", digit)] = true
	}
	return names
}

func isReserved(name string) bool {
	name = strings.ToUpper(name)
	stem, _, _ := strings.Cut(name, ".")
	return reserved[name] || reserved[strings.TrimRight(stem, " ")]
}

// shorten cuts a name to max bytes in front of its extension.
func shorten(name string, max int) string {
	if len(name) <= max {
		return name
	}
	base, ext := splitName(name)
	return strings.TrimRight(cutBytes(base, max-len(ext)), " .") + ext
}

// splitName parts a name before its extension; ".tar.gz" counts as one. A very
// long extension is none.
func splitName(name string) (base, ext string) {
	ext = path.Ext(name)
	if path.Ext(strings.TrimSuffix(name, ext)) == ".tar" {
		ext = ".tar" + ext
	}
	if len(ext) > maxExtension || len(ext) == len(name) {
		return name, ""
	}
	return strings.TrimSuffix(name, ext), ext
}

// numbered gives the n-th choice for a name that is taken: "photo (2).jpg".
func numbered(name string, n int) string {
	if n == 1 {
		return name
	}
	base, ext := splitName(name)
	tail := fmt.Sprintf(" (%d)%s", n, ext)
	return cutBytes(base, maxName-len(tail)) + tail
}

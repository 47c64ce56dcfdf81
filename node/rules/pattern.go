package rules

import (
	"fmt"
	"slices"
	"strings"
)

// A pattern of a type is one of
//
//	.pdf, .tar.gz   the ending of the file's name, whatever the case
//	image/*         the endings that files of this main type have
//	image/jpeg      the endings that files of this media type have
//	folder          a whole folder
//
// Nobody looks into a file, and the system's own list of types is not asked: the same
// config says the same on every machine.

// wholeFolder is the pattern for folders.
const wholeFolder = "folder"

// maxPattern bounds a pattern, in bytes.
const maxPattern = 100

// pattern is what the name of a file must end with, or that it is a folder.
type pattern struct {
	folder  bool
	endings []string // lower case, with the dot; sorted
}

func (p pattern) fits(o Offer) bool {
	if p.folder || o.Folder {
		return p.folder && o.Folder
	}
	name := strings.ToLower(o.Name)
	return slices.ContainsFunc(p.endings, func(ending string) bool {
		return len(name) > len(ending) && strings.HasSuffix(name, ending)
	})
}

func parsePattern(word string) (pattern, error) {
	folded := strings.ToLower(word)
	switch {
	case len(word) > maxPattern:
		return pattern{}, fmt.Errorf("%.20q… is too long", word)
	case folded == wholeFolder:
		return pattern{folder: true}, nil
	case strings.HasPrefix(folded, "."):
		return parseEnding(word, folded)
	case strings.Count(folded, "/") == 1:
		return parseMedia(word, folded)
	}
	return pattern{}, fmt.Errorf(`%q is no type; write an ending (".pdf"), a media type ("image/*", "application/pdf") or "folder"`, word)
}

func parseEnding(word, folded string) (pattern, error) {
	for _, part := range strings.Split(folded[1:], ".") {
		if part == "" || strings.ContainsFunc(part, isSpecial) {
			return pattern{}, fmt.Errorf(`%q is no ending; write a dot and letters or digits, like ".pdf" or ".tar.gz"`, word)
		}
	}
	return pattern{endings: []string{folded}}, nil
}

// isSpecial tells what no ending has: what separates, what other patterns use, and
// what cannot be seen.
func isSpecial(c rune) bool {
	return c <= ' ' || c == 0x7f || strings.ContainsRune(`/\*?[]{}"'`, c)
}

func parseMedia(word, folded string) (pattern, error) {
	main, sub, _ := strings.Cut(folded, "/")
	var p pattern
	for ending, media := range mediaTypes {
		if media == folded || sub == anybody && strings.HasPrefix(media, main+"/") {
			p.endings = append(p.endings, ending)
		}
	}
	if slices.Sort(p.endings); len(p.endings) == 0 {
		return p, fmt.Errorf(`%q: no ending is known for this media type; write the ending itself, like ".pdf"`, word)
	}
	return p, nil
}

package pairing

import (
	"errors"
	"strings"
	"testing"
)

// A letter that only looks like the one of the word gives that word or an error that
// asks, never another word.
func TestLettersThatLookAlike(t *testing.T) {
	alike := map[string][]string{"a": {"а", "ａ", "ɑ"}, "e": {"е", "ｅ"}, "o": {"о", "0", "ο"}, "i": {"і", "1", "ı", "İ"}, "l": {"1", "ⅼ"}, "s": {"ѕ", "ſ"}, "k": {"\u212a"}}
	words := wordList()
	for i := 0; i < len(words); i += 20 {
		for letter, others := range alike {
			for _, other := range others {
				typed := strings.Replace(words[i], letter, other, 1)
				if got, err := wordOf(typed); err == nil && got != words[i] || err != nil && !errors.Is(err, ErrMalformed) {
					t.Errorf("%q became %q, %v", typed, got, err)
				}
			}
		}
	}
}

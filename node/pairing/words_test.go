package pairing

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestListIsEFFsWithoutYoYo(t *testing.T) {
	words := wordList()
	if len(words) != 1295 || words[0] != "aardvark" || words[1294] != "zucchini" || !slices.IsSorted(words) {
		t.Fatalf("%d words from %s to %s", len(words), words[0], words[len(words)-1])
	}
	if slices.Contains(words, "") || slices.Contains(words, "yo-yo") {
		t.Error("it has a word that is none, or one with a separator")
	}
}

func TestThreeLettersTellWordsApart(t *testing.T) {
	seen := make(map[string]string)
	for _, w := range wordList() {
		if len(w) < leastPrefix || seen[w[:leastPrefix]] != "" {
			t.Errorf("%s and %s", w, seen[w[:leastPrefix]])
		}
		seen[w[:leastPrefix]] = w
	}
}

func TestNoWordIsATypoOfAnother(t *testing.T) {
	for _, a := range wordList() {
		for _, b := range wordList() {
			if a != b && isTypoOf(a, b) {
				t.Errorf("%s and %s", a, b)
			}
		}
	}
}

// typos gives all strings that are a single typing error away from word.
func typos(word string) (all []string) {
	for i := range len(word) + 1 {
		for c := 'a'; c <= 'z'; c++ {
			all = append(all, word[:i]+string(c)+word[i:])
			if i < len(word) {
				all = append(all, word[:i]+string(c)+word[i+1:])
			}
		}
		if i < len(word) {
			all = append(all, word[:i]+word[i+1:])
		}
		if i+1 < len(word) {
			all = append(all, word[:i]+word[i+1:i+2]+word[i:i+1]+word[i+2:])
		}
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == word })
}

func TestATypoIsCorrectedOrAskedAbout(t *testing.T) {
	var corrected, others int
	for i := 0; i < len(wordList()); i += 101 {
		word := wordList()[i]
		for _, typed := range typos(word) {
			switch got, err := wordOf(typed); {
			case err == nil && got == word:
				corrected++
			case len(typed) == leastPrefix || err != nil:
				others++ // asked about, or taken for the beginning of another
			default:
				t.Errorf("%s for %s became %s", typed, word, got)
			}
		}
	}
	if others*200 > corrected {
		t.Errorf("%d corrected, but %d not", corrected, others)
	}
}

func TestEveryBeginningOfAWordIsCompletedOrAskedAbout(t *testing.T) {
	var completed, asked int
	for _, word := range wordList() {
		for n := leastPrefix; n <= len(word); n++ {
			switch got, err := wordOf(word[:n]); {
			case got == word:
				completed++
			case err != nil && leastPrefix < n && n < len(word) && strings.Contains(err.Error(), word):
				asked++
			default:
				t.Errorf("%s became %q, %v", word[:n], got, err)
			}
		}
	}
	if asked*40 > completed {
		t.Errorf("%d completed, but %d asked about", completed, asked)
	}
}

func TestWhatIsNoWordIsRefused(t *testing.T) {
	for typed, says := range map[string]string{
		"":        "none of the words",
		"ac":      "none of the words",
		"qqqqqq":  "none of the words",
		"yo-yo":   "none of the words",
		"cafe":    "could be cafeteria or cage; type the word in full",
		"ünïcode": "none of the words",
	} {
		got, err := wordOf(typed)
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q became %q, %v", typed, got, err)
		}
	}
}

func TestDrawnWordsAreAllEquallyLikely(t *testing.T) {
	seen := make(map[string]int)
	const draws = 100 * 1295
	for range draws / 5 {
		for _, w := range strings.Split(drawWords(5), "-") {
			seen[w]++
		}
	}
	for _, w := range wordList() {
		// 100 are expected, with a deviation of 10: 30 and 170 are seven of them away.
		if seen[w] < 30 || seen[w] > 170 {
			t.Errorf("%s was drawn %d times of %d", w, seen[w], draws)
		}
	}
}

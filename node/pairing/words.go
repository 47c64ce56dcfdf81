package pairing

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sethvargo/go-diceware/diceware"
)

// leastPrefix is how many letters tell the words of the list apart.
const leastPrefix = 3

// wordList is EFF's short list 2 without "yo-yo" (words are joined by "-"): 1,295
// words, sorted. No two begin with the same three letters, and no two are a single
// typing error apart.
var wordList = sync.OnceValue(func() (words []string) {
	eff := diceware.WordListEffSmall()
	for i := range 6 * 6 * 6 * 6 {
		dice := 1111 + i%6 + i/6%6*10 + i/36%6*100 + i/216*1000
		if w := eff.WordAt(dice); w != "yo-yo" {
			words = append(words, w)
		}
	}
	slices.Sort(words)
	return words
})

// drawWords draws n words, each as likely as any other.
func drawWords(n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = wordList()[drawIndex(len(wordList()))]
	}
	return strings.Join(words, "-")
}

// drawIndex draws a number below n, which is at most 2048.
func drawIndex(n int) int {
	var b [2]byte
	for {
		rand.Read(b[:]) // never fails
		if i := int(binary.BigEndian.Uint16(b[:]) & 0x7ff); i < n {
			return i
		}
	}
}

// wordOf gives the word that typed stands for: a word of the list, the beginning of
// one (three letters or more), or the only one that is a single typing error away.
// Four letters or more that could be the beginning of one and a slip in another are
// asked about; just three are taken for a beginning, which they most likely are.
func wordOf(typed string) (string, error) {
	var near []string
	if w, complete := completion(typed); complete {
		if len(typed) == leastPrefix || typed == w {
			return w, nil
		}
		near = append(near, w)
	}
	for _, w := range wordList() {
		if isTypoOf(typed, w) && !slices.Contains(near, w) {
			near = append(near, w)
		}
	}
	switch len(near) {
	case 0:
		return "", fmt.Errorf("%w: %q is none of the words that codes are made of", ErrMalformed, typed)
	case 1:
		return near[0], nil
	}
	return "", fmt.Errorf("%w: %q could be %s; type the word in full", ErrMalformed, typed, strings.Join(near, " or "))
}

// completion gives the one word that begins with typed.
func completion(typed string) (word string, found bool) {
	i, _ := slices.BinarySearch(wordList(), typed)
	if len(typed) < leastPrefix || i == len(wordList()) || !strings.HasPrefix(wordList()[i], typed) {
		return "", false
	}
	return wordList()[i], true
}

// isTypoOf tells whether typed is word with one letter wrong, missing or too many, or
// with two neighbours swapped.
func isTypoOf(typed, word string) bool {
	same := commonPrefix(typed, word)
	a, b := typed[same:], word[same:]
	switch len(a) - len(b) {
	case 0:
		return a != "" && (a[1:] == b[1:] || len(a) > 1 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:])
	case 1:
		return a[1:] == b
	case -1:
		return a == b[1:]
	}
	return false
}

func commonPrefix(a, b string) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

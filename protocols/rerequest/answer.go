package rerequest

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

const (
	answerOK = "OK"
	answerNo = "NO"

	// maxAnswer bounds the line, LF included, in bytes.
	maxAnswer = 256
)

// answerLine is the answer to a request: "OK\n" when nothing is wrong with it,
// or "NO <word>\n", without what only this side should know.
func answerLine(err error) []byte {
	if err == nil {
		return []byte(answerOK + "\n")
	}
	return []byte(answerNo + " " + wordOf(err) + "\n")
}

// parseAnswer reads a line without its LF: nil for OK, a *Denial for NO. Words
// that are not known are a denial too.
func parseAnswer(line string) error {
	if line == answerOK {
		return nil
	}
	verb, rest, _ := strings.Cut(line, " ")
	word, text, _ := strings.Cut(rest, " ")
	if verb != answerNo || word == "" {
		return malformed("the answer is neither OK nor NO and a word")
	}
	return &Denial{Word: word, Text: text}
}

// readAnswer takes one line from r.
func readAnswer(r io.Reader) error {
	lines := bufio.NewReaderSize(r, maxAnswer)
	line, err := lines.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return malformed("an answer of more than %d bytes", maxAnswer)
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	}
	return parseAnswer(strings.TrimSuffix(string(line), "\n"))
}

package rules

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// anybody is the word for every accepted contact.
const anybody = "*"

// maxName bounds a rule's name, in bytes.
const maxName = 64

// RuleError tells which rule is wrong in which field.
type RuleError struct {
	// Number counts the rules from 1; Name is the rule's, perhaps empty.
	Number int
	Name   string
	// Field is the word of the config file: "max_size".
	Field string
	Err   error
}

func (e *RuleError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("rule %d: %s: %v", e.Number, e.Field, e.Err)
	}
	return fmt.Sprintf("rule %d (%q): %s: %v", e.Number, e.Name, e.Field, e.Err)
}

func (e *RuleError) Unwrap() error { return e.Err }

// fault is what is wrong with a field.
type fault struct {
	field string
	err   error
}

func wrong(field, format string, args ...any) *fault {
	return &fault{field, fmt.Errorf(format, args...)}
}

// check reads the words of one rule.
func check(r Rule, home string) (checked, *fault) {
	c := checked{Rule: r, action: r.Action}
	if err := checkName(r.Name); err != nil {
		return c, &fault{"name", err}
	}
	for _, list := range []struct {
		field string
		words []string
	}{{"from", r.From}, {"device", r.Device}, {"conversation", r.Conversation}} {
		if f := checkWords(list.field, list.words); f != nil {
			return c, f
		}
	}
	switch r.Action {
	case "":
		c.action = Accept
	case Accept, Ask, Refuse:
	default:
		return c, wrong("action", "%q is none; write %q, %q or %q", r.Action, Accept, Ask, Refuse)
	}
	if f := c.checkBounds(); f != nil {
		return c, f
	}
	var err error
	if c.folder, err = expand(r.Folder, home); err != nil {
		return c, &fault{"folder", err}
	}
	for _, word := range r.Type {
		p, err := parsePattern(word)
		if err != nil {
			return c, &fault{"type", err}
		}
		c.patterns = append(c.patterns, p)
	}
	return c, nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("it is missing; say in a few words what the rule is for")
	case len(name) > maxName:
		return fmt.Errorf("it has %d bytes; at most %d fit", len(name), maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }):
		return errors.New("it has characters that cannot be shown")
	case strings.TrimSpace(name) != name:
		return errors.New("it begins or ends with a space")
	}
	return nil
}

func checkWords(field string, words []string) *fault {
	for _, word := range words {
		switch {
		case strings.TrimSpace(word) == "":
			return wrong(field, "an empty text fits nobody; leave %s out to fit any", field)
		case strings.Contains(word, anybody) && (word != anybody || field != "from"):
			return wrong(field, `%q: names are written out; only from knows "*", for any accepted contact`, word)
		}
	}
	return nil
}

// checkBounds refuses what would be without effect, or with another than meant.
func (c *checked) checkBounds() *fault {
	switch {
	case c.MaxSize.Bytes < 0:
		return &fault{"max_size", errSize}
	case c.Quota.Bytes < 0:
		return &fault{"quota", errSize}
	case c.Quota.Bytes > 0 && c.action != Accept:
		return wrong("quota", "it counts what a rule accepts, and this one's action is %q", c.action)
	case c.Folder != "" && c.action != Accept:
		return wrong("folder", "it is for what a rule accepts, and this one's action is %q", c.action)
	}
	return nil
}

// expand makes a rule's folder absolute.
func expand(folder, home string) (string, error) {
	if folder == "" {
		return "", nil
	}
	if strings.ContainsRune(folder, 0) {
		return "", errors.New("a path has no zero byte")
	}
	if rest, below := strings.CutPrefix(folder, "~"); below && (rest == "" || rest[0] == '/' || rest[0] == filepath.Separator) {
		if home == "" {
			return "", errors.New("the home folder that ~ stands for is not known; write the whole path")
		}
		return filepath.Join(home, rest), nil
	}
	if !filepath.IsAbs(folder) {
		return "", fmt.Errorf(`%q is not absolute; write the whole path, or "~/" and the way from your home folder`, folder)
	}
	return filepath.Clean(folder), nil
}

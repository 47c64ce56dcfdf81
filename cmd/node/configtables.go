package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/rules"
	"github.com/passeur-p2p/passeur/node/turnrelay"
)

// turnTable is one [[turn]]. The password is given by value or by file.
type turnTable struct {
	URL          turnURL `toml:"url"`
	Username     string  `toml:"username"`
	Password     string  `toml:"password"`
	PasswordFile string  `toml:"password_file"`
}

// turnURL is a struct because the decoder does not ask text types how to read them.
type turnURL struct{ text string }

func (u *turnURL) UnmarshalText(text []byte) error {
	u.text = string(text)
	_, err := turnrelay.ParseURL(u.text)
	return err
}

// tables gives the tables of a name, each with what its keys begin with.
func (d *document) tables(name string, m *mistakes) (list []map[string]any) {
	value, there := d.values[name]
	if !there {
		return nil
	}
	all, isList := value.([]any)
	for _, one := range all {
		table, isTable := one.(map[string]any)
		if isList = isList && isTable; isTable {
			list = append(list, table)
		}
	}
	if !isList {
		m.add(name, fmt.Sprintf("it must be a table, with [[%s]] above its keys", name))
		return nil
	}
	return list
}

// decodeTable reads a table into the struct that into points to, and says all that
// is wrong with it.
func decodeTable(at string, table map[string]any, into any, m *mistakes) bool {
	good := withoutNumbers(at, table, m)
	for range len(table) + 1 { // each mistake takes one key away
		text, err := toml.Marshal(table)
		if err != nil {
			m.add(at, err.Error())
			return false
		}
		err = toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(into)
		if err == nil {
			return good
		}
		good = false
		for _, wrong := range wrongKeys(err) {
			m.add(join(at, wrong.key), wrong.what)
			key, _, _ := strings.Cut(wrong.key, ".")
			if _, there := table[key]; !there {
				return false
			}
			delete(table, key)
		}
	}
	return false
}

// withoutNumbers takes bare numbers out of a table. No key takes one, and the decoder
// would take 5 for the text "5".
func withoutNumbers(at string, table map[string]any, m *mistakes) bool {
	good := true
	for key, value := range table {
		switch value.(type) {
		case string, bool, []any, map[string]any:
			continue
		}
		good = false
		m.add(join(at, key), "it must be a text in quotes")
		delete(table, key)
	}
	return good
}

// wrongKeys is what the decoder says about a table, in own words.
func wrongKeys(err error) (list []mistake) {
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &unknown):
		for _, e := range unknown.Errors {
			list = append(list, mistake{key: strings.Join(e.Key(), "."), what: noSuchSetting})
		}
	case errors.As(err, &wrong):
		list = append(list, mistake{key: strings.Join(wrong.Key(), "."), what: complaint(wrong)})
	default:
		list = append(list, mistake{what: strings.TrimPrefix(err.Error(), "toml: ")})
	}
	return list
}

// complaint says what is wrong with a value, without the words of Go.
func complaint(e *toml.DecodeError) string {
	text := strings.TrimPrefix(e.Error(), "toml: ")
	switch {
	case !strings.HasPrefix(text, "cannot decode "):
		return text
	case strings.Contains(text, " type []"):
		return `it must be a list of texts, ["…", "…"]`
	case strings.Contains(text, " type bool"):
		return "it must be true or false"
	}
	return "it must be a text in quotes"
}

// secrets are the files that hold a password, that of the config or others.
type secrets []string

func (s *secrets) add(path string) {
	if !slices.Contains(*s, path) {
		*s = append(*s, path)
	}
}

// servers are the file's TURN servers.
func (d *document) servers(m *mistakes, hold *secrets) (list []turnrelay.Server) {
	for i, table := range d.tables("turn", m) {
		at := fmt.Sprintf("turn[%d]", i)
		var t turnTable
		if !decodeTable(at, table, &t, m) {
			continue
		}
		if s, err := t.server(d, hold); err != nil {
			m.add(at, err.Error())
		} else {
			list = append(list, s)
		}
	}
	return list
}

func (t turnTable) server(d *document, hold *secrets) (s turnrelay.Server, err error) {
	switch {
	case t.URL.text == "":
		return s, errors.New("url is missing: write turn:HOST:PORT, or turns:HOST:PORT for TLS")
	case t.Username == "":
		return s, errors.New("username is missing")
	case (t.Password == "") == (t.PasswordFile == ""):
		return s, errors.New("give either password or password_file")
	}
	s = turnrelay.Server{URL: t.URL.text, Username: t.Username, Password: t.Password}
	if t.PasswordFile == "" {
		hold.add(d.path)
		return s, nil
	}
	path := d.beside(t.PasswordFile)
	hold.add(path)
	if s.Password, err = passwordIn(path); err != nil {
		err = fmt.Errorf("password_file: %w", err)
	}
	return s, err
}

// passwordIn gives the first line of a file, which must be its only one.
func passwordIn(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	password, rest, _ := strings.Cut(string(text), "\n")
	if password = strings.TrimSuffix(password, "\r"); password == "" || strings.TrimSpace(rest) != "" {
		return "", fmt.Errorf("%s must hold the password in one line, and nothing else", path)
	}
	return password, nil
}

// beside makes path absolute, seen from the file's folder.
func (d *document) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(d.path), path)
}

// rules are the file's, held against what the node takes.
func (d *document) rules(m *mistakes) (list []node.Rule) {
	for i, table := range d.tables("rule", m) {
		at := fmt.Sprintf("rule[%d]", i)
		var r node.Rule
		if !decodeTable(at, table, &r, m) {
			continue
		}
		// With those before it, for its name must be unlike theirs.
		err := node.Config{Home: ".", Rules: append(slices.Clone(list), r)}.Check()
		if wrong := new(rules.RuleError); errors.As(err, &wrong) {
			m.add(join(at, wrong.Field), wrong.Err.Error())
		} else if err != nil {
			m.add(at, strings.TrimPrefix(err.Error(), "config: "))
		} else {
			list = append(list, r)
		}
	}
	return list
}

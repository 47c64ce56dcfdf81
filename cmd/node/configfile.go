package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"

	"github.com/passeur-p2p/passeur/node/turnrelay"
)

// configKeys is the form of the config file (TOML 1.0): keys named like the flags
// of run, which they set, and TURN servers, for which there is no flag because
// everybody on a machine can read the flags of a process.
type configKeys struct {
	Name      setting     `toml:"name"`
	Listen    setting     `toml:"listen"`
	Bootstrap []string    `toml:"bootstrap"`
	DHT       setting     `toml:"dht"`
	MDNS      setting     `toml:"mdns"`
	Accept    setting     `toml:"accept"`
	Downloads setting     `toml:"downloads"`
	STUN      []string    `toml:"stun"`
	PortMap   setting     `toml:"portmap"`
	TURN      []turnTable `toml:"turn"`
}

// turnTable is one [[turn]]. The password is given by value or by file.
type turnTable struct {
	URL          turnURL `toml:"url"`
	Username     string  `toml:"username"`
	Password     string  `toml:"password"`
	PasswordFile string  `toml:"password_file"`
}

// setting is a key whose text goes to the flag of its name, unless that was set
// already. A text that the flag does not take is an error in any case.
type setting struct{ flag *pflag.Flag }

func (s setting) UnmarshalText(text []byte) error {
	before := s.flag.Value.String()
	if err := s.flag.Value.Set(s.word(string(text))); err != nil {
		return &settingError{s.flag.Name, err}
	}
	if s.flag.Changed {
		return s.flag.Value.Set(before)
	}
	return nil
}

// word takes TOML's own words for on and off.
func (s setting) word(text string) string {
	if s.flag.Value.Type() != switchType {
		return text
	}
	switch text {
	case "true":
		return "on"
	case "false":
		return "off"
	}
	return text
}

// settingError is a value that a flag does not take. The decoder tells where in
// the file that is only if the value was in quotes.
type settingError struct {
	key string
	err error
}

func (e *settingError) Error() string { return e.err.Error() }

// turnURL is a struct because the decoder does not ask text types how to read them.
type turnURL struct{ text string }

func (u *turnURL) UnmarshalText(text []byte) error {
	u.text = string(text)
	_, err := turnrelay.ParseURL(u.text)
	return err
}

// configFile is what a config file holds that no flag can.
type configFile struct {
	path    string
	servers []turnrelay.Server
	secrets []string // paths of the files that hold a password, this one or others
}

// parseConfigFile sets those flags that have not been set yet by the text of the
// file at path. Paths in the file are relative to its folder.
func parseConfigFile(path string, text []byte, flags *pflag.FlagSet) (*configFile, error) {
	keys := keysOf(flags)
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&keys); err != nil {
		return nil, configError("%w", whereInFile(path, err))
	}
	f := &configFile{path: path}
	if err := errors.Join(setList(flags, "bootstrap", keys.Bootstrap), setList(flags, "stun", keys.STUN)); err != nil {
		return nil, configError("%s: %w", path, err)
	}
	if downloads := flags.Lookup("downloads"); !downloads.Changed && downloads.Value.String() != "" {
		if err := downloads.Value.Set(f.beside(downloads.Value.String())); err != nil {
			return nil, err
		}
	}
	for i, t := range keys.TURN {
		if err := f.addServer(t); err != nil {
			return nil, configError("%s: [[turn]] number %d (%q): %w", path, i+1, t.URL.text, err)
		}
	}
	return f, nil
}

func keysOf(flags *pflag.FlagSet) configKeys {
	key := func(name string) setting { return setting{flags.Lookup(name)} }
	return configKeys{
		Name: key("name"), Listen: key("listen"), DHT: key("dht"), MDNS: key("mdns"),
		Accept: key("accept"), Downloads: key("downloads"), PortMap: key("portmap"),
	}
}

// setList sets a flag that can be repeated, unless it was set already or the file
// does not speak of it.
func setList(flags *pflag.FlagSet, name string, texts []string) error {
	f := flags.Lookup(name)
	list, isList := f.Value.(pflag.SliceValue)
	if texts == nil || f.Changed || !isList {
		return nil
	}
	return list.Replace(texts)
}

func (f *configFile) addServer(t turnTable) error {
	switch {
	case t.URL.text == "":
		return errors.New("url is missing: write turn:HOST:PORT, or turns:HOST:PORT for TLS")
	case t.Username == "":
		return errors.New("username is missing")
	case (t.Password == "") == (t.PasswordFile == ""):
		return errors.New("give either password or password_file")
	}
	password, err := f.password(t)
	if err != nil {
		return err
	}
	f.servers = append(f.servers, turnrelay.Server{URL: t.URL.text, Username: t.Username, Password: password})
	return nil
}

// password gives t's password: the first line of the file that holds it.
func (f *configFile) password(t turnTable) (string, error) {
	if t.PasswordFile == "" {
		f.holdsSecret(f.path)
		return t.Password, nil
	}
	path := f.beside(t.PasswordFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	f.holdsSecret(path)
	password, rest, _ := strings.Cut(string(text), "\n")
	if password = strings.TrimSuffix(password, "\r"); password == "" || strings.TrimSpace(rest) != "" {
		return "", fmt.Errorf("password_file: %s must hold the password in one line, and nothing else", path)
	}
	return password, nil
}

func (f *configFile) holdsSecret(path string) {
	if !slices.Contains(f.secrets, path) {
		f.secrets = append(f.secrets, path)
	}
}

// beside makes path absolute, seen from the file's folder.
func (f *configFile) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(f.path), path)
}

// warn tells of passwords that other users of the machine can read.
func (f *configFile) warn(logger *slog.Logger) {
	for _, path := range f.secrets {
		info, err := os.Stat(path)
		if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o044 == 0 {
			continue
		}
		logger.Warn("other users may read a password: close the file to them, for instance by chmod 600",
			"file", path, "mode", fs.FileMode(info.Mode().Perm()))
	}
}

// configError is about the config file: code "config".
func configError(format string, args ...any) error {
	return &failure{exit: exitUsage, code: "config", err: fmt.Errorf(format, args...)}
}

// whereInFile says on which line of the file which key is wrong. The lines
// themselves are not shown, for they may hold a password.
func whereInFile(path string, err error) error {
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	var bare *settingError
	switch {
	case errors.As(err, &unknown):
		var all []error
		for _, e := range unknown.Errors {
			all = append(all, inLine(path, &e, "there is no such setting: see 'passeur run --help'"))
		}
		return errors.Join(all...)
	case errors.As(err, &wrong):
		return inLine(path, wrong, complaint(wrong))
	case errors.As(err, &bare):
		return fmt.Errorf("%s: %q: %w", path, bare.key, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

func inLine(path string, e *toml.DecodeError, what string) error {
	line, _ := e.Position()
	if key := strings.Join(e.Key(), "."); key != "" {
		what = fmt.Sprintf("%q: %s", key, what)
	}
	return fmt.Errorf("%s, line %d: %s", path, line, what)
}

// complaint says what is wrong with a value, without the words of Go.
func complaint(e *toml.DecodeError) string {
	text := strings.TrimPrefix(e.Error(), "toml: ")
	if !strings.HasPrefix(text, "cannot decode ") {
		return text
	}
	switch strings.Join(e.Key(), ".") {
	case "bootstrap", "stun":
		return `it must be a list of texts, ["…", "…"]`
	case "turn":
		return "it must be a table, with [[turn]] above its keys"
	}
	return "it must be a text in quotes"
}

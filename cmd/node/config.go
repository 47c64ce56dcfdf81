package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/passeur-p2p/passeur/node"
)

// effective are the settings in force and where each comes from.
type effective struct {
	runOptions
	flags  *pflag.FlagSet    // over runOptions
	origin map[string]string // of keys: --name, PASSEUR_NAME, a place in the file, or whose default it is
	path   string            // of the config file; "": there is none
	rules  []node.Rule
	secret secrets
}

const noSuchSetting = "there is no such setting: 'passeur config example' shows all"

// Origins that are no place.
const (
	fromDefault = "default"
	fromRole    = "role dht"
)

// originKey is the annotation of a flag that says where its value comes from.
const originKey = "passeur-origin"

// loadConfig reads the config file for all that neither a flag nor the environment has
// set; given are run's flags with what those have. It leaves given as it is, so that
// the file can be read again. An error names all mistakes of the file.
func loadConfig(home string, given *pflag.FlagSet) (*effective, error) {
	e := newEffective(given)
	text, err := e.readFile(home)
	if err != nil {
		return nil, err
	}
	if text != nil {
		if err := e.take(text); err != nil {
			return nil, err
		}
	}
	e.takeRole()
	if err := e.checkTogether(); err != nil {
		return nil, configError("%w", err)
	}
	if node.Role(e.role) == node.RoleDHT && len(e.rules) > 0 {
		return nil, configError("%s: role dht takes no files, so there can be no [[rule]]", e.path)
	}
	return e, e.makeAbsolute()
}

// newEffective has what the given flags have, all else as it is by default.
func newEffective(given *pflag.FlagSet) *effective {
	e := &effective{flags: pflag.NewFlagSet("", pflag.ContinueOnError), origin: map[string]string{}}
	e.bind(e.flags)
	e.flags.VisitAll(func(f *pflag.Flag) {
		e.origin[f.Name] = fromDefault
		from := given.Lookup(f.Name)
		if from == nil || !from.Changed {
			return
		}
		e.origin[f.Name] = "--" + f.Name
		if said := from.Annotations[originKey]; len(said) > 0 {
			e.origin[f.Name] = said[0]
		}
		_ = copyValue(f, from) // which took it before
		f.Changed = true
	})
	e.takeVerbose(given)
	return e
}

// takeVerbose has --verbose mean a level of the log, unless one is given.
func (e *effective) takeVerbose(given *pflag.FlagSet) {
	levels := e.flags.Lookup("log-level")
	if v := given.Lookup("verbose"); v != nil && v.Changed && v.Value.String() == "true" && !levels.Changed {
		_ = levels.Value.Set("debug") // which is one
		levels.Changed, e.origin["log-level"] = true, "--verbose"
	}
}

func copyValue(to, from *pflag.Flag) error {
	if list, isList := from.Value.(pflag.SliceValue); isList {
		return to.Value.(pflag.SliceValue).Replace(list.GetSlice())
	}
	return to.Value.Set(from.Value.String())
}

// readFile gives the text of the file that was named, or of the home's; nil if the
// home has none.
func (e *effective) readFile(home string) ([]byte, error) {
	path := e.file
	if path == "" {
		path = filepath.Join(home, configName)
	}
	text, err := os.ReadFile(path)
	if e.file == "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		return nil, nil
	}
	if err != nil {
		return nil, configError("read the config file: %w", err)
	}
	e.path, err = filepath.Abs(path)
	return slices.Concat([]byte{}, text), err
}

// take sets what the file's text says and nobody else has set.
func (e *effective) take(text []byte) error {
	d, err := readDocument(e.path, text)
	if err != nil {
		return err
	}
	m := &mistakes{of: d}
	for key, value := range d.values {
		e.takeKey(d, key, value, m)
	}
	e.config.TURN, e.rules = d.servers(m, &e.secret), d.rules(m)
	return m.err()
}

// takeKey holds a value of the file against its flag, and sets it if nobody else has.
func (e *effective) takeKey(d *document, key string, value any, m *mistakes) {
	k, known := findKey(key)
	switch {
	case key == "turn" || key == "rule":
		return
	case !known:
		m.add(key, noSuchSetting)
		return
	}
	f := e.flags.Lookup(key)
	if e.flags.Changed(key) {
		f = scratchFlag(key) // wrong is wrong, even if it does not count
	}
	if k.path {
		if path, isText := value.(string); isText && path != "" {
			value = d.beside(path)
		}
	}
	if err := setValue(f, value); err != nil {
		m.add(key, err.Error())
	} else if f == e.flags.Lookup(key) {
		e.origin[key] = d.pointTo(key)
	}
}

func scratchFlag(name string) *pflag.Flag {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(runOptions).bind(flags)
	return flags.Lookup(name)
}

// setValue sets a flag to a value of the file.
func setValue(f *pflag.Flag, value any) error {
	if list, isList := f.Value.(pflag.SliceValue); isList {
		texts, areTexts := textsOf(value)
		if !areTexts {
			return errors.New(`it must be a list of texts, ["…", "…"]`)
		}
		return list.Replace(texts)
	}
	if f.Value.Type() == switchType {
		return f.Value.Set(switchOf(value))
	}
	text, isText := value.(string)
	if !isText {
		return errors.New("it must be a text in quotes")
	}
	return f.Value.Set(text)
}

func textsOf(value any) ([]string, bool) {
	list, isList := value.([]any)
	texts := make([]string, 0, len(list))
	for _, one := range list {
		text, isText := one.(string)
		if !isText {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, isList
}

// switchOf takes TOML's own words for on and off too.
func switchOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return map[bool]string{true: "on", false: "off"}[v]
	}
	return ""
}

// takeRole gives a bootstrap node what is right for one.
func (e *effective) takeRole() {
	if node.Role(e.role) != node.RoleDHT {
		return
	}
	for key, value := range map[string]string{"listen": roleListen, "mdns": "off", "portmap": "off"} {
		if e.origin[key] == fromDefault {
			_ = e.flags.Lookup(key).Value.Set(value) // which is one
			e.origin[key] = fromRole
		}
	}
}

// makeAbsolute ties relative paths of flags and environment to the working folder.
func (e *effective) makeAbsolute() error {
	for _, path := range []*string{&e.config.Downloads, &e.audit, &e.httpCert, &e.httpKey} {
		if *path == "" {
			continue
		}
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	return nil
}

// nodeConfig is what the node is to be, but for its logs.
func (e *effective) nodeConfig(home string) node.Config {
	c := e.runOptions.nodeConfig()
	c.Home, c.Rules, c.Role = home, e.rules, node.Role(e.role)
	return c
}

// warn tells of passwords that other users of the machine can read.
func (e *effective) warn(logger *slog.Logger) {
	for _, path := range e.secret {
		info, err := os.Stat(path)
		if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o044 == 0 {
			continue
		}
		logger.Warn("other users may read a password: close the file to them, for instance by chmod 600",
			"file", path, "mode", fs.FileMode(info.Mode().Perm()))
	}
}

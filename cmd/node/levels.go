package main

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
)

// libraries names what libp2p and others log, all together; one of their loggers is
// libraries+"/"+its name.
const libraries = "libp2p"

// subsystems are the loggers of passeur itself, as the attribute "logger" names them.
var subsystems = []string{
	"api", "directory", "filexfer", "history", "holdings", "icetcp", "link", "logstore", "mdns", "node", "oneshot",
	"pairing", "portmap", "rerequest", "service", "signalling", "turnrelay",
}

// levelWords are the levels of the log, the most talkative first.
var levelWords = []string{"debug", "info", "warn", "error"}

// maxLevels is the longest text of levels, in bytes.
const maxLevels = 2048

// logLevels are the levels of the log, which can change while it is written: one for
// all, and one for each subsystem that is to differ. It is safe for concurrent use.
type logLevels struct {
	mu    sync.Mutex
	base  slog.Level
	named map[string]slog.Level
	vars  map[string]*slog.LevelVar // of those that have asked, by name
}

// newLogLevels is level info for passeur, error for libraries.
func newLogLevels() *logLevels {
	return &logLevels{named: map[string]slog.Level{}, vars: map[string]*slog.LevelVar{}}
}

// Set takes levels over, in force at once: "info,icetcp=debug,libp2p=warn". The first
// is for everything that is not named (info if it is left out); libp2p is what
// libraries log, libp2p/swarm2 one of them. Where libp2p is not named, its level is
// error, or warn if all else is debug. A text that is wrong changes nothing.
func (l *logLevels) Set(text string) error {
	base, named, err := parseLevels(text)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.base, l.named = base, named
	for name, v := range l.vars {
		v.Set(l.levelLocked(name))
	}
	return nil
}

// String is the levels as Set takes them, names in order.
func (l *logLevels) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	words := []string{levelWord(l.base)}
	all := maps.Clone(l.named)
	all[libraries] = l.levelLocked(libraries)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		words = append(words, name+"="+levelWord(all[name]))
	}
	return strings.Join(words, ",")
}

// of gives the level of a logger, which follows what is set.
func (l *logLevels) of(name string) *slog.LevelVar {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.vars[name]
	if v == nil {
		v = new(slog.LevelVar)
		v.Set(l.levelLocked(name))
		l.vars[name] = v
	}
	return v
}

func (l *logLevels) levelLocked(name string) slog.Level {
	if level, has := l.named[name]; has {
		return level
	}
	if name != libraries && !strings.HasPrefix(name, libraries+"/") {
		return l.base
	}
	if level, has := l.named[libraries]; has {
		return level
	}
	if l.base == slog.LevelDebug {
		return slog.LevelWarn
	}
	return slog.LevelError
}

func parseLevels(text string) (base slog.Level, named map[string]slog.Level, err error) {
	if len(text) > maxLevels {
		return 0, nil, fmt.Errorf("the levels have %d bytes; at most %d are allowed", len(text), maxLevels)
	}
	named = map[string]slog.Level{}
	for i, word := range strings.Split(text, ",") {
		name, of, isNamed := strings.Cut(strings.TrimSpace(word), "=")
		if !isNamed {
			name, of = "", name
		}
		level, err := parseLevel(of)
		switch {
		case err != nil:
			return 0, nil, err
		case !isNamed && i > 0:
			return 0, nil, fmt.Errorf("%q comes too late: the level of all comes first, for instance info,icetcp=debug", of)
		case !isNamed:
			base = level
		case !isLogger(name):
			return 0, nil, fmt.Errorf("nothing logs as %q; there are %s, %s and %s/NAME", name, strings.Join(subsystems, ", "), libraries, libraries)
		default:
			named[name] = level
		}
	}
	return base, named, nil
}

func isLogger(name string) bool {
	of, isLibrary := strings.CutPrefix(name, libraries+"/")
	return name == libraries || isLibrary && of != "" || slices.Contains(subsystems, name)
}

func parseLevel(word string) (slog.Level, error) {
	i := slices.Index(levelWords, word)
	if i < 0 {
		return 0, fmt.Errorf("%q is no level; write %s", word, strings.Join(levelWords, ", "))
	}
	return slog.LevelDebug + slog.Level(4*i), nil
}

func levelWord(l slog.Level) string { return levelWords[(l-slog.LevelDebug)/4] }

package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/rules"
)

// word is a flag whose text is checked when it is set. The empty text is none.
type word struct {
	value *string
	kind  string
	check func(string) error
}

func (w word) String() string { return *w.value }
func (w word) Type() string   { return w.kind }

func (w word) Set(text string) error {
	if text != "" {
		if err := w.check(text); err != nil {
			return err
		}
	}
	*w.value = text
	return nil
}

// words is a flag that can be repeated, each text of which is checked.
type words struct {
	values *[]string
	check  func(string) error
}

func (w words) String() string        { return strings.Join(*w.values, " ") }
func (w words) Type() string          { return "stringArray" } // pflag's own word, for its help
func (w words) GetSlice() []string    { return *w.values }
func (w words) Append(s string) error { return w.Set(s) }

func (w words) Set(text string) error {
	if err := w.check(text); err != nil {
		return err
	}
	*w.values = append(*w.values, text)
	return nil
}

func (w words) Replace(texts []string) error {
	for _, text := range texts {
		if err := w.check(text); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
	}
	*w.values = append([]string(nil), texts...)
	return nil
}

// duration is a time in a config file or flag: "90s", "2h". It is a struct so that a
// bare number is not taken for nanoseconds.
type duration struct{ time.Duration }

func (d *duration) Type() string { return "TIME" }

func (d *duration) Set(text string) error {
	t, err := time.ParseDuration(text)
	if err != nil || t < 0 {
		return fmt.Errorf("%q is no duration; write 90s, 10m or 2h", text)
	}
	d.Duration = t
	return nil
}

// reserve is a number of bytes to keep free; the zero value is node's own default.
type reserve struct{ bytes int64 }

func (r *reserve) Type() string { return "SIZE" }

func (r *reserve) String() string {
	switch {
	case r.bytes < 0:
		return "none"
	case r.bytes == 0:
		return ""
	}
	return rules.Size{Bytes: r.bytes}.String()
}

func (r *reserve) Set(text string) error {
	if text == "none" || text == "0" {
		r.bytes = -1
		return nil
	}
	size, err := rules.ParseSize(text)
	if err != nil {
		return fmt.Errorf(`%q is no size; write 500M, 2G or 1.5GiB, or none`, text)
	}
	r.bytes = size.Bytes
	return nil
}

// speed is a limit in bytes a second that the node takes; not given, it is left as
// it was when the node last ran.
type speed struct{ rate }

func (s *speed) Set(text string) error {
	perSecond, err := parseRate(text)
	if err != nil {
		return fmt.Errorf("%q is no rate: %w", text, err)
	}
	if perSecond > 0 && perSecond < node.MinLimit {
		return fmt.Errorf("%q is too slow: the least is %d bytes a second; none takes the limit away", text, node.MinLimit)
	}
	s.rate = rate{perSecond, true}
	return nil
}

// What the node takes, one field at a time.

func checkListen(text string) error {
	return fieldError(node.Config{Listen: text}, "Listen", text)
}

func checkBootstrap(text string) error {
	return fieldError(node.Config{Bootstrap: []string{text}}, "Bootstrap", text)
}

func checkSTUN(text string) error {
	return fieldError(node.Config{STUN: []string{text}}, "STUN", text)
}

// fieldError is what the node would say of a field, without the words that name it.
func fieldError(c node.Config, field, text string) error {
	c.Home = "."
	err := c.Check()
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), fmt.Sprintf("config: %s %q: ", field, text)))
}

// checkName holds a device's name against what the node takes.
func checkName(text string) error {
	if len(text) > maxDeviceName {
		return fmt.Errorf("the name has %d bytes; at most %d are allowed", len(text), maxDeviceName)
	}
	return nil
}

// maxDeviceName is the node's bound, in bytes.
const maxDeviceName = 64

func checkLevels(text string) error {
	_, _, err := parseLevels(text)
	return err
}

// checkHTTP: a port must be said, for nobody would find another one.
func checkHTTP(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" {
		return errors.New("write HOST:PORT, for instance 127.0.0.1:8080")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q is no port; it must be a number from 0 to 65535", port)
	}
	return nil
}

func checkNothing(string) error { return nil }

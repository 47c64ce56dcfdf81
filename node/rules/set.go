package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Window is how far back a quota counts.
const Window = 30 * 24 * time.Hour

// Set is a list of rules that have been checked. The zero Set has none. It is not
// changed after [New], so that it may be used from any goroutine.
type Set struct{ rules []checked }

// checked is a rule whose words have been read.
type checked struct {
	Rule
	action   Action
	folder   string // absolute, or empty
	patterns []pattern
}

// New checks the rules. home is the user's own folder, which "~" stands for; it may
// be empty where no rule says "~". An error is a [*RuleError].
func New(list []Rule, home string) (*Set, error) {
	s := &Set{}
	names := map[string]bool{}
	for i, r := range list {
		c, err := check(r, home)
		if folded := strings.ToLower(r.Name); err == nil && names[folded] {
			err = wrong("name", "another rule has this name; give each its own")
		} else {
			names[folded] = true
		}
		if err != nil {
			return nil, &RuleError{Number: i + 1, Name: r.Name, Field: err.field, Err: err.err}
		}
		s.rules = append(s.rules, c)
	}
	return s, nil
}

// Rules gives the rules in the order in which they are asked.
func (s *Set) Rules() []Rule {
	if s == nil {
		return nil
	}
	list := make([]Rule, len(s.rules))
	for i, r := range s.rules {
		list[i] = r.Rule
	}
	return list
}

// Decide gives the word of the first rule that fits the offer. used tells how many
// bytes the rule of that name has taken within [Window], those on their way
// included; it is asked only of rules with a quota. A rule that would exceed its
// quota does not fit; if no other fits either, the user is asked.
func (s *Set) Decide(o Offer, used func(rule string) int64) Decision {
	if s == nil || !o.Contact {
		return Decision{}
	}
	var full string
	for _, r := range s.rules {
		if !r.fits(o) {
			continue
		}
		if r.action == Accept && r.exceeds(o, used) {
			if full == "" {
				full = fmt.Sprintf("the rule %q would accept it, but has taken its %s of the last 30 days", r.Name, r.Quota)
			}
			continue
		}
		d := Decision{Action: r.action, Rule: r.Name}
		if r.action == Accept {
			d.Folder = r.folder
		}
		if r.action == Ask {
			d.Reason = full
		}
		return d
	}
	if full != "" {
		return Decision{Action: Ask, Reason: full}
	}
	return Decision{}
}

func (r *checked) exceeds(o Offer, used func(string) int64) bool {
	if r.Quota.Bytes == 0 {
		return false
	}
	left := r.Quota.Bytes - used(r.Name)
	return Charge(o.Size) > left
}

// leastCharge is what the smallest file counts for in a quota: it takes a block on
// the disk, and nobody shall fill one with empty files.
const leastCharge = 4096

// Charge is how many bytes a file of that size counts for in a quota: at least 4 KiB.
func Charge(size int64) int64 { return max(size, leastCharge) }

// fits tells whether the rule speaks of such an offer, whatever its quota.
func (r *checked) fits(o Offer) bool {
	switch {
	case !r.isFrom(o):
		return false
	case r.Verified && !o.Verified:
		return false
	case len(r.Device) > 0 && !either(r.Device, o.Device, o.DeviceName):
		return false
	case len(r.Conversation) > 0 && !either(r.Conversation, o.Conversation, o.ConversationName):
		return false
	case r.MaxSize.Bytes > 0 && o.Size > r.MaxSize.Bytes:
		return false
	}
	return len(r.patterns) == 0 || slices.ContainsFunc(r.patterns, func(p pattern) bool { return p.fits(o) })
}

func (r *checked) isFrom(o Offer) bool {
	return len(r.From) == 0 || slices.ContainsFunc(r.From, func(who string) bool {
		return who == anybody || who == o.Account || o.Alias != "" && strings.EqualFold(who, o.Alias)
	})
}

// either tells whether one of the words is the id or the name of something.
func either(words []string, id, name string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		return word == id || word == name
	})
}

package show

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node/rules"
)

// Rules writes a table of what decides about offers, in order, and what is kept free.
func Rules(w io.Writer, r api.Rules) error {
	var rows [][]string
	for i, rule := range r.Rules {
		rows = append(rows, []string{strconv.Itoa(i + 1), Clip(rule.Name, 30), ruleWho(rule), ruleWhat(rule), ruleThen(rule), ruleUsed(rule)})
	}
	rows = append(rows, []string{"", "otherwise", "any contact", "anything", otherwise(r.Otherwise), ""})
	if err := Table(w, []string{"", "RULE", "FROM", "WHAT", "THEN", "USED"}, rows); err != nil {
		return err
	}
	free := "nothing of any disk is kept free"
	if r.Reserve > 0 {
		free = Size(r.Reserve) + " of each disk are kept free"
	}
	_, err := fmt.Fprintln(w, "\n"+free)
	return err
}

func otherwise(a rules.Action) string {
	if a == rules.Ask {
		return "ask: it waits in 'passeur inbox'"
	}
	return Text(string(a))
}

// ruleWho says whose offers a rule fits.
func ruleWho(r api.Rule) string {
	who := listOr(r.From, "any contact")
	if who == "*" {
		who = "any contact"
	}
	if len(r.Device) > 0 {
		who += " on " + listOr(r.Device, "")
	}
	if r.Verified {
		who += ", verified"
	}
	return Clip(who, 40)
}

// ruleWhat says which files a rule fits.
func ruleWhat(r api.Rule) string {
	what := listOr(r.Type, "anything")
	if r.MaxSize > 0 {
		what += " up to " + Size(r.MaxSize)
	}
	if len(r.Conversation) > 0 {
		what += " in " + listOr(r.Conversation, "")
	}
	return Clip(what, 50)
}

func ruleThen(r api.Rule) string {
	if r.Action == rules.Accept && r.Folder != "" {
		return Clip("accept into "+r.Folder, 50)
	}
	return Text(string(r.Action))
}

func ruleUsed(r api.Rule) string {
	switch {
	case r.Quota > 0:
		return Size(r.Used) + " of " + Size(r.Quota)
	case r.Action == rules.Accept:
		return Size(r.Used)
	}
	return ""
}

func listOr(words []string, none string) string {
	if len(words) == 0 {
		return none
	}
	return strings.Join(words, ", ")
}

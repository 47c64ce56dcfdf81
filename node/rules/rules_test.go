package rules_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/node/rules"
)

func size(bytes int64) rules.Size { return rules.Size{Bytes: bytes} }

// fromAlice is an offer of Alice's phone.
func fromAlice() rules.Offer {
	return rules.Offer{
		Contact: true, Account: "passeur:alice", Alias: "alice", Device: "12D3KooWphone", DeviceName: "phone",
		Conversation: "c0ffee", ConversationName: "holiday", Name: "IMG_1.JPG", Size: 1000,
	}
}

func nothing(string) int64 { return 0 }

// Each field narrows what fits.
func TestWhatFits(t *testing.T) {
	type offer = rules.Offer
	as := func(change func(*offer)) offer { o := fromAlice(); change(&o); return o }
	for name, c := range map[string]struct {
		rule  rules.Rule
		offer offer
		fits  bool
	}{
		"no bounds":                   {rules.Rule{}, fromAlice(), true},
		"not of strangers":            {rules.Rule{From: []string{"*"}}, as(func(o *offer) { o.Contact = false }), false},
		"not of a stranger's account": {rules.Rule{From: []string{"passeur:alice"}}, as(func(o *offer) { o.Contact = false }), false},
		"anybody":                     {rules.Rule{From: []string{"*"}}, fromAlice(), true},
		"alias":                       {rules.Rule{From: []string{"bob", "Alice"}}, fromAlice(), true},
		"account":                     {rules.Rule{From: []string{"passeur:alice"}}, fromAlice(), true},
		"somebody else":               {rules.Rule{From: []string{"bob"}}, fromAlice(), false},
		"device by name":              {rules.Rule{Device: []string{"phone"}}, fromAlice(), true},
		"device by id":                {rules.Rule{Device: []string{"12D3KooWphone"}}, fromAlice(), true},
		"another device":              {rules.Rule{Device: []string{"laptop"}}, fromAlice(), false},
		"not verified":                {rules.Rule{Verified: true}, fromAlice(), false},
		"verified":                    {rules.Rule{Verified: true}, as(func(o *offer) { o.Verified = true }), true},
		"conversation by name":        {rules.Rule{Conversation: []string{"holiday"}}, fromAlice(), true},
		"conversation by id":          {rules.Rule{Conversation: []string{"c0ffee"}}, fromAlice(), true},
		"another conversation":        {rules.Rule{Conversation: []string{"work"}}, fromAlice(), false},
		"of no conversation":          {rules.Rule{Conversation: []string{"holiday"}}, as(func(o *offer) { o.Conversation, o.ConversationName = "", "" }), false},
		"as large as may be":          {rules.Rule{MaxSize: size(1000)}, fromAlice(), true},
		"too large":                   {rules.Rule{MaxSize: size(999)}, fromAlice(), false},
		"main type":                   {rules.Rule{Type: []string{"image/*"}}, fromAlice(), true},
		"media type":                  {rules.Rule{Type: []string{"image/jpeg"}}, fromAlice(), true},
		"another media type":          {rules.Rule{Type: []string{"image/png"}}, fromAlice(), false},
		"ending":                      {rules.Rule{Type: []string{".pdf", ".jpg"}}, fromAlice(), true},
		"another ending":              {rules.Rule{Type: []string{".jpe"}}, fromAlice(), false},
		"the last ending counts":      {rules.Rule{Type: []string{"image/*"}}, as(func(o *offer) { o.Name = "x.jpg.exe" }), false},
		"two endings":                 {rules.Rule{Type: []string{".tar.gz"}}, as(func(o *offer) { o.Name = "x.tar.gz" }), true},
		"nothing but an ending":       {rules.Rule{Type: []string{".jpg"}}, as(func(o *offer) { o.Name = ".jpg" }), false},
		"no folder but as such":       {rules.Rule{Type: []string{".jpg"}}, as(func(o *offer) { o.Folder = true }), false},
		"a folder":                    {rules.Rule{Type: []string{"folder"}}, as(func(o *offer) { o.Folder = true }), true},
		"no file that is no folder":   {rules.Rule{Type: []string{"folder"}}, fromAlice(), false},
		"any folder without a type":   {rules.Rule{}, as(func(o *offer) { o.Folder = true }), true},
		"all of it": {rules.Rule{
			From: []string{"alice"}, Device: []string{"phone"}, Conversation: []string{"holiday"}, Type: []string{"image/*"}, MaxSize: size(1e6),
		}, fromAlice(), true},
	} {
		c.rule.Name = "r"
		set, err := rules.New([]rules.Rule{c.rule}, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		d := set.Decide(c.offer, nothing)
		want := rules.Decision{}
		if c.fits {
			want = rules.Decision{Action: rules.Accept, Rule: "r"}
		}
		if d != want {
			t.Errorf("%s: %+v, want %+v", name, d, want)
		}
	}
}

func TestTheFirstRuleThatFitsDecides(t *testing.T) {
	set, err := rules.New([]rules.Rule{
		{Name: "bob's", From: []string{"bob"}, Action: rules.Refuse},
		{Name: "photos", Type: []string{"image/*"}, Folder: "~/Pictures", Action: rules.Accept},
		{Name: "no films", Type: []string{"video/*"}, Action: rules.Refuse},
		{Name: "small", MaxSize: size(10)},
		{Name: "look at it", Action: rules.Ask},
	}, "/home/me")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]rules.Decision{
		"a.jpg": {Action: rules.Accept, Rule: "photos", Folder: "/home/me/Pictures"},
		"a.mkv": {Action: rules.Refuse, Rule: "no films"},
		"a.txt": {Action: rules.Ask, Rule: "look at it"},
	} {
		o := fromAlice()
		o.Name = name
		if got := set.Decide(o, nothing); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// A rule whose quota is used up does not fit: another may take the file, or the user
// is asked and told why.
func TestQuotas(t *testing.T) {
	photos := rules.Rule{Name: "photos", Type: []string{"image/*"}, Quota: size(10_000)}
	for name, c := range map[string]struct {
		next []rules.Rule
		used int64
		want rules.Decision
	}{
		"it just fits":          {nil, 5000, rules.Decision{Action: rules.Accept, Rule: "photos"}},
		"it just fits, exactly": {nil, 10_000 - 4096, rules.Decision{Action: rules.Accept, Rule: "photos"}},
		"too much":              {nil, 10_001 - 4096, rules.Decision{Action: rules.Ask}},
		"much too much":         {nil, 1 << 62, rules.Decision{Action: rules.Ask}},
		"the next takes it":     {[]rules.Rule{{Name: "rest"}}, 10_000, rules.Decision{Action: rules.Accept, Rule: "rest"}},
		"the next asks":         {[]rules.Rule{{Name: "rest", Action: rules.Ask}}, 10_000, rules.Decision{Action: rules.Ask, Rule: "rest"}},
		"the next does not fit": {[]rules.Rule{{Name: "rest", From: []string{"bob"}}}, 10_000, rules.Decision{Action: rules.Ask}},
	} {
		set, err := rules.New(append([]rules.Rule{photos}, c.next...), "")
		if err != nil {
			t.Fatal(err)
		}
		got := set.Decide(fromAlice(), func(rule string) int64 {
			if rule != "photos" {
				t.Errorf("%s: asked for %q, which has no quota", name, rule)
			}
			return c.used
		})
		if asked := got.Action == rules.Ask; asked != strings.Contains(got.Reason, `"photos"`) {
			t.Errorf("%s: the reason is %q", name, got.Reason)
		}
		got.Reason = ""
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// What is wrong names the rule and the field.
func TestRulesThatAreRefused(t *testing.T) {
	type rule = rules.Rule
	for want, list := range map[string][]rule{
		`rule 1: name: it is missing`:                             {{}},
		`rule 1 ("a\x1b"): name: it has characters`:               {{Name: "a\x1b"}},
		`rule 1 (" a"): name: it begins`:                          {{Name: " a"}},
		`name: it has 65 bytes`:                                   {{Name: strings.Repeat("a", 65)}},
		`rule 2 ("A"): name: another rule`:                        {{Name: "a"}, {Name: "A"}},
		`rule 2 ("b"): action: "take" is none`:                    {{Name: "a"}, {Name: "b", Action: "take"}},
		`from: an empty text`:                                     {{Name: "a", From: []string{""}}},
		`from: "al*"`:                                             {{Name: "a", From: []string{"al*"}}},
		`device: "*"`:                                             {{Name: "a", Device: []string{"*"}}},
		`conversation: "*"`:                                       {{Name: "a", Conversation: []string{"*"}}},
		`type: "jpg" is no type`:                                  {{Name: "a", Type: []string{"jpg"}}},
		`type: "*.jpg" is no type`:                                {{Name: "a", Type: []string{"*.jpg"}}},
		`type: "." is no ending`:                                  {{Name: "a", Type: []string{"."}}},
		`".j*g" is no ending`:                                     {{Name: "a", Type: []string{".j*g"}}},
		`type: "image/nothing": no ending is known`:               {{Name: "a", Type: []string{"image/nothing"}}},
		`type: "*/*": no ending is known`:                         {{Name: "a", Type: []string{"*/*"}}},
		`folder: "Pictures" is not absolute`:                      {{Name: "a", Folder: "Pictures"}},
		`folder: "~bob/x" is not absolute`:                        {{Name: "a", Folder: "~bob/x"}},
		`folder: a path has no zero byte`:                         {{Name: "a", Folder: "/\x00"}},
		`folder: it is for what a rule accepts`:                   {{Name: "a", Folder: "/x", Action: rules.Ask}},
		`quota: it counts what a rule accepts`:                    {{Name: "a", Quota: size(1), Action: rules.Refuse}},
		`max_size: write a size in quotes, for instance "500k"`:   {{Name: "a", MaxSize: size(-1)}},
		`quota: write a size in quotes, for instance "500k", "20`: {{Name: "a", Quota: size(-1)}},
	} {
		_, err := rules.New(list, "/home/me")
		var wrong *rules.RuleError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) || wrong.Number != len(list) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	if _, err := rules.New([]rules.Rule{{Name: "a", Folder: "~/x"}}, ""); err == nil {
		t.Error("~ without a home")
	}
}

func TestFolders(t *testing.T) {
	for folder, want := range map[string]string{
		"": "", "~": "/home/me", "~/": "/home/me", "~/a/../b": "/home/me/b", "/x//y/": "/x/y",
	} {
		set, err := rules.New([]rules.Rule{{Name: "a", Folder: folder}}, "/home/me")
		if err != nil {
			t.Fatal(err)
		}
		if got := set.Decide(fromAlice(), nothing).Folder; got != want {
			t.Errorf("%q: %q, want %q", folder, got, want)
		}
	}
}

func TestNoRules(t *testing.T) {
	var none *rules.Set
	if d := none.Decide(fromAlice(), nothing); d != (rules.Decision{}) || len(none.Rules()) != 0 {
		t.Errorf("%+v", d)
	}
}

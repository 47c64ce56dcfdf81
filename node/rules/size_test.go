package rules_test

import (
	"testing"
	"testing/quick"

	"github.com/pelletier/go-toml/v2"

	"github.com/passeur-p2p/passeur/node/rules"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "4096": 4096, "500k": 500e3, "200M": 200e6, "5G": 5e9, "2T": 2e12, "1.5GiB": 3 << 29, "1 KiB": 1024, "200 mb": 200e6, "0.5k": 500, "8Ti": 8 << 40,
	} {
		if got, err := rules.ParseSize(text); err != nil || got.Bytes != want {
			t.Errorf("%q: %d, %v; want %d", text, got.Bytes, err, want)
		}
	}
	for _, text := range []string{"", "0", "0.1", "-1", "+1", "k", "1.2.3", "many", "1e9", "1kk", "k1", "9999999T", "NaN", "Inf", "1 2", "0x10"} {
		if got, err := rules.ParseSize(text); err == nil {
			t.Errorf("%q is taken for %d", text, got.Bytes)
		}
	}
}

func TestASizeReadsBackAsItWasWritten(t *testing.T) {
	same := func(n int64) bool {
		n = n&(1<<52-1) + 1
		got, err := rules.ParseSize(size(n).String())
		return err == nil && got.Bytes == n
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
	for _, n := range []int64{1, 1000, 1024, 1e9, 1 << 30, 1e12, 1 << 40, 1500e3, 1536 << 10} {
		if !same(n - 1) {
			t.Errorf("%d is written %q", n, size(n))
		}
	}
}

// config is the part of a config file that rules are in.
type config struct {
	Rule []rules.Rule `toml:"rule"`
}

func TestRulesInTOML(t *testing.T) {
	var c config
	err := toml.Unmarshal([]byte(`
[[rule]]
name = "photos from alice"
from = ["alice"]
device = ["phone"]
verified = true
conversation = ["holiday"]
type = ["image/*", ".pdf"]
max_size = "200M"
quota = "5G"
folder = "~/Pictures/alice"
action = "accept"
`), &c)
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.New(c.Rule, "/home/me")
	if err != nil {
		t.Fatal(err)
	}
	o := fromAlice()
	o.Verified = true
	if d := set.Decide(o, nothing); d.Rule != "photos from alice" || d.Folder != "/home/me/Pictures/alice" {
		t.Errorf("%+v", d)
	}
	if err := toml.Unmarshal([]byte("[[rule]]\nname = \"a\"\nmax_size = 5000"), &c); err != nil || c.Rule[0].MaxSize.Bytes != 5000 {
		t.Errorf("a bare number is %+v, %v; it is bytes", c.Rule, err)
	}
}

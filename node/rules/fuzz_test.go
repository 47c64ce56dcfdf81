package rules_test

import (
	"path/filepath"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/passeur-p2p/passeur/node/rules"
)

// Whatever a config file says: what is taken for rules decides without a surprise.
func FuzzRules(f *testing.F) {
	f.Add([]byte("[[rule]]\nname = \"a\"\ntype = [\"image/*\", \".pdf\"]\nmax_size = \"1M\"\nfolder = \"~/x\""), "a.jpg", int64(5), false)
	f.Add([]byte("[[rule]]\nname = \"a\"\naction = \"refuse\"\n[[rule]]\nname = \"b\"\nquota = \"4Ki\""), "x", int64(1<<40), true)
	f.Fuzz(func(t *testing.T, text []byte, name string, bytes int64, folder bool) {
		var c config
		if toml.Unmarshal(text, &c) != nil {
			return
		}
		set, err := rules.New(c.Rule, "/home/me")
		if err != nil {
			return
		}
		o := rules.Offer{Contact: true, Account: "x", Alias: "y", Name: name, Size: bytes, Folder: folder}
		d := set.Decide(o, nothing)
		if d.Rule == "" && (d.Action != "" || d.Reason != "") && (d.Action != rules.Ask || d.Reason == "") || d.Folder != "" && !filepath.IsAbs(d.Folder) {
			t.Errorf("%+v of %+v", d, c.Rule)
		}
		for _, r := range c.Rule {
			if r.Name == d.Rule && r.MaxSize.Bytes > 0 && bytes > r.MaxSize.Bytes {
				t.Errorf("%d bytes fit into %+v", bytes, r)
			}
		}
		if o.Contact = false; set.Decide(o, nothing) != (rules.Decision{}) {
			t.Error("a rule fits a stranger")
		}
	})
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []string{".pdf", "image/*", "image/jpeg", "folder", "*", "./", ".a*", "a/b/c", "\x00"} {
		f.Add(seed, "a.pdf")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		set, err := rules.New([]rules.Rule{{Name: "r", Type: []string{pattern}}}, "")
		if err != nil {
			return
		}
		o := rules.Offer{Contact: true, Name: name}
		file := set.Decide(o, nothing).Action
		o.Folder = true
		if folder := set.Decide(o, nothing).Action; file == rules.Accept && folder == rules.Accept {
			t.Errorf("%q fits a file and a folder", pattern)
		}
	})
}

func FuzzSize(f *testing.F) {
	for _, seed := range []string{"1", "200M", "1.5GiB", "0", "-1", "1e9", "9223372036854775807", "9223372036854775808"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := rules.ParseSize(text)
		if err != nil {
			return
		}
		if size.Bytes < 1 {
			t.Fatalf("%q is %d bytes", text, size.Bytes)
		}
		if again, err := rules.ParseSize(size.String()); err != nil || size.Bytes < 1<<52 && again != size {
			t.Errorf("%q is %d, written %q, read %d, %v", text, size.Bytes, size, again.Bytes, err)
		}
	})
}

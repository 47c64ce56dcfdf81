package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// FuzzConfigFile: whatever a file holds, it is understood or its mistakes are told,
// without the password.
func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		wholeFile, configExample(), "a.b.c = 1", "[[rule]]\nname=\"x\"\nmax_size=1e9\n[[rule]]", "turn = [{password = \"hunter2\"}]",
		"[[turn]]\npassword = \"hunter2\"\nurl = 5", "drain = 1979-05-27", "[rule.x]\n[[rule.y]]", "\"\" = 1\n'' = 2", "stun = [[]]", "name = \"\"\"\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := newEffective(pflag.NewFlagSet("", pflag.ContinueOnError))
		e.path = "/nowhere/config.toml"
		if err := e.take([]byte(text)); err != nil && strings.Contains(err.Error(), "hunter2") && strings.Contains(text, "password = \"hunter2\"") && !strings.Contains(strings.Replace(text, "password = \"hunter2\"", "", 1), "hunter2") {
			t.Errorf("%q tells the password: %v", text, err)
		}
	})
}

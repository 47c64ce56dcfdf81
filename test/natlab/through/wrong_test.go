package through

import (
	"strings"
	"testing"
)

// A password that the server refuses is told to those who ask why.
func TestWrongPasswordTold(t *testing.T) {
	t.Parallel()
	s := meet(t, symmetric, wrongPassword)
	r := unjoinable(t, s)
	told := r.Sent.Reason + string(s.alice.Run("path", "bob")) + string(s.alice.Run("doctor"))
	for _, word := range []string{"203.0.113.110", "401"} {
		if !strings.Contains(told, word) {
			t.Errorf("nobody is told of %q: %s", word, told)
		}
	}
}

package node

import (
	"encoding/json"
	"testing"
)

// What another device of the account says of a contact's verification is taken over;
// one that does not know of such a thing says nothing of it.
func TestVerificationInNotesOfOtherDevices(t *testing.T) {
	for text, want := range map[string]Verification{
		`{"verified":""}`:         NotVerified,
		`{"verified":"code"}`:     VerifiedByCode,
		`{"verified":"person"}`:   VerifiedInPerson,
		`{}`:                      VerifiedByCode,
		`{"verified":null}`:       VerifiedByCode,
		`{"verified":"by magic"}`: VerifiedByCode,
	} {
		var note contactNote
		if err := json.Unmarshal([]byte(text), &note); err != nil {
			t.Fatal(err)
		}
		c := Contact{Verified: VerifiedByCode}
		if note.verify(&c); c.Verified != want {
			t.Errorf("%s: %q, want %q", text, c.Verified, want)
		}
	}
	for _, v := range []Verification{NotVerified, VerifiedByCode, VerifiedInPerson} {
		raw, err := json.Marshal(noteOf(Contact{Verified: v}))
		if err != nil {
			t.Fatal(err)
		}
		var note contactNote
		if err := json.Unmarshal(raw, &note); err != nil || note.Verified == nil || *note.Verified != v {
			t.Errorf("%q is told as %s, %v", v, raw, err)
		}
	}
}

package browser

import (
	"strings"
	"testing"
)

// TestTwoPeopleMeetAndTalk goes from nothing to a conversation with the page alone.
func TestTwoPeopleMeetAndTalk(t *testing.T) {
	all := street(t, "alice", "bob")
	alice, bob := all[0].look(), all[1].look()
	alice.sees("Two steps to your first file")

	alice.click("Show a code")
	alice.until("there is a code", "document.querySelector('.words span')")
	code := eval[string](alice, "[...document.querySelectorAll('.words span')].map((e) => e.textContent).join('-')")
	alice.judgeDialog("code")
	bob.goTo("people")
	bob.click("Enter a code")
	bob.allow("400") // which the page says itself
	bob.fill("code", "this is none")
	bob.click("Enter")
	bob.sees("nothing was used up")
	bob.fill("code", code)
	bob.fill("name", "al")
	bob.click("Enter")
	bob.sees("al is a contact now")
	alice.sees("bob is a contact now")
	if words := verifier(alice); words == "" || words != verifier(bob) {
		t.Errorf("alice sees %q, bob %q", words, verifier(bob))
	}
	alice.click("Close")
	bob.click("Close")
	bob.until("the connection is seen", "document.querySelector('.dot.on')")

	alice.goTo("talk")
	alice.click("bob")
	bob.click("Write")
	alice.fill("text", "Hello Bob,\nthe pictures are ready.")
	alice.key("\r")
	bob.sees("the pictures are ready.")
	bob.fill("text", "So soon?")
	bob.click("Send")
	alice.sees("So soon?")

	alice.click("Edit")
	alice.sees("Changing your message")
	alice.fill("text", "Hello Bob, all pictures are ready.")
	alice.key("\r")
	bob.sees("Hello Bob, all pictures are ready.")
	bob.sees("edited")
	bob.click("Delete")
	bob.judgeDialog("delete")
	bob.click("Delete")
	alice.sees("This message was deleted.")
	if strings.Contains(alice.text("main"), "So soon?") {
		t.Error("what was deleted is still shown")
	}

	alice.click("Group")
	alice.fill("name", "holiday")
	alice.click("bob")
	alice.click("Make the group")
	alice.sees("You made the group holiday")
	bob.sees("You are invited")
	bob.click("holiday")
	bob.click("Join")
	alice.sees("bob joined")
}

func verifier(p *page) string { return p.text(".verifier strong") }

// TestSomebodyUnknownAsks: a request is shown with what proves nothing, and decided.
func TestSomebodyUnknownAsks(t *testing.T) {
	all := street(t, "alice", "bob", "mallory")
	alice := all[0].look()
	for _, other := range all[1:] {
		if _, err := other.AddContact(other.within(), all[0].who.Account, "alice"); err != nil {
			t.Fatal(err)
		}
	}
	alice.goTo("people")
	alice.until("two ask", "document.querySelectorAll('form.row').length === 2")
	alice.accessible("requests")
	alice.click("Refuse mallory")
	alice.until("one asks", "document.querySelectorAll('form.row').length === 1")
	alice.fill("name", "robert")
	alice.click("Accept bob")
	alice.until("he is a contact", "document.querySelector('.people .who')?.textContent === 'robert'")
	alice.click("More about robert")
	alice.judgeDialog("contact")
	alice.click("Remove…")
	alice.click("Yes, remove robert")
	alice.sees("Nobody here yet")
}

// judgeDialog looks at the dialog that is open.
func (p *page) judgeDialog(where string) {
	p.t.Helper()
	p.until("a dialog is open", "document.querySelector('dialog[open]')")
	p.judgeHere("dialog " + where)
}

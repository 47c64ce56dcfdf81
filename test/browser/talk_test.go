package browser

import (
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/node"
)

// TestStrangersMeetAndTalk goes from nothing to a conversation with the page alone.
func TestStrangersMeetAndTalk(t *testing.T) {
	t.Parallel()
	all := street(t, "alice", "bob")
	alice, bob := all[0].look(), all[1].look()
	alice.sees("Two steps to your first file")
	alice.click("Show a code")
	alice.until("there is a code", "document.querySelector('.words span')")
	alice.judgeDialog("code")
	alice.click("Burn the code")
	alice.sees("it is burnt")
	alice.click("Close")
	sendByACode(t, all, alice, bob)
	meet(t, alice, bob)
	talk(t, alice, bob)
}

// meet: alice shows a code, bob enters it.
func meet(t *testing.T, alice, bob *page) {
	alice.goTo("people")
	alice.click("Show a code")
	alice.fill("name", "bobby")
	alice.click("Show the code")
	alice.until("there is a code", "document.querySelector('.words span')")
	code := eval[string](alice, "[...document.querySelectorAll('.words span')].map((e) => e.textContent).join('-')")
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
	alice.sees("bobby is a contact now")
	if words := verifier(alice); words == "" || words != verifier(bob) {
		t.Errorf("alice sees %q, bob %q", words, verifier(bob))
	}
	alice.click("Close")
	bob.click("Close")
	bob.until("the connection is seen", "document.querySelector('main .dot.on')")
}

// talk: they write, change and delete, and make a group.
func talk(t *testing.T, alice, bob *page) {
	alice.goTo("talk")
	alice.click("bobby")
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
	alice.click("bobby")
	alice.click("Make the group")
	alice.sees("You made the group holiday")
	bob.sees("You are invited")
	bob.click("holiday")
	bob.click("Join")
	alice.sees("bobby joined")
}

func verifier(p *page) string { return p.text(".verifier strong") }

// twoAsk: a request is shown with what proves nothing, and decided. In the end bob is a
// contact, whom alice calls robert.
func twoAsk(t *testing.T, alice, bob, mallory *person, tab *page) {
	for _, other := range []*person{bob, mallory} {
		if _, err := other.AddContact(other.within(), alice.who.Account, "alice"); err != nil {
			t.Fatal(err)
		}
	}
	tab.goTo("people")
	tab.until("two ask", "document.querySelectorAll('form.row').length === 2")
	tab.accessible("requests")
	tab.click("Refuse mallory")
	tab.until("one asks", "document.querySelectorAll('form.row').length === 1")
	tab.fill("name", "robert")
	tab.click("Accept bob")
	tab.until("he is a contact", "document.querySelector('.people .who')?.textContent === 'robert'")
	bob.knows(alice, node.Accepted)
	talking(t, alice, bob)
}

// judgeDialog looks at the dialog that is open.
func (p *page) judgeDialog(where string) {
	p.t.Helper()
	p.until("a dialog is open", "document.querySelector('dialog[open]')")
	p.judgeHere("dialog " + where)
}

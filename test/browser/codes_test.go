package browser

import "testing"

// sendByACode: the two are no contacts before, and none after.
func sendByACode(t *testing.T, all []*person, alice, bob *page) {
	alice.goTo("codes")
	alice.drop("main", file(t, "for whoever.txt", 70_000))
	alice.sees("for whoever.txt")
	alice.click("Send")
	alice.until("there is a code", "document.querySelector('.words span')")
	alice.judgeDialog("file code")
	code := eval[string](alice, "[...document.querySelectorAll('.words span')].map((e) => e.textContent).join(' ')")
	bob.goTo("codes")
	bob.click("Type the code")
	bob.fill("code", code)
	bob.click("Receive")
	all[1].received("for whoever.txt", 70_000)
	bob.click("Close")
	bob.sees("received, every byte verified")
	alice.click("Close")
	alice.sees("delivered, every byte verified")
	for _, p := range all {
		if contacts, err := p.Contacts(p.within()); err != nil || len(contacts) != 0 {
			t.Error(p.name, "has contacts:", contacts, err)
		}
	}
}

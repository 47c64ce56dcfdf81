package browser

import (
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
)

const slow = 64 << 10 // bytes a second, for what is to be seen on its way

// TestFriends send each other files by their pages, in every way there is.
func TestFriends(t *testing.T) {
	t.Parallel()
	all := street(t, "alice", "bob")
	befriend(t, all[0], all[1])
	alice, bob := all[0].look(), all[1].look()
	byKeyboardAlone(t, all, alice)
	filesCross(t, all, alice, bob)
	aPathOnTheNodesMachine(t, all, alice, bob)
	theNodeGoesAndComes(t, all, bob)
}

// filesCross: dropped, picked, accepted, refused and cancelled, all by the pages of both
// sides.
func filesCross(t *testing.T, all []*person, alice, bob *page) {
	alice.goTo("now")
	alice.drop(".zone", file(t, "one <b>bold.txt", 3<<20))
	alice.judgeDialog("send")
	alice.click("Send")
	bob.sees("Offered to you")
	bob.harmless()
	bob.click("Accept")
	alice.sees("delivered, every byte verified")
	bob.sees("received, every byte verified")
	all[1].received("one _b_bold.txt", 3<<20)
	bob.saves("Save a copy", 3<<20)

	bob.goTo("talk")
	bob.click("alice")
	alice.goTo("people")
	alice.click("Write")
	alice.drop(".messages", file(t, "two.txt", 100), file(t, "three.txt", 200))
	bob.click("Accept two.txt")
	bob.click("Refuse three.txt")
	alice.sees("bob refused it")
	all[1].received("two.txt", 100)

	all[0].limit(slow)
	alice.drop(".messages", file(t, "slow.bin", 8<<20))
	bob.click("Accept slow.bin")
	alice.goTo("now")
	alice.until("bytes cross", "document.querySelector('[data-state=ongoing] progress')?.value > 0")
	alice.sees("left")
	alice.accessible("a transfer")
	alice.click("Cancel slow.bin")
	alice.sees("It was cancelled here.")
	bob.sees("alice cancelled it.")
	all[0].limit(0)
}

// aPathOnTheNodesMachine is how folders come.
func aPathOnTheNodesMachine(t *testing.T, all []*person, alice, bob *page) {
	alice.click("Send files")
	alice.click("From a path")
	alice.fill("path", "/nowhere/at/all")
	alice.click("bob")
	alice.click("Send")
	alice.sees("Check the path and try again.")
	alice.shot("error")
	alice.accessible("an error")
	alice.allow("422") // which it says itself
	alice.click("Dismiss")
	letter := file(t, "letter.txt", 300)
	alice.click("Send files")
	alice.click("From a path")
	alice.fill("path", letter)
	alice.click("bob")
	alice.click("Send")
	bob.goTo("now")
	bob.click("Accept letter.txt")
	all[1].received("letter.txt", 300)
}

// theNodeGoesAndComes: bob's page says so, and goes on by itself. What was sent while he
// was away, and alice did not wait for him, he asks for again.
func theNodeGoesAndComes(t *testing.T, all []*person, tab *page) {
	alice, bob := all[0], all[1]
	ref := alice.talk()
	for _, part := range []string{"ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "503"} { // what is asked while the node closes is answered 503
		tab.allow(part)
	}
	bob.stop()
	tab.sees("The node does not answer.")
	tab.shot("node gone")
	tab.accessible("node gone")
	sent, err := alice.Send(alice.within(), file(t, "missed.txt", 5000), "bob")
	if err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, "the file is in the conversation", func() bool {
		messages, err := alice.Messages(alice.within(), ref, api.Page{})
		last := len(messages) - 1
		return err == nil && last >= 0 && messages[last].File != nil && messages[last].File.Name == "missed.txt"
	})
	if _, err := alice.Cancel(alice.within(), sent.ID); err != nil {
		t.Fatal(err)
	}
	bob.start()
	tab.until("it answers again", "!document.body.innerText.includes('The node does not answer.')")
	tab.goTo("files")
	tab.sees("missed.txt")
	tab.accessible("missed")
	tab.click("Ask again")
	bob.received("missed.txt", 5000)
	tab.until("it lies here", `[...document.querySelectorAll("[aria-labelledby=held] .card")].some((e) =>
		e.innerText.includes("missed.txt") && e.innerText.includes("others can get it from here"))`)
	if _, err := alice.Send(alice.within(), file(t, "after.txt", 10), "bob"); err != nil {
		t.Fatal(err)
	}
	tab.goTo("now")
	tab.click("Accept after.txt")
	bob.received("after.txt", 10)
}

// limit has p's node send so many bytes a second at most, all transfers together; 0: no
// limit.
func (p *person) limit(up int64) {
	p.t.Helper()
	if _, err := p.SetLimit(p.within(), api.NewLimit{Up: &up}); err != nil {
		p.t.Fatal(err)
	}
}

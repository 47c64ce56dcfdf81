package browser

import (
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
)

const slow = 64 << 10 // bytes a second, for what is to be seen on its way

// TestFilesCrossByThePage: dropped, picked, accepted, refused and cancelled, all by
// the pages of both sides.
func TestFilesCrossByThePage(t *testing.T) {
	all := street(t, "alice", "bob")
	befriend(t, all[0], all[1])
	alice, bob := all[0].look(), all[1].look()

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

	if _, err := all[0].SetLimit(all[0].within(), api.NewLimit{Up: new(int64(slow))}); err != nil {
		t.Fatal(err)
	}
	alice.drop(".messages", file(t, "slow.bin", 8<<20))
	bob.click("Accept slow.bin")
	alice.goTo("now")
	alice.until("bytes cross", "document.querySelector('[data-state=ongoing] progress')?.value > 0")
	alice.sees("left")
	alice.accessible("a transfer")
	alice.click("Cancel slow.bin")
	alice.sees("It was cancelled here.")
	bob.sees("alice cancelled it.")
}

// TestWhatWasMissedIsAskedForAgain: the file was sent while bob was away, and alice
// did not wait for him.
func TestWhatWasMissedIsAskedForAgain(t *testing.T) {
	all := street(t, "alice", "bob")
	alice, bob := all[0], all[1]
	befriend(t, alice, bob)
	ref := alice.talk()
	bob.stop()
	sent, err := alice.Send(alice.within(), file(t, "missed.txt", 5000), "bob")
	if err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, "the file is in the conversation", func() bool {
		messages, err := alice.Messages(alice.within(), ref, api.Page{})
		return err == nil && len(messages) > 0 && messages[len(messages)-1].File != nil
	})
	if _, err := alice.Cancel(alice.within(), sent.ID); err != nil {
		t.Fatal(err)
	}
	bob.start()
	page := bob.look()
	page.goTo("files")
	page.sees("missed.txt")
	page.accessible("missed")
	page.click("Ask again")
	bob.received("missed.txt", 5000)
	page.sees("others can get it from here")
}

// TestAPathOnTheNodesMachine: folders come this way.
func TestAPathOnTheNodesMachine(t *testing.T) {
	all := street(t, "alice", "bob")
	befriend(t, all[0], all[1])
	alice := all[0].look()
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
	folder := file(t, "letter.txt", 300)
	alice.click("Send files")
	alice.click("From a path")
	alice.fill("path", folder)
	alice.click("bob")
	alice.click("Send")
	bob := all[1].look()
	bob.click("Accept letter.txt")
	all[1].received("letter.txt", 300)
}

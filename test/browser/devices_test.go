package browser

import (
	"testing"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
)

// TestThreeDevicesAnswerForThemselves: the sender sees what each makes of the file.
func TestThreeDevicesAnswerForThemselves(t *testing.T) {
	t.Parallel()
	all := street(t, "alice", "bob", "phone", "tablet")
	alice, bob, phone, tablet := all[0], all[1], all[2], all[3]
	befriend(t, alice, bob)
	sender := alice.look()
	alice.tells(bob, "The trip to the islands: everything I have.", "island map.pdf", 2_400_000)
	bob.tells(alice, "Wonderful! Is there a film, too?", "packing list.txt", 1_900)
	bob.acceptOne()
	alice.acceptOne()
	sender.goTo("talk/" + alice.talk())
	sender.until("both files have arrived", "document.querySelectorAll('.badge').length === 2")
	sender.judgeHere("conversation")
	sender.goTo("now")

	page := bob.look()
	page.goTo("devices")
	page.click("Link a device")
	page.click("Show the code")
	page.until("there is a code", "document.querySelector('.words span')")
	page.judgeDialog("link")
	code := eval[string](page, "[...document.querySelectorAll('.words span')].map((e) => e.textContent).join('-')")
	phone.join(code)
	page.sees("phone is one of your devices now.")
	page.click("Close")
	bob.link(tablet)
	page.until("there are three", "document.querySelectorAll('.cards .card').length === 3")
	page.accessible("devices")
	alice.limit(1 << 20)
	if _, err := alice.Send(alice.within(), file(t, "summer film.mkv", 24<<20), "bob"); err != nil {
		t.Fatal(err)
	}
	tablet.look().click("Refuse summer film.mkv")
	page.goTo("now")
	page.sees("Offered to you")
	page.judgeNarrow("an offer")
	page.shot("an offer")
	page.click("Accept summer film.mkv")
	sender.until("some bytes have crossed", "document.querySelector('[data-state=ongoing] progress')?.value > 14")
	alice.limit(slow)
	sender.until("three devices answer for themselves", `document.querySelectorAll(".parts li").length === 3 &&
		document.querySelector(".parts li[data-state=ongoing] progress") && document.querySelector(".parts li[data-state=closed-by-peer]")`)
	sender.sees("refused")
	sender.sees("asked, no answer yet")
	sender.judgeHere("three devices")
	sender.click("Cancel")
	page.sees("alice cancelled it.")

	page.goTo("devices")
	page.click("Revoke tablet")
	page.judgeDialog("revoke")
	page.click("Revoke for ever")
	page.sees("is revoked")
}

// tells writes to other, and sends a file.
func (p *person) tells(other *person, text, name string, size int) {
	p.t.Helper()
	if _, err := p.SendMessage(p.within(), p.talk(), text); err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.Send(p.within(), file(p.t, name, size), other.name); err != nil {
		p.t.Fatal(err)
	}
}

// acceptOne accepts the file that is offered.
func (p *person) acceptOne() {
	p.t.Helper()
	lab.Eventually(p.t, p.name+" is offered a file", func() bool {
		all, err := p.Transfers(p.within())
		for _, x := range all {
			if err == nil && x.State == filexfer.AwaitingHost {
				_, err = p.Accept(p.within(), x.ID, "")
				return err == nil
			}
		}
		return false
	})
}

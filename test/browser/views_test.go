package browser

import (
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/test/lab"
)

var views = []string{"now", "talk", "people", "files", "codes", "devices", "limits", "doctor", "more"}

// hostile are names that try to be markup, to reorder or hide what is around them, or
// to leave their place.
var hostile = []string{
	`<img src=x onerror=alert(1)><script>alert(2)<`,
	"invoice\u202efdp.exe",
	"very long " + long + ".bin",
	"🛶 日本語 العربية \u0301\u0301\u0301.txt",
}

const long = "Donaudampfschifffahrtsgesellschaftskapitaensmuetzenabzeichen-und-noch-viel-laenger-als-das-ohne-eine-einzige-Stelle-zum-Umbrechen"

// TestEveryViewIsAccessible looks at each view empty and full, on a desk and on a
// phone, in light and dark.
func TestEveryViewIsAccessible(t *testing.T) {
	t.Parallel()
	all := street(t, "alice", "bob", "mallory")
	alice, bob := all[0], all[1]
	tab := alice.look()
	for _, view := range views[:5] { // the others are never empty
		tab.complete(view)
		tab.judgeNarrow("empty " + view)
	}

	twoAsk(t, alice, bob, all[2], tab)
	for _, name := range hostile {
		if _, err := bob.Send(bob.within(), file(t, name, 5000), "alice"); err != nil {
			t.Fatal(err)
		}
	}
	ref := alice.talk()
	for _, text := range []string{"Hello Bob,\n  the pictures are ready.", "<b>not bold</b> \u202eback to front " + long} {
		if _, err := alice.SendMessage(alice.within(), ref, text); err != nil {
			t.Fatal(err)
		}
	}
	tab.goTo("now")
	tab.until("all are offered", "document.querySelectorAll('.offer').length === 4")
	tab.harmless()
	tab.click("Accept")
	tab.until("one is here", "document.querySelector('[data-state=finished]')")
	tab.goTo("talk/" + ref)
	tab.sees("the pictures are ready")
	tab.harmless()
	for _, view := range append(views, "talk/"+ref) {
		tab.complete(view)
		tab.judgeHere("full " + strings.TrimSuffix(view, "/"+ref))
	}
	tab.goTo("people")
	tab.click("More about robert")
	isCompared(t, alice, bob, tab)
	tab.judgeHere("contact")
	tab.click("Remove…")
	tab.judgeDialog("remove")
	tab.click("Yes, remove robert")
	tab.until("he is gone", "document.querySelector('main[data-view=people] form.stack') && ![...document.querySelectorAll('.people .who')].length")
	addressesThatNameNothing(tab, ref, bob.who.Account)
}

// isCompared: the user compares bob's account, and takes that back.
func isCompared(t *testing.T, alice, bob *person, tab *page) {
	verified := func(how node.Verification) {
		t.Helper()
		lab.Eventually(t, "bob is verified: "+string(how), func() bool {
			all, err := alice.Contacts(alice.within())
			return err == nil && slices.ContainsFunc(all, func(c api.Contact) bool {
				return c.Account == bob.who.Account && c.Verified == how
			})
		})
	}
	tab.sees("Not verified")
	tab.click("Compare accounts")
	tab.sees(bob.who.Account)
	tab.sees(alice.who.Account)
	tab.judgeDialog("compare")
	tab.click("Both are the same")
	tab.sees("Verified in person")
	verified(node.VerifiedInPerson)
	tab.click("Not verified any more")
	tab.sees("Not verified")
	verified(node.NotVerified)
}

// addressesThatNameNothing say so, and lead back. One that does is opened.
func addressesThatNameNothing(tab *page, ref, gone string) {
	tab.allow("404") // which the page says itself
	for _, a := range []struct{ address, says, back string }{
		{"talk/" + strings.Repeat("0", len(ref)), "no such conversation", "All conversations"},
		{"talk/%", "no such conversation", "All conversations"},
		{"now/0123456789abcdef", "no such transfer", "All transfers"},
		{"people/" + gone, "no such contact", "All people"},
		{"nonsense", "no such view", "Now"},
	} {
		tab.goTo(a.address)
		tab.sees(a.says)
		tab.judgeNarrow("nothing at " + strings.Split(a.address, "/")[0])
		tab.click(a.back)
		tab.until("it leads back", "!document.body.innerText.includes('There is no such')")
	}
	tab.goTo("now")
	tab.click("invoice")
	tab.until("it is shown by itself", "location.hash.startsWith('#/now/') && document.querySelectorAll('.transfer').length === 1")
}

// complete opens a view and waits until nothing of it is on its way.
func (p *page) complete(view string) {
	p.t.Helper()
	p.goTo(view)
	p.until(view+" is complete", `!document.querySelector(".loading") && !document.body.innerText.includes("looking…") && !document.body.innerText.includes("Asking your node")`)
}

// judgeHere looks at what is open in light on a desk, and in dark on a phone.
func (p *page) judgeHere(where string) {
	p.t.Helper()
	p.paint("dark")
	p.shot(where + " dark")
	p.judgeNarrow(where)
	p.paint("light")
	p.accessible(where)
	p.shot(where)
}

// judgeNarrow looks at what is open on a phone.
func (p *page) judgeNarrow(where string) {
	p.t.Helper()
	p.resize(narrow, tall)
	p.fits(where)
	p.accessible(where + ", narrow")
	p.shot(where + " narrow")
	p.resize(wide, high)
}

// harmless: no name has become markup, and none reorders what is beside it.
func (p *page) harmless() {
	p.t.Helper()
	if eval[bool](p, `[...document.querySelectorAll("main img, main script, main b")].some((e) => e.matches("[src=x]") || e.tagName === "SCRIPT" || e.textContent === "not bold")`) {
		p.t.Error("a name has become markup")
	}
	if eval[bool](p, `/[\u202a-\u202e\u2066-\u2069\u200b]/.test(document.body.textContent + document.title)`) {
		p.t.Error("what reorders or hides text is on the page")
	}
	if eval[bool](p, `[...document.querySelectorAll("*")].some((e) => [...e.attributes].some((a) => /[\u202a-\u202e\u2066-\u2069\u200b]/.test(a.value)))`) {
		p.t.Error("what reorders or hides text is in an attribute")
	}
}

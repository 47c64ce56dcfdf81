package browser

import (
	"strings"
	"testing"
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
	all := street(t, "alice", "bob")
	alice, bob := all[0], all[1]
	tab := alice.look()
	for _, view := range views[:5] { // the others are never empty
		tab.complete(view)
		tab.judgeNarrow("empty " + view)
	}

	befriend(t, alice, bob)
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
}

// TestLimitsAreChanged, and one that cannot be is refused in words.
func TestLimitsAreChanged(t *testing.T) {
	alice := settle(t, "alice")
	tab := alice.look()
	tab.goTo("limits")
	tab.fill("up", "fast")
	tab.click("Set")
	tab.sees("A limit is a number with a unit")
	tab.fill("up", "2 MiB/s")
	tab.fill("down", "500k")
	tab.click("Set")
	tab.sees("The limit for everybody together is changed.")
	limits, err := alice.Limits(alice.within())
	if err != nil || len(limits) == 0 || limits[0].Up != 2<<20 || limits[0].Down != 500<<10 {
		t.Error(limits, err)
	}
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

package browser

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// byKeyboardAlone does by keys what one does most: find a conversation, write, send a
// file, accept one. The page was just opened.
func byKeyboardAlone(t *testing.T, all []*person, tab *page) {
	alice, bob := all[0], all[1]
	tab.key(kb.Tab)
	tab.on("Skip to the content")
	tab.key(kb.Enter)
	tab.until("the content has the focus", "document.activeElement.id === 'main'")
	tab.tabTo("Conversations", true)
	tab.key(kb.Enter)
	tab.until("the view is open, at its head", "document.activeElement.matches('h1')")
	tab.tabTo("bob", false)
	tab.key(kb.Enter)
	tab.until("the conversation is open", "document.activeElement.matches('h1') && document.querySelector('.composer')")
	tab.tabTo("", false, "textarea")
	tab.key("h", "i", kb.Enter)
	tab.until("it is written", "document.querySelector('.message .text')?.textContent === 'hi'")

	tab.tabTo("Send files", true)
	tab.key(kb.Enter)
	tab.until("the dialog has the focus", "document.activeElement.closest('dialog[open]')")
	tab.key(kb.Escape)
	tab.until("the dialog is closed, and the focus where it was", "!document.querySelector('dialog[open]') && document.activeElement.textContent.includes('Send files')")

	if _, err := bob.Send(bob.within(), file(t, "keys.txt", 10), "alice"); err != nil {
		t.Fatal(err)
	}
	tab.sees("waits for your answer")
	tab.tabTo("Accept", false)
	tab.key(kb.Enter)
	alice.received("keys.txt", 10)
}

// on checks what has the focus, and that one sees it.
func (p *page) on(words string) {
	p.t.Helper()
	p.until(words+" has the focus", plain+"(document.activeElement).startsWith("+quote(words)+")")
	if eval[bool](p, `(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle === 'none' && !document.activeElement.matches('.skip'); })()`) {
		p.t.Errorf("one does not see that %s has the focus", words)
	}
}

// tabTo presses Tab, or Shift and Tab, until what begins with the words, or is of the
// given kind, has the focus.
func (p *page) tabTo(words string, back bool, kind ...string) {
	p.t.Helper()
	selector := "a, button, summary, input, textarea, select"
	if kind != nil {
		selector = kind[0]
	}
	there := "document.activeElement.matches(" + quote(selector) + ") && " + plain + "(document.activeElement).startsWith(" + quote(words) + ")"
	for range 80 {
		if eval[bool](p, there) {
			p.on(words)
			return
		}
		if back {
			p.backTab()
		} else {
			p.key(kb.Tab)
		}
	}
	p.t.Fatalf("80 times Tab do not lead to %q; the focus is on %s", words, eval[string](p, "document.activeElement.outerHTML"))
}

package browser

import (
	"strings"
	"testing"
)

// TestOnlyWithTheToken: without it, or with a wrong one, there is nothing to see but
// how to get it. It does not stay in the address.
func TestOnlyWithTheToken(t *testing.T) {
	alice := settle(t, "alice")
	address := alice.address()
	page, token, _ := strings.Cut(address, "#")
	tab := open(t)
	tab.allow("401")
	tab.visit(page)
	tab.sees("Sign in to your node")
	tab.judgeHere("sign in")
	tab.visit(page + "#nonsense")
	tab.sees("does not know this token")
	tab.shot("wrong token")
	tab.fill("token", token)
	tab.click("Sign in")
	tab.sees("Two steps to your first file")
	if where := eval[string](tab, "location.href"); strings.Contains(where, token) {
		t.Error("the token stays in the address:", where)
	}
	if kept := eval[string](tab, "document.cookie + JSON.stringify(localStorage)"); kept != "{}" {
		t.Error("something is kept beyond the tab:", kept)
	}
}

// TestTheNodeGoesAndComes: the page says so, and goes on by itself.
func TestTheNodeGoesAndComes(t *testing.T) {
	all := street(t, "alice", "bob")
	alice, bob := all[0], all[1]
	befriend(t, alice, bob)
	tab := alice.look()
	for _, part := range []string{"ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "502", "503"} {
		tab.allow(part)
	}
	alice.stop()
	tab.sees("The node does not answer.")
	tab.shot("node gone")
	tab.accessible("node gone")
	alice.start()
	tab.until("it answers again", "!document.body.innerText.includes('The node does not answer.')")
	if _, err := bob.Send(bob.within(), file(t, "after.txt", 10), "alice"); err != nil {
		t.Fatal(err)
	}
	tab.click("Accept after.txt")
	alice.received("after.txt", 10)
}

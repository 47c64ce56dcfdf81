package browser

import (
	"strings"
	"testing"
)

// TestSomebodyAlone needs nobody else.
func TestSomebodyAlone(t *testing.T) {
	t.Parallel()
	alice := settle(t, "alice")
	tab := onlyWithTheToken(t, alice.address())
	textIsMadeVisible(t, tab)
	stoppedBeforeItsTurn(t, tab)
	limitsAreChanged(t, alice, tab)
}

// onlyWithTheToken: without it, or with a wrong one, there is nothing to see but how to
// get it. It does not stay in the address.
func onlyWithTheToken(t *testing.T, address string) *page {
	page, token, _ := strings.Cut(address, "#")
	tab := open(t)
	tab.allow("401")
	tab.visit(page)
	tab.sees("Sign in to your node")
	tab.judgeHere("sign in")
	missedIsReadAnew(t, tab)
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
	return tab
}

// missedIsReadAnew: where the lists cannot be read after a reset, the next stream does
// not go on behind it, but from the start.
func missedIsReadAnew(t *testing.T, tab *page) {
	asked := eval[string](tab, `import('/events.js').then(({ follow }) => new Promise((done) => {
		const real = globalThis.fetch, asked = [];
		const streams = ['id: a-1\n\n', 'id: b-5\nevent: reset\ndata: {}\n\n', 'id: b-9\n\n'];
		globalThis.fetch = async (_, { headers }) => {
			const stream = streams[asked.push(headers['Last-Event-ID'] ?? 'start') - 1];
			if (stream !== undefined) return new Response(stream);
			globalThis.fetch = real;
			done(asked.join());
			return new Response(null, { status: 401 });
		};
		let read = 0;
		follow({ event() {}, link() {}, reset: async () => { if (++read === 2) throw new Error('no answer'); } })();
	}))`)
	if asked != "start,a-1,start,b-9" {
		t.Error("the streams begin after", asked)
	}
}

// stoppedBeforeItsTurn: of several files that go by one code, one that has not begun is
// not handed over any more.
func stoppedBeforeItsTurn(t *testing.T, tab *page) {
	end := eval[string](tab, `import('/api.js').then(({ upload }) => {
		const stop = new AbortController();
		stop.abort();
		return upload(new File(['secret'], 'secret.txt'), () => {}, stop.signal).then(() => 'handed over', (err) => err.code);
	})`)
	if end != "stopped" {
		t.Error("a file that was stopped is", end)
	}
}

// limitsAreChanged, and one that cannot be is refused in words.
func limitsAreChanged(t *testing.T, alice *person, tab *page) {
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

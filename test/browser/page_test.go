package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/css"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/passeur-p2p/passeur/test/lab"
)

// wide and high are the size of a desk's screen, narrow and tall of a small phone's.
const wide, high, narrow, tall = 1280, 800, 360, 740

// page is a tab with a profile of its own.
type page struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	said    []string // what the browser complained about
	allowed []string // parts of complaints that the test has provoked
}

// look opens a person's dashboard, signed in.
func (p *person) look() *page {
	p.t.Helper()
	address := p.address()
	tab := open(p.t)
	tab.visit(address)
	tab.until("the page is there", `document.querySelector("main h1")`)
	return tab
}

// open opens an empty tab. What the browser says until the test's end fails it.
func open(t *testing.T) *page {
	t.Helper()
	p := &page{t: t}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.hear))
	t.Cleanup(cancel)
	p.ctx = ctx
	if err := chromedp.Do(ctx, quiet, chromedp.EmulateViewport(wide, high)); err != nil { // the tab lives as long as this context
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, words := range p.complaints() {
			t.Error("the browser says:", words)
		}
		if t.Failed() {
			p.shot("failed-" + strings.ReplaceAll(t.Name(), "/", "-"))
		}
	})
	return p
}

// quiet spares Chromium to tell of each element that changes and of each request, which
// no test asks for. What goes wrong comes by the log.
func quiet(ctx context.Context, tab *chromedp.Target) (nothing chromedp.Void, err error) {
	for _, disable := range []cdp.Command[cdp.Empty, cdp.Empty]{css.Disable, dom.Disable, network.Disable} {
		if _, err := cdp.Call(ctx, tab, disable, cdp.Empty{}); err != nil {
			return nothing, fmt.Errorf("%s: %w", disable.Method, err)
		}
	}
	return nothing, nil
}

func (p *page) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		p.said = append(p.said, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
	case *runtime.EventExceptionThrown:
		words := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			words += " " + e.ExceptionDetails.Exception.Description
		}
		p.said = append(p.said, words)
	case *runtime.EventConsoleAPICalled:
		p.said = append(p.said, fmt.Sprintf("console.%s: %s", e.Type, words(e.Args)))
	}
}

func words(args []*runtime.RemoteObject) string {
	var all []string
	for _, a := range args {
		all = append(all, string(a.Value)+a.Description)
	}
	return strings.Join(all, " ")
}

// allow lets complaints pass that the test provokes, for instance by a node that goes.
func (p *page) allow(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, part)
}

func (p *page) complaints() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
next:
	for _, words := range p.said {
		for _, part := range p.allowed {
			if strings.Contains(words, part) {
				continue next
			}
		}
		all = append(all, words)
	}
	return all
}

func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err, p.complaints())
	}
}

func (p *page) visit(address string) {
	p.t.Helper()
	p.do(func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, tab, cdppage.Navigate, cdppage.NavigateParams{URL: address})
		return chromedp.Void{}, err
	})
	p.until("the page is loaded", "document.body && document.readyState === 'complete'")
}

// eval gives the value of an expression; a promise is waited for.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v %q", expression, err, p.complaints())
	}
	return value
}

// until waits until an expression is true.
func (p *page) until(what, expression string) {
	p.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !eval[bool](p, "!!("+expression+")"); <-tick.C {
		if time.Now().After(end) {
			p.shot("failed-" + p.t.Name())
			p.t.Fatalf("waited %v in vain until %s; the page says: %s", patience, what, p.text("body"))
		}
	}
}

// sees waits until the page shows the words.
func (p *page) sees(words string) {
	p.t.Helper()
	p.until("it shows "+words, "document.body.innerText.includes("+quote(words)+")")
}

// text is what an element shows.
func (p *page) text(selector string) string {
	p.t.Helper()
	return eval[string](p, "document.querySelector("+quote(selector)+").innerText")
}

// goTo opens a view by its way in the navigation.
func (p *page) goTo(view string) {
	p.t.Helper()
	eval[bool](p, "location.hash = '#/"+view+"', true")
	p.until("the view is open", "document.querySelector('main')?.dataset.view === "+quote(strings.Split(view, "/")[0]))
}

// plain is what an element is called: its text without what is drawn for eyes only.
const plain = `((e) => {
	const copy = e.cloneNode(true);
	for (const o of copy.querySelectorAll('[aria-hidden]')) o.remove();
	return copy.textContent.replace(/\s+/g, ' ').trim();
})`

// find is the first element for a selector whose words are, or else begin, as given, and
// which can be clicked: it is enabled, and nothing covers it.
const find = `((selector, words) => {
	const plain = ` + plain + `;
	const scope = document.querySelector('dialog[open]') ?? document;
	const all = [...scope.querySelectorAll(selector)].filter((e) => !e.disabled);
	const e = all.find((e) => plain(e) === words) ?? all.find((e) => plain(e).startsWith(words));
	if (!e) return null;
	e.scrollIntoView({ block: 'center' });
	const r = e.getBoundingClientRect(), hit = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
	return hit && (e.contains(hit) || hit.contains(e)) ? e : null;
})`

// click waits for a button or link whose words begin as given, and clicks it.
func (p *page) click(words string) {
	p.t.Helper()
	target := fmt.Sprintf("%s('button, a, summary, label', %s)", find, quote(words))
	p.until("one can click "+words, fmt.Sprintf("(() => { const e = %s; e?.click(); return e; })()", target))
}

// fill types text into the field of this name, as if it was pasted.
func (p *page) fill(name, text string) {
	p.t.Helper()
	p.until("there is a field "+name, fmt.Sprintf(
		`(() => { const e = (document.querySelector('dialog[open]') ?? document).querySelector('[name=%s]'); e?.focus(); e?.select?.(); return e && document.activeElement === e; })()`, name))
	p.do(func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, tab, input.InsertText, input.InsertTextParams{Text: text})
		return chromedp.Void{}, err
	})
}

// key presses keys, one after the other.
func (p *page) key(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		p.do(chromedp.KeyEvent(k))
	}
}

// backTab presses Shift and Tab.
func (p *page) backTab() {
	p.t.Helper()
	p.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift)))
}

// drop drops files at the middle of what the selector finds.
func (p *page) drop(selector string, files ...string) {
	p.t.Helper()
	p.until("there is a place to drop at", "document.querySelector("+quote(selector)+")")
	at := eval[[]float64](p, `(() => { const r = document.querySelector(`+quote(selector)+`).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`)
	data := &input.DragData{Items: []*input.DragDataItem{}, Files: files, DragOperationsMask: 1}
	for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		p.do(func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
			_, err := cdp.Call(ctx, tab, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: at[0], Y: at[1], Data: data})
			return chromedp.Void{}, err
		})
	}
}

// saves clicks what has the browser save a file of this size.
func (p *page) saves(words string, size int64) {
	p.t.Helper()
	folder := p.t.TempDir()
	if _, err := chromedp.CallBrowser(p.ctx, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID, DownloadPath: folder}); err != nil {
		p.t.Fatal(err)
	}
	p.click(words)
	lab.Eventually(p.t, "the browser has saved the file", func() bool {
		files, err := os.ReadDir(folder)
		if err != nil || len(files) != 1 || strings.HasSuffix(files[0].Name(), ".crdownload") {
			return false
		}
		info, err := files[0].Info()
		return err == nil && info.Size() == size
	})
}

// paint chooses "light" or "dark".
func (p *page) paint(scheme string) {
	p.t.Helper()
	p.do(func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return chromedp.Void{}, err
	})
}

func (p *page) resize(width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height))
}

// shot keeps a picture of what is on the screen in the folder out.
func (p *page) shot(name string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll("out", 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join("out", name+".png"), picture, 0o644)
	}
	if err != nil {
		p.t.Error("no picture:", err)
	}
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) // a string always can be
	return string(quoted)
}

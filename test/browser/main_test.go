// Package browser tests the dashboard as people use it: in Chromium, against real
// nodes, which are processes of the passeur binary on this machine's loopback.
//
// Chromium is the dear part: each page that is opened costs about a second of CPU. So
// what can share nodes and pages is one test, a story whose parts are functions of their
// own, and the stories run beside each other.
//
// Whatever the browser complains about, be it an exception, a message on the console
// or a request that the page's policy forbids, fails the test. Screenshots go to the
// folder out. What judges besides (TypeScript, axe) comes from npm, at the versions
// of package-lock.json.
package browser

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/passeur-p2p/passeur/test/lab"
)

var (
	binary  string          // of passeur
	browser context.Context // of Chromium, in which each page has a profile of its own
	dht     *person         // the node by which people of all tests find each other
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "passeur-browser-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if binary, err = lab.BuildPasseur(dir); err != nil {
		return fail(err)
	}
	if err := lab.NPM("."); err != nil {
		return fail(err)
	}
	if dht, err = launch("dht", "--dht", "server"); err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dht.home)
	defer dht.end()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.DisableGPU, chromedp.WindowSize(wide, high),
		chromedp.NoSandbox, // which root cannot have
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-features", "Translate,SpareRendererForSitePerProcess")) // no process in reserve
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, cancel := chromedp.NewContext(allocator)
	defer cancel()
	if err := chromedp.Do(ctx); err != nil {
		return fail(fmt.Errorf("start Chromium: %w", err))
	}
	browser = ctx
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "browser:", err)
	return 1
}

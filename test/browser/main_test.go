// Package browser tests the dashboard as people use it: in Chromium, against real
// nodes, which are processes of the passeur binary on this machine's loopback.
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
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

var (
	binary  string          // of passeur
	browser context.Context // of Chromium, in which each page has a profile of its own
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "passeur-browser-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "passeur")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "github.com/passeur-p2p/passeur/cmd/node").CombinedOutput(); err != nil {
		return fail(fmt.Errorf("build passeur: %w\n%s", err, out))
	}
	if err := packages(); err != nil {
		return fail(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.DisableGPU, chromedp.WindowSize(wide, high),
		chromedp.NoSandbox, // which root cannot have
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
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

// packages fetches what package-lock.json names, unless it is here.
func packages() error {
	lock, err := os.Stat("package-lock.json")
	if err != nil {
		return err
	}
	if have, err := os.Stat("node_modules/.package-lock.json"); err == nil && !have.ModTime().Before(lock.ModTime()) {
		return nil
	}
	out, err := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput()
	if err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "browser:", err)
	return 1
}

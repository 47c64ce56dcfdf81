package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// dashboardAddress is what dashboard prints with --json.
type dashboardAddress struct {
	URL string `json:"url"`
}

func (a *app) dashboardCommand() *cobra.Command {
	var printOnly bool
	cmd := &cobra.Command{
		Use:   "dashboard",
		Short: "Open the dashboard of the running node in the browser",
		Long: `Open the dashboard of the running node in the browser. Without a display, or with
--print, its address is printed instead.

Whoever has the address may do everything that you may do: the token in it holds, over
restarts too, until the file api.token in the home is removed. The dashboard answers on
this machine only. To look at that of another machine, forward its port:
ssh -L PORT:127.0.0.1:PORT HOST, then open the address here.`,
		Example: "  passeur dashboard\n  passeur dashboard --print",
		GroupID: groupNode,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			url, err := a.client().Dashboard(cmd.Context())
			if err != nil {
				return err
			}
			if !printOnly && !a.json {
				if err := openBrowser(cmd.Context(), a.home, url); err == nil {
					return a.say("the dashboard is open in the browser")
				}
			}
			if a.json {
				return show.JSON(a.stdout, dashboardAddress{url})
			}
			_, err = fmt.Fprintln(a.stdout, url)
			return err
		},
	}
	cmd.Flags().BoolVar(&printOnly, "print", false, "print the address, open nothing")
	return cmd
}

// dashboardPage is a file in the home, for its owner alone, that leads to the dashboard.
const dashboardPage = "dashboard.html"

// openBrowser opens an address on the desktop; it is an error if there is none. The
// browser is given a file that leads there, and not the address itself: everybody on
// a machine can read the arguments of a process.
func openBrowser(ctx context.Context, home, url string) error {
	if !hasDisplay() {
		return errors.New("there is no display")
	}
	path := filepath.Join(home, dashboardPage)
	page := fmt.Sprintf("<!doctype html>\n<meta charset=utf-8>\n<title>passeur</title>\n<meta http-equiv=refresh content=\"0; url=%s\">\n", html.EscapeString(url))
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		return err
	}
	switch {
	case runtime.GOOS == "darwin":
		return exec.CommandContext(ctx, "open", path).Run()
	case runtime.GOOS == "windows":
		return exec.CommandContext(ctx, "rundll32", "url.dll,FileProtocolHandler", path).Run()
	}
	return exec.CommandContext(ctx, "xdg-open", path).Run()
}

func hasDisplay() bool {
	return runtime.GOOS == "darwin" || runtime.GOOS == "windows" || os.Getenv("DISPLAY")+os.Getenv("WAYLAND_DISPLAY") != ""
}

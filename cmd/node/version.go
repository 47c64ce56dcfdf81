package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// buildVersion is what version --json prints.
type buildVersion struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Time    string `json:"time"`
	// Modified: built from a tree that had changes beyond the commit.
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show which build this is",
		Example: "  passeur version\n  passeur version --json | jq -r .commit",
		GroupID: groupMore,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := thisBuild()
			if a.json {
				return show.JSON(a.stdout, v)
			}
			_, err := fmt.Fprintf(a.stdout, "passeur %s (%s, %s)\n", v.Version, v.Go, v.Platform)
			return err
		},
	}
}

// thisBuild reads what the Go tool wrote into the binary.
func thisBuild() buildVersion {
	v := buildVersion{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, found := debug.ReadBuildInfo()
	if !found {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

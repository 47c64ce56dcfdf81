// Command man writes passeur's man pages into a folder: one of section 1 for each
// command, one of section 7 for each topic of the help.
//
//	go run ./cmd/node/man [-passeur BINARY] FOLDER
//
// It asks the command itself what it can do ('passeur help --json'): BINARY, or one
// that is built of the sources here. The date of the pages is that of
// SOURCE_DATE_EPOCH (reproducible-builds.org); without it they have none.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/manual"
)

func main() {
	binary := flag.String("passeur", "", "`BINARY` to ask (default: go run the sources)")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: man [-passeur BINARY] FOLDER")
		os.Exit(2)
	}
	if err := write(*binary, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func write(binary, folder string) error {
	date, err := epoch(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	root, err := ask(binary)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, f := range manual.Files(root, date) {
		err = errors.Join(err, os.WriteFile(filepath.Join(folder, f.Name), []byte(f.Text), 0o644))
	}
	return err
}

func ask(binary string) (root manual.Page, err error) {
	cmd := exec.Command(binary, "help", "--json")
	if binary == "" {
		cmd = exec.Command("go", "run", "github.com/passeur-p2p/passeur/cmd/node", "help", "--json")
	}
	cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=") // it runs here, whatever is being built
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return root, fmt.Errorf("ask %v: %w", cmd.Args, err)
	}
	return root, json.Unmarshal(out, &root)
}

// epoch reads seconds since 1970; "" is no date.
func epoch(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH=%q is no number of seconds", text)
	}
	return time.Unix(seconds, 0), nil
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// toStdout tells whether -o names standard output.
func toStdout(output string) bool { return output == "-" }

// checkOutput gives the path that the node is to write to: absolute, or "" for its own
// folder, from which standard output gets the file.
func (a *app) checkOutput(output string, p *patience) (string, error) {
	switch {
	case !toStdout(output):
		return checkTarget(output)
	case a.json:
		return "", usageError("-o - and --json both want standard output: give one of them")
	case p.none():
		return "", usageError("-o - waits for the file: leave out --no-wait")
	}
	signal.Ignore(syscall.SIGPIPE) // to say that nobody reads, and where the file lies
	return "", nil
}

// checkForStdout refuses, before it is accepted, what cannot go to standard output.
func checkForStdout(ctx context.Context, c *api.Client, id string) error {
	t, err := c.Transfer(ctx, id)
	if err == nil && t.Folder {
		err = fileError("%s is a folder, and standard output takes a file: name a folder by -o FOLDER", show.Clip(t.Name, 60))
	}
	return err
}

// writeContent writes the file that has come to standard output.
func (a *app) writeContent(ctx context.Context, c *api.Client, f *follower) error {
	if f.t.Folder {
		return fileError("%s is a folder; it lies in %s, and was not written to standard output", show.Clip(f.t.Name, 60), f.t.File)
	}
	content, err := c.Content(ctx, f.t.ID)
	if err != nil {
		return err
	}
	defer content.Close()
	out := &output{w: a.stdout}
	n, err := io.Copy(out, content)
	if out.err != nil {
		return &failure{exit: exitError, code: codeNoOutput,
			err: fmt.Errorf("standard output was closed after %s of %s (%w); the whole file lies in %s", show.Size(n), show.Size(f.t.Size), out.err, f.t.File)}
	}
	if err == nil && n != f.t.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("after %s of %s the node gave no more (%w); the whole file lies in %s", show.Size(n), show.Size(f.t.Size), err, f.t.File)
	}
	a.tell("%s", f.result())
	return nil
}

// output remembers why it could not be written to.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.err = err
	return n, err
}

// checkTarget makes path absolute, since the node's working folder is another,
// and finds a missing folder before the offer is answered.
func checkTarget(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(absolute)
	if os.IsPathSeparator(path[len(path)-1]) {
		folder = absolute
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return "", fileError("there is no folder %s to write to", folder)
	}
	return absolute, nil
}

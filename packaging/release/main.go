// Command release makes what people download, from the checkout it is run in:
//
//	go run ./packaging/release OUT [GOOS/GOARCH ...]
//
// For each target, or for all of [targets], OUT gets an archive with the static binary,
// man pages, completions and documents, the binary's bill of materials, and for Linux a
// Debian package; SHA256SUMS is of all of them. OUT must not exist, or be empty.
//
// The same commit gives the same bytes, in whatever folder and at whatever time, with
// the same release of Go (the bill of materials names it): versions are those of the
// tag, times are those of the commit, and both are read from the binary itself. It
// needs the Go tool and git, and publishes nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// target is a system that binaries are made for.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "/" + t.arch }

// program is what the binary is called there.
func (t target) program() string {
	if t.os == "windows" {
		return "passeur.exe"
	}
	return "passeur"
}

var targets = []target{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	out, chosen, err := parse(args)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r, err := begin(ctx, work, out)
	if err != nil {
		return err
	}
	for _, t := range chosen {
		if err := r.make(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	return writeSums(out)
}

// parse reads the command line and makes the folder for what is made.
func parse(args []string) (out string, chosen []target, err error) {
	if len(args) == 0 {
		return "", nil, errors.New("where to? go run ./packaging/release OUT [GOOS/GOARCH ...]")
	}
	for _, name := range args[1:] {
		system, arch, _ := strings.Cut(name, "/")
		if !slices.Contains(targets, target{system, arch}) {
			return "", nil, fmt.Errorf("%q is no target; there are %v", name, targets)
		}
		chosen = append(chosen, target{system, arch})
	}
	if len(chosen) == 0 {
		chosen = targets
	}
	if out, err = filepath.Abs(args[0]); err != nil {
		return "", nil, err
	}
	return out, chosen, emptyFolder(out)
}

func emptyFolder(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return os.MkdirAll(path, 0o755)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s has files in it: remove it, or name another folder", path)
	}
	return err
}

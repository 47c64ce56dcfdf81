package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
)

// shells whose completions are shipped, and what the files are called.
var shells = []struct{ shell, name string }{
	{"bash", "completions/passeur.bash"},
	{"zsh", "completions/_passeur"},
	{"fish", "completions/passeur.fish"},
}

// writePapers gives what accompanies a binary: what the repository has, and what tool,
// a passeur for this machine, and the man pages' generator write.
func (r *release) writePapers(ctx context.Context, tool string) ([]file, error) {
	completions, err := writeCompletions(ctx, tool)
	if err != nil {
		return nil, err
	}
	pages, err := r.writeManPages(ctx, tool)
	if err != nil {
		return nil, err
	}
	config, err := output(command(ctx, tool, "config", "example"))
	if err != nil {
		return nil, err
	}
	documents, err := readDocuments()
	files := append(documents, file{"config.example.toml", 0o644, config})
	return append(append(files, completions...), pages...), err
}

func writeCompletions(ctx context.Context, tool string) (files []file, err error) {
	for _, s := range shells {
		script, err := output(command(ctx, tool, "completion", s.shell))
		if err != nil {
			return nil, err
		}
		files = append(files, file{s.name, 0o644, script})
	}
	return files, nil
}

// writeManPages runs the generator, which is no part of the binary and asks it.
func (r *release) writeManPages(ctx context.Context, tool string) ([]file, error) {
	dir := filepath.Join(r.work, "man")
	cmd := command(ctx, "go", "run", source+"/man", "-passeur", tool, dir)
	cmd.Env = append(cmd.Env, "SOURCE_DATE_EPOCH="+r.epoch())
	if _, err := output(cmd); err != nil {
		return nil, err
	}
	return readManPages(dir)
}

// epoch is the commit's time as SOURCE_DATE_EPOCH has it.
func (r *release) epoch() string { return strconv.FormatInt(r.time.Unix(), 10) }

// readManPages gives each page its place: man/man1/passeur.1.
func readManPages(dir string) (files []file, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		section := filepath.Ext(name)
		if len(section) != 2 || section < ".1" || section > ".9" {
			return fmt.Errorf("%s is called unlike a man page", d.Name())
		}
		data, err := os.ReadFile(name)
		files = append(files, file{path.Join("man", "man"+section[1:], d.Name()), 0o644, data})
		return err
	})
	if err == nil && len(files) == 0 {
		err = errors.New("the generator of man pages has written none")
	}
	return files, err
}

// documents are what people read of the repository, and what those pages show and link to.
var documents = []string{"README.md", "LICENSE", "docs/*.md", "docs/openapi.yaml", "docs/adr/*.md", "docs/img/*.png"}

func readDocuments() (files []file, err error) {
	var names []string
	for _, pattern := range documents {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			return nil, errors.Join(err, fmt.Errorf("there is no %s here: run this at the top of a checkout", pattern))
		}
		names = append(names, found...)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, file{filepath.ToSlash(name), 0o644, data})
	}
	return files, nil
}

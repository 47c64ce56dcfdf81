package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licenceFile is what authors call the files whose text must go with their code.
var licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|notice|patents)([-_.].*)?$`)

// readLicences gives the licence texts of what is linked into a target's binary, each
// text once, after the names of all that are under it.
func readLicences(ctx context.Context, t target) ([]byte, error) {
	folders, err := linked(ctx, t)
	if err != nil {
		return nil, err
	}
	under := map[string][]string{} // a text: whose it is
	for name, dir := range folders {
		texts, err := licenceTexts(dir)
		if err != nil {
			return nil, err
		}
		if len(texts) == 0 {
			return nil, fmt.Errorf("no licence is known of %s, which is linked into passeur (looked in %s)", name, dir)
		}
		for _, text := range texts {
			under[text] = append(under[text], name)
		}
	}
	return printLicences(under), nil
}

// linked gives what a target's binary is made of, besides passeur, and where that is
// on this machine.
func linked(ctx context.Context, t target) (folders map[string]string, err error) {
	const format = "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}"
	cmd := command(ctx, "go", "list", "-deps", "-f", format, source)
	cmd.Env = append(cmd.Env, "GOOS="+t.os, "GOARCH="+t.arch)
	modules, err := output(cmd)
	if err != nil {
		return nil, err
	}
	folders = map[string]string{}
	for line := range strings.Lines(string(modules)) {
		if name, dir, found := strings.Cut(strings.TrimSpace(line), "\t"); found {
			folders[name] = dir
		}
	}
	golang, err := output(command(ctx, "go", "env", "GOVERSION", "GOROOT"))
	if err != nil {
		return nil, err
	}
	name, dir, _ := strings.Cut(strings.TrimSpace(string(golang)), "\n")
	folders[name] = dir
	return folders, addEmbedded(folders)
}

// addEmbedded adds what others have written and the repository has a copy of, such as
// the scripts of the dashboard: each lies in a folder with its licence.
func addEmbedded(folders map[string]string) error {
	return filepath.WalkDir(filepath.Clean(source), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && licenceFile.MatchString(d.Name()) {
			folders[filepath.ToSlash(filepath.Dir(path))] = filepath.Dir(path)
		}
		return err
	})
}

// licenceTexts reads a folder's licences. A module may be part of a repository whose
// licence the proxy puts into each module, so nothing above it is looked at.
func licenceTexts(dir string) (texts []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		texts = append(texts, strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")))
	}
	return texts, nil
}

func printLicences(under map[string][]string) []byte {
	var sections []string
	for text, names := range under {
		slices.Sort(names)
		sections = append(sections, strings.Join(names, "\n")+"\n\n"+text+"\n")
	}
	slices.Sort(sections)
	var b bytes.Buffer
	b.WriteString("passeur is linked with the following, each under the licence after its name.\n")
	for _, s := range sections {
		b.WriteString("\n" + strings.Repeat("=", 72) + "\n" + s)
	}
	return b.Bytes()
}

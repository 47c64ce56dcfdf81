package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// revision is Debian's count of packages of one version.
const revision = "1"

// debianPackage packs a target's files with nfpm, by packaging/deb/nfpm.yaml, which
// says what goes where.
func (r *release) debianPackage(ctx context.Context, t target, files []file) error {
	stage := filepath.Join(r.folder(t), "deb")
	if err := r.stageDebian(stage, files); err != nil {
		return err
	}
	name := fmt.Sprintf("passeur_%s-%s_%s.deb", r.debianVersion(), revision, t.arch)
	cmd := command(ctx, "go", "tool", "-modfile=tools.mod", "nfpm", "package",
		"--config", "packaging/deb/nfpm.yaml", "--packager", "deb", "--target", filepath.Join(r.out, name))
	cmd.Env = append(cmd.Env, "SOURCE_DATE_EPOCH="+r.epoch(),
		"STAGE="+stage, "VERSION="+r.debianVersion(), "REVISION="+revision, "ARCH="+t.arch)
	_, err := output(cmd)
	return err
}

// debianVersion has a tilde where the version has a hyphen: 1.2.3~rc.1 comes before
// 1.2.3 (deb-version(7)).
func (r *release) debianVersion() string { return strings.Replace(r.version, "-", "~", 1) }

// stageDebian writes the files where nfpm looks for them, as Debian wants them: man
// pages, changelog and long texts compressed.
func (r *release) stageDebian(stage string, files []file) error {
	staged := append([]file{{name: "changelog.Debian", data: r.changelog()}}, files...)
	for _, f := range staged {
		name, data := f.name, f.data
		if compressed(name) {
			name, data = name+".gz", gzipped(data)
		}
		path := filepath.Join(stage, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func compressed(name string) bool {
	return strings.HasPrefix(name, "man/") || name == "changelog.Debian" || name == "LICENSES.third-party.txt"
}

// gzipped is what gzip -9n makes: without a name, without a time.
func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // neither a buffer nor this level can fail
	}
	return b.Bytes()
}

// maintainer is also in packaging/deb/nfpm.yaml.
const maintainer = "passeur maintainers <passeur-p2p@users.noreply.github.com>"

func (r *release) changelog() []byte {
	return fmt.Appendf(nil, "passeur (%s-%s) unstable; urgency=medium\n\n  * Version %s, packaged by its authors.\n\n -- %s  %s\n",
		r.debianVersion(), revision, r.version, maintainer, r.time.Format(time.RFC1123Z))
}

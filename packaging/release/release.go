package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// release is one version on its way out.
type release struct {
	work, out string
	version   string    // of the tag, without its v: 1.2.3, or 0.0.0-20261123…-c9e3b4a01538
	time      time.Time // of the commit
	papers    []file    // what goes with each binary, whatever the target
}

// file is something to be packed.
type file struct {
	name string // in an archive, with slashes
	mode os.FileMode
	data []byte
}

// begin builds passeur for this machine, which tells the version and writes what
// accompanies all targets' binaries.
func begin(ctx context.Context, work, out string) (*release, error) {
	r := &release{work: work, out: out}
	tool, err := r.binary(ctx, target{runtime.GOOS, runtime.GOARCH})
	if err != nil {
		return nil, err
	}
	if r.version, r.time, err = origin(tool); err != nil {
		return nil, err
	}
	r.papers, err = r.writePapers(ctx, tool)
	return r, err
}

// binary gives the path of a target's binary, which is built when it is first asked for.
func (r *release) binary(ctx context.Context, t target) (string, error) {
	path := filepath.Join(r.folder(t), t.program())
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return path, build(ctx, t, path)
}

// make makes all that there is for one target.
func (r *release) make(ctx context.Context, t target) error {
	binary, err := r.binary(ctx, t)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	licences, err := readLicences(ctx, t)
	if err != nil {
		return err
	}
	files := append([]file{{t.program(), 0o755, data}, {"LICENSES.third-party.txt", 0o644, licences}}, r.papers...)
	if err := r.archive(t, files); err != nil {
		return err
	}
	if err := writeBill(binary, r.path(t, ".cdx.json")); err != nil {
		return err
	}
	if t.os == "linux" {
		return r.debianPackage(ctx, t, files)
	}
	return nil
}

// folder is where a target's intermediate files are.
func (r *release) folder(t target) string { return filepath.Join(r.work, t.os+"-"+t.arch) }

// path of a result: OUT/passeur_1.2.3_linux_amd64.tar.gz.
func (r *release) path(t target, suffix string) string {
	return filepath.Join(r.out, r.stem(t)+suffix)
}

// stem is how a target's results are called: passeur_1.2.3_linux_amd64.
func (r *release) stem(t target) string {
	return fmt.Sprintf("passeur_%s_%s_%s", r.version, t.os, t.arch)
}

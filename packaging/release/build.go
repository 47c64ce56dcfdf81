package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// source is the package of the passeur binary.
const source = "./cmd/node"

// settled are the settings on which the bytes of a result would depend, were they
// taken from whoever makes the release.
var settled = []string{
	"CGO_ENABLED=0", "GOFLAGS=-trimpath", "GOWORK=off", "GOEXPERIMENT=", "GODEBUG=",
	"GOAMD64=v1", "GOARM64=v8.0", "LC_ALL=C", "TZ=UTC",
}

// command is a program to be run with these settings.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), settled...)
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// output runs cmd, which must succeed, and gives what it prints.
func output(cmd *exec.Cmd) ([]byte, error) {
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, complaints.Bytes())
	}
	return out, nil
}

// build makes the binary for a target.
func build(ctx context.Context, t target, path string) error {
	cmd := command(ctx, "go", "build", "-buildvcs=true", "-ldflags=-s -w -buildid=", "-o", path, source)
	cmd.Env = append(cmd.Env, "GOOS="+t.os, "GOARCH="+t.arch)
	_, err := output(cmd)
	return err
}

// origin reads from a binary which version it is, and when that was committed.
func origin(binary string) (version string, at time.Time, err error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "", at, fmt.Errorf("read what was built: %w", err)
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			at, err = time.Parse(time.RFC3339, s.Value)
			return strings.TrimPrefix(info.Main.Version, "v"), at.UTC(), err
		}
	}
	return "", at, errors.New("the binary does not know its commit: releases are made from a git checkout, with git installed")
}

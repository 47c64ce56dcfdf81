package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// Bytes that the node cannot read itself are handed over: standard input, and files
// that the user may read but the node, as a service, may not.

// sendStdin hands standard input over and sends it.
func (a *app) sendStdin(cmd *cobra.Command, c *api.Client, in api.NewTransfer, f *sendFlags) error {
	id, err := a.upload(cmd.Context(), c, f.name, cmd.InOrStdin())
	if err != nil {
		return err
	}
	in.Uploads = []string{id}
	return a.send(cmd.Context(), c, in, f)
}

// canUpload tells whether what failed can be tried with bytes instead of paths: the
// node could not read regular files that this process can.
func canUpload(err error, paths []string) bool {
	var f *failure
	if err == nil || errors.As(err, &f) || !hasCode(err, api.CodeBadFile) {
		return false
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// sendUploads hands files over and sends them.
func (a *app) sendUploads(ctx context.Context, c *api.Client, paths []string, in api.NewTransfer, f *sendFlags) error {
	in.Files = nil
	for _, path := range paths {
		a.detail("the node cannot read %s; its bytes are handed over", show.Text(path))
		id, err := a.uploadFile(ctx, c, path)
		if err != nil {
			return err
		}
		in.Uploads = append(in.Uploads, id)
	}
	return a.send(ctx, c, in, f)
}

func (a *app) uploadFile(ctx context.Context, c *api.Client, path string) (id string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fileError("read the file: %w", err)
	}
	defer f.Close()
	return a.upload(ctx, c, filepath.Base(path), f)
}

// upload hands bytes over and says how it goes along.
func (a *app) upload(ctx context.Context, c *api.Client, name string, r io.Reader) (id string, err error) {
	m := &uploadMeter{r: r, tell: func(n int64, rate float64) {
		a.detail("%s: %s are handed to the node, %s", show.Clip(name, 60), show.Size(n), show.Rate(rate))
	}}
	id, err = c.Upload(ctx, name, m)
	if m.failed != nil {
		return "", fmt.Errorf("read %s: %w", show.Text(name), m.failed)
	}
	return id, err
}

// uploadMeter tells every few seconds how much has been read.
type uploadMeter struct {
	r      io.Reader
	tell   func(n int64, rate float64)
	meter  show.Meter
	last   time.Time
	n      int64
	failed error // why reading ended, if not at the end
}

// tellEvery is how often progress is told where nothing is redrawn.
const tellEvery = 2 * time.Second

func (m *uploadMeter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	if err != nil && err != io.EOF {
		m.failed = err
	}
	now := time.Now()
	rate := m.meter.Add(now, m.n)
	if m.last.IsZero() {
		m.last = now
	}
	if now.Sub(m.last) >= tellEvery {
		m.last = now
		m.tell(m.n, rate)
	}
	return n, err
}

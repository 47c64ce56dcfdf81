package main

import (
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// auditFile is where the audit log goes: a file that is only ever appended to, mode
// 0600, or nowhere. It is safe for concurrent use.
type auditFile struct {
	// failed is told why a record is missing: whoever has it written does not ask.
	failed func(error)

	mu   sync.Mutex
	file *os.File // nil: nowhere
}

// appendTo opens the file at path to write behind what it holds; "" is nil.
func appendTo(path string) (*os.File, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, configError("audit: %w", err)
	}
	return f, nil
}

// Use goes on in another file. Who has moved the old one away opens a new one so.
func (a *auditFile) Use(f *os.File) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.file
	a.file = f
	if before == nil {
		return nil
	}
	return before.Close()
}

// Close ends it; what is written later goes nowhere.
func (a *auditFile) Close() error { return a.Use(nil) }

// Write appends a line.
func (a *auditFile) Write(line []byte) (int, error) {
	n, err := a.write(line)
	if err != nil {
		err = fmt.Errorf("write the audit log: %w", err)
		a.failed(err)
	}
	return n, err
}

func (a *auditFile) write(line []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return len(line), nil
	}
	return a.file.Write(line)
}

// Logger writes lines of JSON to the file of the moment.
func (a *auditFile) Logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(show.Escaped(a), nil))
}

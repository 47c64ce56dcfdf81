package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// untilInterrupted gives what read reads of the terminal, or what ended ctx: Ctrl-C
// ends no read, and who asks must not wait for the next line. Then read goes on until
// the process ends, which is soon.
func untilInterrupted(ctx context.Context, read func() (string, error)) (string, error) {
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() {
		text, err := read()
		got <- line{text, err}
	}()
	select {
	case l := <-got:
		return l.text, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readAnswer reads a line without the spaces around it; at the end of in, what is left.
func readAnswer(ctx context.Context, in io.Reader) (string, error) {
	return untilInterrupted(ctx, func() (string, error) {
		text, err := bufio.NewReader(io.LimitReader(in, maxCodeLine)).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return strings.TrimSpace(text), err
	})
}

// readSecret asks on the terminal for a line that does not show.
func (a *app) readSecret(ctx context.Context, what string) (string, error) {
	stdin := int(os.Stdin.Fd())
	before, err := term.GetState(stdin)
	if err != nil {
		return "", err
	}
	fmt.Fprint(a.stderr, what)
	secret, err := untilInterrupted(ctx, func() (string, error) {
		raw, err := term.ReadPassword(stdin)
		return string(bytes.TrimRight(raw, "\r\n")), err
	})
	fmt.Fprintln(a.stderr)
	if err != nil { // what is typed next is to show again
		err = errors.Join(err, term.Restore(stdin, before))
	}
	return secret, err
}

package filexfer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// The sums block goes before the bytes when the receiver has said "GO sums": text
// of at most 4 KiB with the rules of a [Header], and then the sums of all units of
// the whole file, 32 bytes each.
//
//	Sha3-Tree: <64 lower-case hex digits>\n
//	Interaction: 42\n
//	\n
//
// The Interaction may be missing, other keys are skipped. Empty lines before the
// block say that it will come: the file is still being hashed. They count as text.

// sumsText is the text of the block.
func (t Tree) sumsText() ([]byte, error) {
	text := keyTree + ": " + t.Root.String() + "\n"
	if t.Interaction != "" {
		text += keyInteraction + ": " + escape(t.Interaction) + "\n"
	}
	text += "\n"
	if len(text) > MaxHeader {
		return nil, fmt.Errorf("the sums' text is longer than %d bytes", MaxHeader)
	}
	return []byte(text), nil
}

// readSums takes the block of a file of total bytes from r, whose buffer bounds a
// line, and not a byte more. alive is called whenever something has come. It fails
// with ErrBadSum when the list is not that of the root.
func readSums(r *bufio.Reader, total int64, alive func()) (Tree, error) {
	t, err := readSumsText(r, alive)
	if err != nil {
		return Tree{}, err
	}
	var list bytes.Buffer // grows with what comes, not with what is announced
	size := sha3tree.Units(total) * sha3tree.Size
	list.Grow(int(min(size, bufferSize)))
	if _, err := io.CopyN(&list, &countedReader{r, func(int) { alive() }}, size); err != nil {
		return Tree{}, noEOF(err)
	}
	t.List = sha3tree.List{Size: total, Sums: list.Bytes()}
	if err := t.List.Check(t.Root); err != nil {
		return Tree{}, fmt.Errorf("%w: %w", ErrBadSum, err)
	}
	return t, nil
}

func readSumsText(r *bufio.Reader, alive func()) (t Tree, err error) {
	seen := make(map[string]bool)
	for left := MaxHeader; ; alive() {
		line, err := r.ReadSlice('\n')
		left -= len(line)
		switch {
		case left < 0 || errors.Is(err, bufio.ErrBufferFull):
			return t, fmt.Errorf("%w: the sums' text is longer than %d bytes", ErrProtocol, MaxHeader)
		case err != nil:
			return t, noEOF(err)
		case len(line) > 1:
			err = t.parseLine(strings.TrimSuffix(string(line), "\n"), seen)
		case len(seen) > 0 && !seen[keyTree]:
			err = fmt.Errorf("%w: the sums have no %s", ErrProtocol, keyTree)
		case len(seen) > 0:
			return t, nil
		}
		if err != nil {
			return t, err
		}
	}
}

// parseLine takes one line of the block's text.
func (t *Tree) parseLine(line string, seen map[string]bool) error {
	var h Header // knows how to read both keys
	if wrong := h.parseLine(line, seen); wrong != "" {
		return fmt.Errorf("%w: the sums' text: %s", ErrProtocol, wrong)
	}
	if h.Follows {
		return fmt.Errorf("%w: the sums' root is still to follow", ErrProtocol)
	}
	if h.Root != "" {
		t.Root, _ = sha3tree.Parse(h.Root) // parseLine has
	}
	if h.Interaction != "" {
		t.Interaction = h.Interaction
	}
	return nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// countedReader tells how much each Read brings.
type countedReader struct {
	io.Reader
	came func(n int)
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.came(n)
	return n, err
}

// sendSums sends the block, as soon as the file is hashed.
func (o *outgoing) sendSums(ctx context.Context) error {
	const op = "hash the file"
	tree, err := o.awaitTree(ctx)
	if err != nil {
		return err
	}
	text, err := tree.sumsText()
	if err == nil {
		err = o.file.owns(tree)
	}
	if err != nil {
		return decided(op, fmt.Errorf("%w: %w", ErrSource, err))
	}
	out := o.writer(ctx, nil)
	if _, err = out.Write(text); err == nil {
		_, err = out.Write(tree.List.Sums)
	}
	return o.sendFailure(ctx, err)
}

// owns fails unless t is of f.
func (f File) owns(t Tree) error {
	if t.List.Size != f.total() || f.Root != "" && f.Root != t.Root.String() {
		return fmt.Errorf("the tree is of %d bytes with the root %v, want %d with %q", t.List.Size, t.Root, f.total(), f.Root)
	}
	return t.List.Check(t.Root)
}

// awaitTree lets the other side know, while the tree is not known, that it will
// be: four times before that would count as a stall.
func (o *outgoing) awaitTree(ctx context.Context) (Tree, error) {
	const op = "hash the file"
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		tree Tree
		err  error
	}
	known := make(chan result, 1)
	o.beside.Go(func() {
		tree, err := o.file.Tree(ctx)
		known <- result{tree, err}
	})
	tick := time.NewTicker(o.service.cfg.StallTimeout / 4)
	defer tick.Stop()
	out := o.writer(ctx, nil)
	for {
		select {
		case r := <-known:
			if r.err != nil {
				return Tree{}, failureHere(ctx, op, fmt.Errorf("%w: %w", ErrSource, r.err))
			}
			return r.tree, nil
		case <-tick.C:
			if _, err := out.Write([]byte("\n")); err != nil {
				return Tree{}, o.sendFailure(ctx, err)
			}
		}
	}
}

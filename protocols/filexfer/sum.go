package filexfer

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// A sum is the SHA3-512 of the bytes that flow, as 128 lower-case hex digits:
// what "openssl dgst -sha3-512" prints.
const sumDigits = 128

func isSum(s string) bool {
	notDigit := func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }
	return len(s) == sumDigits && !strings.ContainsFunc(s, notDigit)
}

// trailer is the line that follows the bytes: "Sha3-512: <sum>\n", 139 bytes.
func trailer(digest []byte) []byte {
	return []byte(keySum + ": " + hex.EncodeToString(digest) + "\n")
}

// readTrailer takes the trailer from r, whose buffer bounds the line, and gives
// the sum in it.
func readTrailer(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("%w: trailer without an end", ErrProtocol)
	case errors.Is(err, io.EOF):
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	sum, found := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), keySum+": ")
	if !found || !isSum(sum) {
		return "", fmt.Errorf("%w: the trailer is no "+keySum+" line", ErrProtocol)
	}
	return sum, nil
}

// SumFile gives the SHA3-512 in hex of f: its Size bytes from Offset on, read
// once. progress, unless it is nil, is told how many are done. It fails with
// [ErrSource] when f cannot be read or changes meanwhile, and with the cause of
// ctx when that ends.
func SumFile(ctx context.Context, f File, progress func(n int64)) (string, error) {
	src, err := f.open()
	if err != nil {
		return "", err
	}
	defer src.Close()
	sum := sha3.New512()
	flow := &pump{src: src, dst: &counter{tell: progress}, size: f.Size, hash: sum, interrupt: func() { src.Close() }}
	if err := flow.run(ctx); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("%w: %w", ErrSource, err)
	}
	if err := src.unchanged(); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// SumTree gives the tree of sums of f, which begins at Offset 0: its Size bytes
// are read once. progress and the errors are those of [SumFile].
func SumTree(ctx context.Context, f File, progress func(n int64)) (Tree, error) {
	src, err := f.open()
	if err != nil {
		return Tree{}, err
	}
	defer src.Close()
	stop := context.AfterFunc(ctx, func() { src.Close() }) // a Read may wait
	defer stop()
	list, err := sha3tree.Read(ctx, src, f.Size, progress)
	if ctx.Err() != nil {
		return Tree{}, context.Cause(ctx)
	}
	if err != nil {
		return Tree{}, fmt.Errorf("%w: %w", ErrSource, err)
	}
	if err := src.unchanged(); err != nil {
		return Tree{}, err
	}
	return Tree{Root: list.Root(), List: list}, nil
}

// counter takes bytes and tells how many have come.
type counter struct {
	n    int64
	tell func(n int64)
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	if c.tell != nil {
		c.tell(c.n)
	}
	return len(p), nil
}

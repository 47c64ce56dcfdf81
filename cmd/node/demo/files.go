package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// randomFile makes a file of size random bytes.
func randomFile(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.Reader, size)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	return nil
}

// compare reads both files to the end and gives the SHA3-512 in hex and the
// size that they share; an error if they differ in any byte.
func compare(one, other string) (sum string, size int64, err error) {
	f, err := os.Open(one)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	g, err := os.Open(other)
	if err != nil {
		return "", 0, err
	}
	defer g.Close()
	hash := sha3.New512()
	a, b := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, errF := io.ReadFull(f, a)
		m, errG := io.ReadFull(g, b)
		if !bytes.Equal(a[:n], b[:m]) {
			return "", 0, fmt.Errorf("%s and %s differ within a MiB after byte %d", one, other, size)
		}
		hash.Write(a[:n])
		size += int64(n)
		if errF != nil || errG != nil {
			return hex.EncodeToString(hash.Sum(nil)), size, errors.Join(realError(errF), realError(errG))
		}
	}
}

// treeOf is the root in hex of a file's tree of sums.
func treeOf(ctx context.Context, path string) (string, error) {
	file, err := filexfer.FileFromPath(path)
	if err != nil {
		return "", err
	}
	tree, err := filexfer.SumTree(ctx, file, nil)
	return tree.Root.String(), err
}

// realError is nil for the end of a file.
func realError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

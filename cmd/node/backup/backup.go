// Package backup seals a folder of plain files with a passphrase into one file, and
// opens it again. The file is age's (age-encryption.org/v1, a scrypt recipient), and in
// it is a tar: who has age and tar needs no passeur to get at it.
//
// It is not a program for backups: what is in the folder, and whether it is any good
// when it comes out, is the business of whoever calls.
package backup

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
)

// What a caller may branch on.
var (
	// ErrPassphrase: it is not the one with which the file was sealed.
	ErrPassphrase = errors.New("the passphrase is wrong")
	// ErrFormat: the file is no such file, or is damaged or cut short.
	ErrFormat = errors.New("this is no sealed home, or it is damaged")
)

// Limits of what is opened.
const (
	// maxFiles is how many files it may hold.
	maxFiles = 1024
	// maxBytes is how many bytes all of them may have.
	maxBytes = 64 << 30
	// maxName is the longest name, in bytes.
	maxName = 255
	// maxWork is the hardest scrypt that is computed, as a power of two: 1 GiB of memory.
	maxWork = 20
)

// work is scrypt's work factor for what is sealed: a second on a machine of 2024. Tests
// make it less.
var work = 18

// Seal writes the regular files of a folder, which may have no folders in it, to w.
func Seal(ctx context.Context, w io.Writer, folder, passphrase string) error {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return err
	}
	recipient.SetWorkFactor(work)
	sealed, err := age.Encrypt(w, recipient)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	t := tar.NewWriter(sealed)
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := put(t, filepath.Join(folder, e.Name())); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), sealed.Close())
}

func put(t *tar.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no plain file", path)
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: info.Name(), Size: info.Size(), Mode: 0o600, ModTime: info.ModTime()}
	if err := t.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// Open puts what r holds into a folder, which must be there and empty. It believes
// nothing: names that are no plain names, anything but plain files, the same name
// twice, too much of it, and a file that is cut short are errors that wrap ErrFormat.
// What was written until then stays in the folder. A wrong passphrase is
// ErrPassphrase.
func Open(ctx context.Context, r io.Reader, folder, passphrase string) error {
	plain, err := unseal(r, passphrase)
	if err != nil {
		return err
	}
	if err := unpack(ctx, plain, folder); err != nil {
		return err
	}
	// Only the last byte tells that none is missing before it.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return nil
}

// unpack puts the files of a tar into a folder.
func unpack(ctx context.Context, plain io.Reader, folder string) error {
	t := tar.NewReader(plain)
	left := int64(maxBytes)
	for files := 0; ; files++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrFormat, err)
		}
		if left -= header.Size; files >= maxFiles || left < 0 {
			return fmt.Errorf("%w: it holds more than %d files, or more than %d bytes", ErrFormat, maxFiles, int64(maxBytes))
		}
		if err := take(ctx, t, header, folder); err != nil {
			return err
		}
	}
}

func unseal(r io.Reader, passphrase string) (io.Reader, error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	identity.SetMaxWorkFactor(maxWork)
	plain, err := age.Decrypt(r, identity)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none) && len(none.StanzaTypes) == 1 && none.StanzaTypes[0] == "scrypt":
		return nil, ErrPassphrase
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return plain, nil
}

func take(ctx context.Context, t *tar.Reader, h *tar.Header, folder string) error {
	if h.Typeflag != tar.TypeReg || !isPlain(h.Name) {
		return fmt.Errorf("%w: it holds %q, which is no plain file", ErrFormat, h.Name)
	}
	path := filepath.Join(folder, h.Name)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w: it holds %q twice", ErrFormat, h.Name)
	}
	if err != nil {
		return err
	}
	source := &source{ctx: ctx, r: t}
	_, err = io.Copy(f, source)
	if source.err != nil {
		err = fmt.Errorf("%w: %w", ErrFormat, source.err)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// isPlain tells whether a name is one of a file in the folder on any system, and not of
// another one.
func isPlain(name string) bool {
	return name != "" && len(name) <= maxName && !strings.HasPrefix(name, ".") && filepath.IsLocal(name) &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// source remembers errors of reading, so that they are not taken for those of writing.
type source struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

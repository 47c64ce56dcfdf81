package folder

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

var (
	// ErrManifest: what a peer sent is no manifest of a folder of this size; it is
	// an [filexfer.ErrProtocol].
	ErrManifest = fmt.Errorf("%w: the folder's manifest is broken", filexfer.ErrProtocol)
	// ErrLimit: the folder has more, longer or deeper entries than [Limits] let.
	ErrLimit = errors.New("the folder is too large")
	// ErrManifestFirst: bytes came that cannot be placed before the manifest.
	ErrManifestFirst = errors.New("the folder's manifest has to come first")
	// ErrUnchosen: nobody said yet which files are wanted.
	ErrUnchosen = errors.New("it is not chosen yet which files of the folder are wanted")
	// ErrNoMatch: a pattern chooses nothing.
	ErrNoMatch = errors.New("nothing in the folder matches")
	// ErrIncomplete: a file is not as long as it should be.
	ErrIncomplete = errors.New("a file of the folder is not complete")
)

// sourceError names what is wrong with the sender's files.
func sourceError(err error) error {
	if err == nil || errors.Is(err, filexfer.ErrSource) {
		return err
	}
	return fmt.Errorf("%w: %w", filexfer.ErrSource, err)
}

// placeError gives an error of the receiver's file system one of filexfer's names.
func placeError(err error) error {
	for _, named := range []error{nil, filexfer.ErrNoSpace, filexfer.ErrExists, filexfer.ErrNotWritable,
		ErrManifest, ErrLimit, ErrManifestFirst, ErrUnchosen, ErrNoMatch, ErrIncomplete} {
		if errors.Is(err, named) {
			return err
		}
	}
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) {
			return fmt.Errorf("%w: %w", filexfer.ErrNoSpace, err)
		}
	}
	return fmt.Errorf("%w: %w", filexfer.ErrNotWritable, err)
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

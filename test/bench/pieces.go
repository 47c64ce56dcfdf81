package main

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
)

// source is what is sent, piece by piece.
type source interface {
	// piece gives the i-th, until it is called again.
	piece(i int64) ([]byte, error)
	close() error
}

// sink is where that goes.
type sink interface {
	take(piece []byte, i int64) error
	close() error
}

// newSource is a file, read from its beginning, or numbered pages.
func newSource(path string) (source, error) {
	if path == "" {
		return pages{randomPiece()}, nil
	}
	f, err := os.Open(path)
	return filePieces{f, make([]byte, pieceSize)}, err
}

// newSink is a file, written from its beginning, or who wants numbered pages.
func newSink(path string) (sink, error) {
	if path == "" {
		return pages{}, nil
	}
	f, err := os.Create(path)
	return filePieces{f, nil}, err
}

// pages are pieces of random bytes, in which each page of the stream has its number.
type pages struct{ random []byte }

func (p pages) piece(i int64) ([]byte, error) {
	stamp(p.random, i)
	return p.random, nil
}

func (p pages) take(piece []byte, i int64) error {
	if !stamped(piece, i) {
		return errors.New("it is not what was sent")
	}
	return nil
}

func (p pages) close() error { return nil }

// filePieces are those of a file.
type filePieces struct {
	file   *os.File
	buffer []byte
}

func (f filePieces) piece(int64) ([]byte, error) {
	_, err := io.ReadFull(f.file, f.buffer)
	return f.buffer, err
}

func (f filePieces) take(piece []byte, _ int64) error {
	_, err := f.file.Write(piece)
	return err
}

func (f filePieces) close() error { return f.file.Close() }

func randomPiece() []byte {
	piece := make([]byte, pieceSize)
	rand.NewChaCha8([32]byte{}).Read(piece)
	return piece
}

// stamp writes into each page of the i-th piece which page of the stream it is.
func stamp(piece []byte, i int64) {
	page := uint64(i) * (pieceSize / pageSize)
	for at := 0; at < pieceSize; at += pageSize {
		binary.LittleEndian.PutUint64(piece[at:], page)
		page++
	}
}

func stamped(piece []byte, i int64) bool {
	page := uint64(i) * (pieceSize / pageSize)
	for at := 0; at < pieceSize; at += pageSize {
		if binary.LittleEndian.Uint64(piece[at:]) != page {
			return false
		}
		page++
	}
	return true
}

package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
)

const (
	pieceSize = 1 << 20 // of each Write and each full read
	pageSize  = 4 << 10 // each page of the stream begins with its number
	tailSize  = 32      // pieces after the clock has stopped, compared whole
)

// send is the sender's process: it prints its result.
func send(ctx context.Context, o options) error {
	r, ok := rowNamed(o.row)
	if !ok {
		return fmt.Errorf("no row %q", o.row)
	}
	s, err := r.dial(ctx, o.addr)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer s.Close()
	piece := randomPiece()
	if err := greet(s); err != nil {
		return err
	}
	c, err := startClock(o.profile)
	if err != nil {
		return err
	}
	if err := sendPieces(s, piece, int64(o.size)/pieceSize); err != nil {
		return err
	}
	res := c.result()
	if err := sendTail(s, piece); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(res)
}

// greet waits until the receiver is there.
func greet(s stream) error {
	if _, err := s.Write([]byte("h")); err != nil {
		return err
	}
	return awaitOK(s)
}

// sendPieces sends n pieces and waits for the receiver's word that all came.
func sendPieces(s stream, piece []byte, n int64) error {
	for i := range n {
		stamp(piece, i)
		if _, err := s.Write(piece); err != nil {
			return fmt.Errorf("piece %d: %w", i, err)
		}
	}
	return awaitOK(s)
}

// sendTail sends pieces of which the receiver gives the CRC-32C back.
func sendTail(s stream, piece []byte) error {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	for i := range int64(tailSize) {
		stamp(piece, i)
		sum.Write(piece)
		if _, err := s.Write(piece); err != nil {
			return err
		}
	}
	var theirs [4]byte
	if _, err := io.ReadFull(s, theirs[:]); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(theirs[:]) != sum.Sum32() {
		return errors.New("the receiver's checksum is another")
	}
	return nil
}

// receive is the receiver's process: it prints its address and then its result.
func receive(ctx context.Context, o options) error {
	r, ok := rowNamed(o.row)
	if !ok {
		return fmt.Errorf("no row %q", o.row)
	}
	addr, accept, err := r.listen(ctx)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(addr); err != nil {
		return err
	}
	s, err := accept()
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	defer s.Close()
	res, err := receiveAll(s, o)
	if err != nil {
		return err
	}
	if err := out.Encode(res); err != nil {
		return err
	}
	io.Copy(io.Discard, s) // until the sender has read the last answer
	return nil
}

func receiveAll(s stream, o options) (result, error) {
	piece := make([]byte, pieceSize)
	if _, err := io.ReadFull(s, piece[:1]); err != nil {
		return result{}, err
	}
	if err := sayOK(s); err != nil {
		return result{}, err
	}
	c, err := startClock(o.profile)
	if err != nil {
		return result{}, err
	}
	if err := receivePieces(s, piece, int64(o.size)/pieceSize); err != nil {
		return result{}, err
	}
	if err := sayOK(s); err != nil {
		return result{}, err
	}
	return c.result(), receiveTail(s, piece)
}

func receivePieces(s stream, piece []byte, n int64) error {
	for i := range n {
		if _, err := io.ReadFull(s, piece); err != nil {
			return fmt.Errorf("piece %d: %w", i, err)
		}
		if !stamped(piece, i) {
			return fmt.Errorf("piece %d is not what was sent", i)
		}
	}
	return nil
}

func receiveTail(s stream, piece []byte) error {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	for range tailSize {
		if _, err := io.ReadFull(s, piece); err != nil {
			return err
		}
		sum.Write(piece)
	}
	_, err := s.Write(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

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

func sayOK(s stream) error {
	_, err := s.Write([]byte("."))
	return err
}

func awaitOK(s stream) error {
	var b [1]byte
	if _, err := io.ReadFull(s, b[:]); err != nil {
		return fmt.Errorf("await the receiver's word: %w", err)
	}
	return nil
}

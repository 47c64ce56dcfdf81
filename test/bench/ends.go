package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

const (
	pieceSize = 1 << 20 // of each Write and each full read
	pageSize  = 4 << 10 // each page of the stream begins with its number
	tailSize  = 32      // pieces after the clock has stopped, compared whole
)

// send is the sender's process: it prints its result.
func send(ctx context.Context, o options) error {
	w, err := wayNamed(o.way, o.control)
	if err != nil {
		return err
	}
	source, err := newSource(o.file)
	if err != nil {
		return err
	}
	defer source.close()
	s, err := w.dial(ctx, o.addr)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer s.Close()
	if err := greet(s); err != nil {
		return err
	}
	c, err := startClock(o.profile)
	if err != nil {
		return err
	}
	if err := sendPieces(s, source, int64(o.size)/pieceSize); err != nil {
		return err
	}
	res := c.result()
	if err := sendTail(s, randomPiece()); err != nil {
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
func sendPieces(s stream, from source, n int64) error {
	for i := range n {
		piece, err := from.piece(i)
		if err != nil {
			return err
		}
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
	w, err := wayNamed(o.way, o.control)
	if err != nil {
		return err
	}
	addr, accept, err := w.listen(ctx, o.addr)
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
	to, err := newSink(o.file)
	if err != nil {
		return result{}, err
	}
	defer to.close()
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
	if err := receivePieces(s, to, piece, int64(o.size)/pieceSize); err != nil {
		return result{}, err
	}
	if err := sayOK(s); err != nil {
		return result{}, err
	}
	return c.result(), receiveTail(s, piece)
}

func receivePieces(s stream, to sink, piece []byte, n int64) error {
	for i := range n {
		if _, err := io.ReadFull(s, piece); err != nil {
			return fmt.Errorf("piece %d: %w", i, err)
		}
		if err := to.take(piece, i); err != nil {
			return fmt.Errorf("piece %d: %w", i, err)
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

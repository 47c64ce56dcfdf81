package rerequest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// wireTimeout bounds the reading of a request, and the writing of its answer.
const wireTimeout = 30 * time.Second

// HandleStream answers one request and, when nothing is wrong with it, offers
// the file. It is the handler for streams of [ID], and returns when the offer
// has ended.
func (s *Service) HandleStream(stream network.Stream) {
	from := stream.Conn().RemotePeer()
	if !s.begin() {
		stream.ResetWithError(network.StreamShutdown)
		return
	}
	defer s.running.Done()
	if err := stream.Scope().SetService(serviceName); err != nil || !s.desk.listen(from) {
		stream.ResetWithError(network.StreamResourceLimitExceeded)
		return
	}
	if err := s.answer(stream, from); err != nil {
		stream.Reset()
		s.cfg.Logger.Debug("a request was lost", "peer", from, "err", err)
	}
}

// answer goes from the request to the end of what it brought about. Its error
// is one of the stream.
func (s *Service) answer(stream network.Stream, from peer.ID) error {
	r, file, isGranted, err := s.hear(stream, from)
	if !isGranted {
		return err
	}
	defer s.desk.served(from, r.key())
	file.Conn = stream.Conn()
	s.serve(from, file)
	return nil
}

// hear goes from the request to its answer. What is granted has a place at the
// desk.
func (s *Service) hear(stream network.Stream, from peer.ID) (r Request, file filexfer.File, isGranted bool, err error) {
	defer s.desk.leave(from)
	r, err = s.listen(stream)
	if err != nil && !errors.Is(err, ErrProtocol) {
		return r, file, false, err
	}
	if err == nil {
		file, err = s.grant(from, r)
	}
	isGranted = err == nil
	if said := s.say(stream, answerLine(err)); said != nil {
		if isGranted {
			s.desk.served(from, r.key())
		}
		return r, file, false, said
	}
	stream.Close()
	if !isGranted {
		s.refused(from, r, err)
	}
	return r, file, isGranted, nil
}

func (s *Service) listen(stream network.Stream) (r Request, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, wireTimeout)
	defer cancel()
	err = bounded(ctx, stream, func() error { r, err = readRequest(stream); return err })
	return r, err
}

func (s *Service) say(stream network.Stream, line []byte) error {
	ctx, cancel := context.WithTimeout(s.ctx, wireTimeout)
	defer cancel()
	return bounded(ctx, stream, func() error { _, err := stream.Write(line); return err })
}

// grant finds out whether the device may have what it asks for, and gives the
// bytes it asks for. What is granted has a place at the desk.
func (s *Service) grant(from peer.ID, r Request) (filexfer.File, error) {
	if r.Device != from {
		return filexfer.File{}, ErrDevice
	}
	if err := s.cfg.Directory.Check(s.ctx, r.Conversation, from); err != nil {
		return filexfer.File{}, err
	}
	if err := s.desk.serve(from, r.key()); err != nil {
		return filexfer.File{}, err
	}
	file, err := s.find(r)
	if err == nil {
		err = s.desk.share(from, r.key(), file.Tree != nil)
	}
	if err != nil {
		s.desk.served(from, r.key())
		return filexfer.File{}, err
	}
	return file, nil
}

// find gives the bytes of a request, if they lie here.
func (s *Service) find(r Request) (filexfer.File, error) {
	file, err := s.cfg.Book.Held(s.ctx, r.Conversation, r.Interaction)
	if err != nil {
		return file, err
	}
	end := r.End
	if end == 0 {
		end = file.Size
	}
	if file, err = file.Range(r.Start, end); err != nil {
		return file, fmt.Errorf("%w: %w", ErrRange, err)
	}
	if end := file.Offset + file.Size; file.Root == "" || file.Offset%unit != 0 || end%unit != 0 && end != file.Total {
		file.Root, file.Tree = "", nil // it is offered without a tree
	}
	file.ID, file.Conversation, file.Interaction = "", r.Conversation, r.Interaction
	return file, nil
}

// serve offers the file.
func (s *Service) serve(to peer.ID, file filexfer.File) {
	event := Event{Kind: Serving, Conversation: file.Conversation, Interaction: file.Interaction, Device: to}
	s.cfg.Observe(event)
	_, err := s.cfg.Files.Send(s.ctx, to, file)
	event.Kind, event.Err = Served, err
	s.cfg.Observe(event)
}

// refused tells of a refusal, once.
func (s *Service) refused(from peer.ID, r Request, err error) {
	if !s.said.first(from, wordOf(err), r.key()) {
		return
	}
	s.cfg.Logger.Info("a request for a file was refused", "peer", from, "reason", wordOf(err),
		"conversation", filexfer.Visible(r.Conversation), "entry", filexfer.Visible(r.Interaction), "err", err)
	s.cfg.Observe(Event{Kind: Refused, Conversation: r.Conversation, Interaction: r.Interaction, Device: from, Err: err})
}

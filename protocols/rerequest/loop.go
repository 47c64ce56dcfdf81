package rerequest

import (
	"maps"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// maxAppeared bounds the devices that appeared and were not looked up yet. More
// are asked when Retry has passed.
const maxAppeared = 4096

// Appeared tells that a device is connected now, or may have got new files: it
// is asked for what it may have, whatever it said before. It does not wait.
func (s *Service) Appeared(id peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.wants) == 0 || len(s.appeared) >= maxAppeared {
		return
	}
	d := s.deviceLocked(id)
	d.appearances++
	d.rest = rest{}
	s.appeared[id] = struct{}{}
	s.poke()
}

// Changed tells that a conversation is known now, or has other members or devices: those
// who came to it are asked for its files at once, not when Retry has passed. It does not
// wait.
func (s *Service) Changed(conversation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.wantsOfLocked(conversation) {
		return
	}
	s.unlisted[conversation] = struct{}{}
	s.poke()
}

// wantsOfLocked tells whether any file of a conversation is wanted.
func (s *Service) wantsOfLocked(conversation string) bool {
	for _, w := range s.wants {
		if w.Conversation == conversation {
			return true
		}
	}
	return false
}

// run is the asking loop: it looks up whom to ask, has them asked, and sleeps
// until something has happened.
func (s *Service) run() {
	retry := time.NewTicker(s.cfg.Retry)
	defer retry.Stop()
	for {
		s.lookUp()
		s.rouse()
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-retry.C:
			s.refresh()
		}
	}
}

// refresh has the devices of all conversations looked up, and forgets those
// that are of no use.
func (s *Service) refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := make(map[peer.ID]struct{})
	for _, w := range s.wants {
		s.unlisted[w.Conversation] = struct{}{}
		maps.Copy(known, w.members)
	}
	maps.DeleteFunc(s.devices, func(id peer.ID, d *device) bool {
		_, isKnown := known[id]
		return !isKnown && !d.working
	})
}

// lookUp asks the directory about what is new.
func (s *Service) lookUp() {
	s.mu.Lock()
	unlisted, appeared := s.unlisted, s.appeared
	s.unlisted, s.appeared = make(map[string]struct{}), make(map[peer.ID]struct{})
	s.mu.Unlock()
	for conversation := range unlisted {
		s.list(conversation)
	}
	for id := range appeared {
		s.welcome(id)
	}
}

// list learns the devices of a conversation.
func (s *Service) list(conversation string) {
	ids, err := s.cfg.Directory.Devices(s.ctx, conversation)
	if err != nil {
		s.cfg.Logger.Debug("nobody to ask for a file", "conversation", conversation, "err", err)
		return
	}
	members := make(map[peer.ID]struct{}, len(ids))
	for _, id := range ids {
		members[id] = struct{}{}
	}
	delete(members, s.cfg.Self)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wants {
		if w.Conversation == conversation {
			w.members = members
			maps.DeleteFunc(w.marks, func(id peer.ID, _ mark) bool { _, is := members[id]; return !is })
		}
	}
}

// welcome has a device asked that appeared, for the files of the conversations
// it belongs to.
func (s *Service) welcome(id peer.ID) {
	for conversation := range s.conversations() {
		if s.cfg.Directory.Check(s.ctx, conversation, id) == nil && id != s.cfg.Self {
			s.welcomeTo(conversation, id)
		}
	}
}

func (s *Service) conversations() map[string]struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]struct{})
	for _, w := range s.wants {
		all[w.Conversation] = struct{}{}
	}
	return all
}

func (s *Service) welcomeTo(conversation string, id peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wants {
		if w.Conversation != conversation {
			continue
		}
		if _, isMember := w.members[id]; !isMember {
			w.members = with(w.members, id)
		}
		m := w.marks[id]
		m.rest = rest{}
		w.marks[id] = m
	}
}

// with gives a copy of members with one more.
func with(members map[peer.ID]struct{}, id peer.ID) map[peer.ID]struct{} {
	more := make(map[peer.ID]struct{}, len(members)+1)
	maps.Copy(more, members)
	more[id] = struct{}{}
	return more
}

// rouse gives a worker to each device that something is to be asked of.
func (s *Service) rouse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, w := range s.wants {
		if !s.closed && w.hasTree && !w.checked && !w.checking && w.rest.isOver(now) {
			s.checkLocked(w)
		}
		if s.closed || !s.openLocked(w, now) {
			continue
		}
		for id := range w.members {
			d := s.deviceLocked(id)
			if !d.working && d.rest.isOver(now) && s.askableLocked(w, id, now) {
				d.working = true
				s.running.Go(func() { s.work(id) })
			}
		}
	}
}

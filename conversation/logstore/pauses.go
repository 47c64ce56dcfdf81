package logstore

import (
	"sync"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// maxPauses is how many accounts of a conversation are remembered as paused.
const maxPauses = 64

// pauses remembers what was not taken, to tell people.
type pauses struct {
	mu   sync.Mutex
	list map[conversation.ID]map[conversation.Account]Pause
}

func newPauses() *pauses {
	return &pauses{list: map[conversation.ID]map[conversation.Account]Pause{}}
}

func (p *pauses) set(id conversation.ID, list []Pause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.list[id] == nil {
		p.list[id] = map[conversation.Account]Pause{}
	}
	for _, one := range list {
		if len(p.list[id]) < maxPauses {
			p.list[id][one.Account] = one
		}
	}
}

func (p *pauses) clear(id conversation.ID, a conversation.Account) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.list[id], a)
}

func (p *pauses) forget(id conversation.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.list, id)
}

// of gives those that have not passed by themselves.
func (p *pauses) of(id conversation.ID, now time.Time) (list []Pause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for a, one := range p.list[id] {
		if one.Reason == PauseRate && one.Until.Before(now) {
			delete(p.list[id], a)
			continue
		}
		list = append(list, one)
	}
	return list
}

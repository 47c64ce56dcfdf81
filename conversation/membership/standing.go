package membership

import (
	"slices"

	"github.com/passeur-p2p/passeur/conversation"
)

// standing is what an account is, and the rank of the entry that says so, in
// two bytes.
type standing struct {
	code uint8 // of the status
	rank Rank
}

var statuses = []Status{None, Invited, Member, Admin, Owner, Left, Banned}

func (s standing) status() Status { return statuses[s.code] }

// decided is the standing of somebody about whom this is the last word.
func decided(says conversation.Action, rank Rank) standing {
	if says == conversation.Leave {
		rank = RankMember
	}
	return standing{uint8(slices.Index(statuses, makes(says))), rank}
}

// standings are those of all accounts, by number; those after the end are the
// zero standing.
type standings []standing

func (s standings) of(account int32) standing {
	if account == none || int(account) >= len(s) {
		return standing{}
	}
	return s[account]
}

func (s standings) equal(other standings) bool {
	for a := range max(len(s), len(other)) {
		if s.of(int32(a)) != other.of(int32(a)) {
			return false
		}
	}
	return true
}

// cached is how many sets' standings are kept: those where branches in sync grow.
const cached = 256

// cache keeps the standings of the sets last asked for. They are not changed.
type cache struct {
	at  map[int32]standings
	age []int32 // the numbers in at, oldest first
}

func newCache() cache { return cache{at: make(map[int32]standings)} }

func (c *cache) get(number int32) (at standings, known bool) {
	at, known = c.at[number]
	return at, known
}

func (c *cache) put(number int32, at standings) {
	if _, known := c.at[number]; known {
		return
	}
	if len(c.age) == cached {
		delete(c.at, c.age[0])
		c.age = append(c.age[:0], c.age[1:]...)
	}
	c.at[number], c.age = at, append(c.age, number)
}

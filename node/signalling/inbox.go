package signalling

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"
)

const (
	inboxLabel  = "inbox/1/"
	inboxPrefix = "/passeur-inbox/"

	epochLength = 24 * time.Hour
	// epochMargin is how long before and after midnight UTC a recipient listens
	// to both days' inboxes. It must exceed ClockGrace and RequestTTL together.
	epochMargin = 10 * time.Minute
)

var inboxEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Inbox names the place where messages for a device lie during one epoch:
//
//	SHA3-256("inbox/1/" ‖ peer ID, binary ‖ "/" ‖ epoch, decimal)
//
// The epoch moves the inbox to other servers every day, so that peer IDs ground
// to sit beside it are worth a day each.
type Inbox [32]byte

// InboxOf names device's inbox in the epoch.
func InboxOf(device peer.ID, epoch int64) Inbox {
	return sha3.Sum256([]byte(inboxLabel + string(device) + "/" + strconv.FormatInt(epoch, 10)))
}

// Key is the DHT key whose closest servers keep the inbox: "/passeur-inbox/" and
// the hash in base32 (RFC 4648, lower case, unpadded).
func (i Inbox) Key() string {
	return inboxPrefix + strings.ToLower(inboxEncoding.EncodeToString(i[:]))
}

// EpochAt gives the number of the UTC day since 1 January 1970.
func EpochAt(t time.Time) int64 {
	seconds, day := t.Unix(), int64(epochLength/time.Second)
	if seconds < 0 {
		return (seconds - day + 1) / day
	}
	return seconds / day
}

// epochsAround gives the epochs of t-margin to t+margin, the one of t first.
func epochsAround(t time.Time, margin time.Duration) []int64 {
	epochs := []int64{EpochAt(t)}
	for _, near := range []time.Time{t.Add(-margin), t.Add(margin)} {
		if e := EpochAt(near); !slices.Contains(epochs, e) {
			epochs = append(epochs, e)
		}
	}
	return epochs
}

// owns tells whether the inbox is device's in an epoch near now; a day of error
// in either clock does not matter.
func owns(device peer.ID, inbox Inbox, now time.Time) bool {
	for _, epoch := range epochsAround(now, epochLength) {
		if InboxOf(device, epoch) == inbox {
			return true
		}
	}
	return false
}

// distance is Kademlia's, as kad-dht measures it: SHA-256 of the key XOR SHA-256
// of the peer ID. It compares as big-endian numbers do.
type distance [sha256.Size]byte

func distanceTo(key string, p peer.ID) (d distance) {
	a, b := sha256.Sum256([]byte(key)), sha256.Sum256([]byte(p))
	for i := range d {
		d[i] = a[i] ^ b[i]
	}
	return d
}

func (d distance) less(other distance) bool { return string(d[:]) < string(other[:]) }

// sortByDistance orders peers in place, nearest to key first.
func sortByDistance(key string, peers []peer.ID) {
	measured := make(map[peer.ID]distance, len(peers))
	for _, p := range peers {
		measured[p] = distanceTo(key, p)
	}
	slices.SortFunc(peers, func(a, b peer.ID) int {
		da, db := measured[a], measured[b]
		return strings.Compare(string(da[:]), string(db[:]))
	})
}

package pairing

import (
	"crypto/ed25519"
	"slices"
	"strconv"
	"time"

	"golang.org/x/crypto/sha3"
)

const (
	ownerLabel = "pair/own/1/"
	burntLabel = "passeur/pair/burnt/1\x00"

	// clockMargin is how long before and after the full hour the inboxes of both
	// hours are listened to: how far two devices' clocks may differ.
	clockMargin = 10 * time.Minute
)

// hourAt gives the number of the hour since 1 January 1970 UTC.
func hourAt(t time.Time) int64 { return t.Unix() / int64(time.Hour/time.Second) }

// hoursAround gives the hours of t-clockMargin to t+clockMargin, that of t first.
func hoursAround(t time.Time) []int64 {
	hours := []int64{hourAt(t)}
	for _, near := range []time.Time{t.Add(-clockMargin), t.Add(clockMargin)} {
		if h := hourAt(near); !slices.Contains(hours, h) {
			hours = append(hours, h)
		}
	}
	return hours
}

// meetingKey owns the inbox where the two sides of a code with public part R meet
// in an hour: the Ed25519 key whose seed is
//
//	SHA3-256("pair/own/1/" ‖ R ‖ "/" ‖ hour, decimal)
//
// Whoever knows R may listen there, and needs no other permission to leave
// something: it is a place, not a secret.
func meetingKey(public string, hour int64) ed25519.PrivateKey {
	seed := sha3.Sum256([]byte(ownerLabel + public + "/" + strconv.FormatInt(hour, 10)))
	return ed25519.NewKeyFromSeed(seed[:])
}

// burntSum names a code in Memory by its public part, so that what is left on a disk
// says nothing about the secret one.
func burntSum(c part) [32]byte { return sha3.Sum256([]byte(burntLabel + c.public)) }

package filexfer

import "fmt"

// State is how far one sub-transfer has come, as its own side sees it. The
// numbers and their order are Jami's event codes (its DataTransferEventCode).
type State uint8

const (
	// Invalid is the zero State: nothing is known yet.
	Invalid State = 0
	// Created: the transfer is known to this side; nothing has been sent.
	Created State = 1
	// AwaitingPeer: the sender has written the header and waits for "GO\n".
	AwaitingPeer State = 3
	// AwaitingHost: the receiver has read the header; its own user must decide.
	AwaitingHost State = 4
	// Ongoing: "GO\n" has passed, bytes flow.
	Ongoing State = 5
	// Finished: the receiver has verified and stored every byte and said so.
	Finished State = 6
	// ClosedByHost: this side refused, cancelled or failed.
	ClosedByHost State = 7
	// ClosedByPeer: the other side refused, cancelled, failed or vanished.
	ClosedByPeer State = 8
	// InvalidPath: the file cannot be read or written here.
	InvalidPath State = 9
	// Unjoinable: no device of the contact could be reached.
	Unjoinable State = 10
	// TimeoutExpired: nobody decided in time.
	TimeoutExpired State = 11
)

var stateNames = map[State]string{
	Invalid:        "invalid",
	Created:        "created",
	AwaitingPeer:   "awaiting-peer",
	AwaitingHost:   "awaiting-host",
	Ongoing:        "ongoing",
	Finished:       "finished",
	ClosedByHost:   "closed-by-host",
	ClosedByPeer:   "closed-by-peer",
	InvalidPath:    "invalid-path",
	Unjoinable:     "unjoinable-peer",
	TimeoutExpired: "timeout-expired",
}

// String gives the word that commands print, for instance "awaiting-peer".
func (s State) String() string {
	if name, known := stateNames[s]; known {
		return name
	}
	return fmt.Sprintf("state-%d", uint8(s))
}

// Final tells whether the transfer has ended, well or badly.
func (s State) Final() bool { return s >= Finished }

// MarshalText gives String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *State) UnmarshalText(text []byte) error {
	for state, name := range stateNames {
		if name == string(text) {
			*s = state
			return nil
		}
	}
	return fmt.Errorf("%q is no transfer state", text)
}

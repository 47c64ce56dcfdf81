package pairing

import "errors"

// What ends a pairing. The texts are for people.
var (
	// ErrMalformed says that a text is no code; the error says what is wrong with it.
	ErrMalformed = errors.New("this is not a code")
	// ErrPurpose says that the code is for something else, see Code.Check.
	ErrPurpose = errors.New("this code is for something else")
	// ErrBurnt says that this device has used the code already, maybe before a
	// restart.
	ErrBurnt = errors.New("this code was used already on this device; ask for a new one")
	// ErrUsed says, where a code was entered, that no other side is there, or none any
	// more.
	ErrUsed = errors.New("this code was used, expired or mistyped; ask for a new one")
	// ErrSilent says, where a code was shown, that somebody began to use it and did not
	// go on: another who does not know it, or one who lost the network.
	ErrSilent = errors.New("someone began to use this code and fell silent; it is burnt, show a new one")
	// ErrWrongCode says that the two sides' secret words differ: mistyped, or somebody
	// else took part. The code is burnt on both sides.
	ErrWrongCode = errors.New("the code was mistyped, or someone else used it; it is burnt, use a new one")
	// ErrExpired says that nobody came while the code was shown.
	ErrExpired = errors.New("nobody entered the code in time; show a new one")
	// ErrSelf says that the code was entered on the device that shows it.
	ErrSelf = errors.New("this code is shown by this same device; enter it on the other one")
	// ErrLive says that this device shows a code already, or is entering one.
	ErrLive = errors.New("another pairing is under way; wait for its end or cancel it")
	// ErrFull says that MaxFiles codes for files are shown, or being entered.
	ErrFull = errors.New("8 one-shot codes are in use already; wait for the end of one, or cancel it")
	// ErrGuessed says that PerHour codes for files were guessed at within an hour.
	ErrGuessed = errors.New("too many one-shot codes were mistyped, or guessed at by others, within an hour; wait, or send by a contact")
	// ErrTooMany says that PerHour codes were shown within an hour.
	ErrTooMany = errors.New("too many codes were shown within an hour; wait, for each of them could be guessed at")
	// ErrOffline says that no inbox could be reached to leave a message in.
	ErrOffline = errors.New("no node of the network could be reached")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("pairing is closed")
)

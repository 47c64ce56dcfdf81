package conversation

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
)

// ID names an entry: SHA3-256("passeur/entry/1\0" ‖ header). A conversation is
// named by its first entry's ID. The zero ID names nothing.
type ID [32]byte

// ErrID is wrapped by every error of [ParseID].
var ErrID = errors.New("not an entry's id")

// String gives 64 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero tells whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs by their bytes, for slices.SortFunc.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// MarshalText gives the text form of String; the zero ID gives "".
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText is ParseID; empty text gives the zero ID.
func (id *ID) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*id = ID{}
		return nil
	}
	*id, err = ParseID(string(text))
	return err
}

// ParseID reads exactly what String gives: 64 lower-case hex digits.
func ParseID(text string) (ID, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(ID{}) || hex.EncodeToString(raw) != text {
		return ID{}, fmt.Errorf("%w: it is not %d lower-case hex digits", ErrID, 2*len(ID{}))
	}
	return ID(raw), nil
}

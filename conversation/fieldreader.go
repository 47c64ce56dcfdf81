package conversation

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/libp2p/go-libp2p/core/peer"
)

// fieldReader takes fields one by one, and remembers the first that is wrong.
type fieldReader struct {
	fields fieldMap
	err    error
}

// fail reports a field; why follows its name.
func (r *fieldReader) fail(key, why string) {
	if r.err == nil {
		r.err = fmt.Errorf("%q %s", key, why)
	}
}

// finish gives the first error; a field that nobody took is one.
func (r *fieldReader) finish() error {
	if r.err == nil && len(r.fields) > 0 {
		key := slices.Min(slices.Collect(maps.Keys(r.fields)))
		r.fail(key, "is unknown here")
	}
	return r.err
}

func (r *fieldReader) take(key string) (value string, found bool) {
	value, found = r.fields[key]
	delete(r.fields, key)
	return value, found
}

// must takes a key that may not be missing.
func (r *fieldReader) must(key string) string {
	value, found := r.take(key)
	if !found {
		r.fail(key, "is missing")
	}
	return value
}

func (r *fieldReader) oneOf(key string, known ...string) string {
	value, _ := r.take(key)
	if !slices.Contains(known, value) {
		r.fail(key, fmt.Sprintf("is %s, not one of %q", strconv.QuoteToASCII(value), known))
	}
	return value
}

func (r *fieldReader) account(key string) Account {
	text, _ := r.take(key)
	a, err := ParseAccount(text)
	if err != nil || a.String() != text {
		r.fail(key, "is not an account as it is written")
	}
	return a
}

func (r *fieldReader) device(key string) peer.ID {
	text, _ := r.take(key)
	id, err := peer.Decode(text)
	if err != nil || id.String() != text {
		r.fail(key, "is not a peer ID as it is written")
		return ""
	}
	if _, err := DeviceKey(id); err != nil {
		r.fail(key, "is no device: "+err.Error())
	}
	return id
}

// hex takes size bytes as lower-case digits.
func (r *fieldReader) hex(key string, size int) []byte {
	text, _ := r.take(key)
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != size || hex.EncodeToString(raw) != text {
		r.fail(key, fmt.Sprintf("is not %d bytes as lower-case hex digits", size))
		return nil
	}
	return raw
}

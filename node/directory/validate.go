package directory

import (
	"bytes"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	record "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/conversation"
)

// The namespaces of the two kinds of record on the DHT.
const (
	accountNamespace = "passeur-acct"
	deviceNamespace  = "passeur-dev"
)

// maxAhead is how far in the future a record may be issued: time zones set
// wrong and a bad clock, not more.
const maxAhead = 26 * time.Hour

var keyEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// AccountRecordKey gives the DHT key of an account's record. It holds a hash,
// so that a DHT node learns the account only with the record itself.
func AccountRecordKey(a conversation.Account) string {
	sum := sha3.Sum256(a[:])
	return "/" + accountNamespace + "/" + keyEncoding.EncodeToString(sum[:])
}

// DeviceRecordKey gives the DHT key of a device's record.
func DeviceRecordKey(p peer.ID) string { return "/" + deviceNamespace + "/" + p.String() }

// Validator checks and compares both kinds of record for a DHT. Every node of
// the DHT must have it, or it stores no records.
func Validator() record.NamespacedValidator {
	return record.NamespacedValidator{accountNamespace: validator{}, deviceNamespace: validator{}}
}

type validator struct{}

// Validate says why the DHT must not take raw under key, nil if it may.
func (validator) Validate(key string, raw []byte) error {
	e, err := parseEntry(key, raw)
	if err != nil {
		return err
	}
	return e.checkTime(time.Now())
}

// Select gives the index of the newest valid record, the lowest of equal ones:
// a DHT node only renews the age of a stored record when the same bytes, put
// again, are preferred to what it has.
func (validator) Select(key string, values [][]byte) (int, error) {
	best, at := (*entry)(nil), -1
	for i, raw := range values {
		if e, err := parseEntry(key, raw); err == nil && e.newerThan(best) {
			best, at = e, i
		}
	}
	if at < 0 {
		return 0, errors.New("none of the records is valid")
	}
	return at, nil
}

// entry is a verified record of either kind; one of account and device is set.
type entry struct {
	head
	raw     []byte
	account *Record
	device  *DeviceRecord
}

// parseEntry verifies raw as the record that belongs under key.
func parseEntry(key string, raw []byte) (*entry, error) {
	switch {
	case strings.HasPrefix(key, "/"+accountNamespace+"/"):
		r, err := ParseRecord(raw)
		if err == nil && AccountRecordKey(r.Account) != key {
			err = fmt.Errorf("%w: it is the record of %s", ErrWrongKey, r.Account)
		}
		if err != nil {
			return nil, err
		}
		return accountEntry(r), nil
	case strings.HasPrefix(key, "/"+deviceNamespace+"/"):
		r, err := ParseDeviceRecord(raw)
		if err == nil && DeviceRecordKey(r.Device) != key {
			err = fmt.Errorf("%w: it is the record of %s", ErrWrongKey, r.Device)
		}
		if err != nil {
			return nil, err
		}
		return deviceEntry(r), nil
	}
	return nil, fmt.Errorf("%w: %q is no key of this directory", ErrWrongKey, key)
}

func accountEntry(r *Record) *entry {
	return &entry{head: head{r.Seq, r.Issued}, raw: r.Raw, account: r}
}

func deviceEntry(r *DeviceRecord) *entry {
	return &entry{head: head{r.Seq, r.Issued}, raw: r.Raw, device: r}
}

// newerThan orders records: the higher number, and of two with the same number
// the greater bytes, so that all nodes choose alike. Nothing is older than nil.
func (e *entry) newerThan(other *entry) bool {
	if other == nil || e.seq != other.seq {
		return other == nil || e.seq > other.seq
	}
	return bytes.Compare(e.raw, other.raw) > 0
}

func (e *entry) checkTime(now time.Time) error {
	if e.issued.After(now.Add(maxAhead)) {
		return fmt.Errorf("%w (issued %s, now %s)", ErrFuture, e.issued.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

package directory

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/cryptobyte"

	"github.com/passeur-p2p/passeur/conversation"
)

// Limits of both kinds of record.
const (
	// MaxRecordSize bounds a record's bytes, its signature included.
	MaxRecordSize = 16 << 10
	// MaxDevices bounds the devices of an account.
	MaxDevices = 64
	// MaxRevoked bounds the devices an account may revoke.
	MaxRevoked = 128
	// MaxName bounds a device's name, in bytes of UTF-8.
	MaxName = 64
	// MaxSeq is the greatest sequence number: what JSON readers keep exact.
	MaxSeq = 1<<53 - 1
)

const (
	accountMagic = "PSA1"
	accountLabel = "passeur/account-record/1\x00"
	keyLen       = 32
	signatureLen = 64
)

// Why a record is refused.
var (
	// ErrMalformed: the bytes are no record, or not its one encoding.
	ErrMalformed = errors.New("malformed record")
	// ErrSignature: the signature is not that of the key the record names.
	ErrSignature = errors.New("the record's signature is wrong")
	// ErrWrongKey: a sound record, but not the one that belongs under the DHT key.
	ErrWrongKey = errors.New("the record belongs under another key")
	// ErrFuture: the record claims to be issued over a day from now; either its
	// author's clock is wrong or ours.
	ErrFuture = errors.New("the record was issued in the future; check this computer's clock")
	// ErrSeqExhausted: there is no sequence number after this one.
	ErrSeqExhausted = errors.New("the record's sequence numbers are used up")
)

// Device is one device of an account.
type Device struct {
	ID peer.ID
	// Name is what its owner calls it, at most MaxName bytes of UTF-8. It is
	// hostile text when it comes from others.
	Name string
	// Added is when it was linked, to the millisecond.
	Added time.Time
	// Certificate binds the device to the account. SignRecord makes a missing one.
	Certificate conversation.Certificate
}

// Record says which devices an account has. Records are not changed once they
// are signed or parsed; they are shared.
type Record struct {
	Account conversation.Account
	// Seq counts up with each new record, see NextSeq.
	Seq uint64
	// Issued is when it was signed, to the millisecond.
	Issued time.Time
	// Devices are those that are not revoked.
	Devices []Device
	// Revoked are devices that were the account's and are not any more.
	Revoked []peer.ID
	// Raw is the signed encoding.
	Raw []byte
}

// Has tells whether the device is one of the account's, and not revoked.
func (r *Record) Has(device peer.ID) bool {
	_, found := r.Device(device)
	return found
}

// Device gives the entry of a device that is not revoked.
func (r *Record) Device(id peer.ID) (Device, bool) {
	i := slices.IndexFunc(r.Devices, func(d Device) bool { return d.ID == id })
	if i < 0 || slices.Contains(r.Revoked, id) {
		return Device{}, false
	}
	return r.Devices[i], true
}

// NextSeq gives the sequence number for a record that replaces the one with
// number last (0: none): the time in milliseconds, or last + 1 if that is more.
// Because of the time, a home restored from a backup, or an account restored
// from its key alone, outbids its own forgotten records.
func NextSeq(last uint64, now time.Time) (uint64, error) {
	if last >= MaxSeq {
		return 0, ErrSeqExhausted
	}
	ms := uint64(max(now.UnixMilli(), 0))
	return max(last+1, min(ms, MaxSeq)), nil
}

// SignRecord encodes and signs r. It fills in what r leaves empty: the account,
// the time of issue (now) and certificates; it sorts, and leaves out devices
// that are revoked as well. Anything beyond the limits is an error.
func SignRecord(k conversation.AccountKey, r Record) ([]byte, error) {
	if k.IsZero() {
		return nil, errors.New("sign an account record: there is no account key")
	}
	if r.Account.IsZero() {
		r.Account = k.Account()
	}
	if r.Issued.IsZero() {
		r.Issued = time.Now()
	}
	if r.Account != k.Account() {
		return nil, fmt.Errorf("sign an account record: it is %s's, the %s", r.Account, k)
	}
	body, err := r.encode(k)
	if err != nil {
		return nil, fmt.Errorf("sign an account record: %w", err)
	}
	raw := append(body, k.Sign(accountLabel, body)...)
	if _, err := ParseRecord(raw); err != nil {
		return nil, fmt.Errorf("sign an account record: %w", err)
	}
	return raw, nil
}

func (r Record) encode(k conversation.AccountKey) ([]byte, error) {
	devices, err := sortedByKey(r.Devices, func(d Device) peer.ID { return d.ID })
	if err != nil {
		return nil, err
	}
	revoked, err := sortedByKey(r.Revoked, func(id peer.ID) peer.ID { return id })
	if err != nil {
		return nil, err
	}
	devices = slices.DeleteFunc(devices, func(d keyed[Device]) bool { return slices.Contains(r.Revoked, d.value.ID) })
	b := cryptobyte.NewBuilder(nil)
	b.AddBytes([]byte(accountMagic))
	b.AddBytes(r.Account[:])
	b.AddUint64(r.Seq)
	addTime(b, r.Issued)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, d := range devices {
			addDevice(b, k, d)
		}
	})
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, d := range revoked {
			b.AddBytes(d.key)
		}
	})
	return b.Bytes()
}

func addDevice(b *cryptobyte.Builder, k conversation.AccountKey, d keyed[Device]) {
	cert := d.value.Certificate
	if cert == (conversation.Certificate{}) {
		made, err := k.Certify(d.value.ID)
		if err != nil {
			b.SetError(err)
			return
		}
		cert = made
	}
	b.AddBytes(d.key)
	addTime(b, d.value.Added)
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(d.value.Name)) })
	b.AddBytes(cert[:])
}

// ParseRecord reads an account record and verifies all that can be verified
// without a clock: encoding, limits, signature, certificates. raw is copied. Errors wrap
// ErrMalformed or ErrSignature.
func ParseRecord(raw []byte) (*Record, error) {
	r, err := parseRecord(bytes.Clone(raw))
	if err != nil {
		return nil, fmt.Errorf("account record: %w", err)
	}
	return r, nil
}

func parseRecord(raw []byte) (*Record, error) {
	signer, head, s, err := openRecord(raw, accountMagic)
	if err != nil {
		return nil, err
	}
	account, err := conversation.AccountFromKey(signer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	r := &Record{Account: account, Seq: head.seq, Issued: head.issued, Raw: raw}
	devices, err := r.readLists(&s)
	if err != nil {
		return nil, err
	}
	body, signature := splitSignature(raw)
	if !account.Verify(accountLabel, body, signature) {
		return nil, ErrSignature
	}
	return r, r.adopt(devices)
}

// readLists reads what follows the head, revoked devices into r.
func (r *Record) readLists(s *cryptobyte.String) ([]Device, error) {
	var devices, revoked cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&devices) || !s.ReadUint16LengthPrefixed(&revoked) || !s.Empty() {
		return nil, fmt.Errorf("%w: its lists are cut short or followed by something", ErrMalformed)
	}
	list, err := readSorted(&devices, MaxDevices, readDevice)
	if err != nil {
		return nil, fmt.Errorf("devices: %w", err)
	}
	r.Revoked, err = readSorted(&revoked, MaxRevoked, readNothing)
	if err != nil {
		return nil, fmt.Errorf("revoked devices: %w", err)
	}
	return list, nil
}

// adopt takes the devices that are not revoked, once their certificates hold.
func (r *Record) adopt(devices []Device) error {
	for _, d := range devices {
		if err := r.Account.CheckCertificate(d.ID, d.Certificate); err != nil {
			return fmt.Errorf("%w: device %s: %w", ErrSignature, d.ID, err)
		}
		if !slices.Contains(r.Revoked, d.ID) {
			r.Devices = append(r.Devices, d)
		}
	}
	return nil
}

func readDevice(s *cryptobyte.String, id peer.ID) (Device, error) {
	d := Device{ID: id}
	var name cryptobyte.String
	if !readTime(s, &d.Added) || !s.ReadUint8LengthPrefixed(&name) || !s.CopyBytes(d.Certificate[:]) {
		return d, fmt.Errorf("%w: an entry is cut short, or its time is out of range", ErrMalformed)
	}
	if len(name) > MaxName || !utf8.Valid(name) {
		return d, fmt.Errorf("%w: a name is longer than %d bytes or not UTF-8", ErrMalformed, MaxName)
	}
	d.Name = string(name)
	return d, nil
}

func readNothing(_ *cryptobyte.String, id peer.ID) (peer.ID, error) { return id, nil }

package directory_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
)

func TestSignRecordFillsInAndSorts(t *testing.T) {
	key := newAccount(t)
	ids := []peer.ID{newDeviceID(t), newDeviceID(t), newDeviceID(t)}
	raw := sign(t, key, directory.Record{Seq: 3, Devices: devices(ids...), Revoked: ids[:1]})
	r, err := directory.ParseRecord(raw)
	if err != nil {
		t.Fatal(err)
	}
	if r.Account != key.Account() || len(r.Devices) != 2 || time.Since(r.Issued).Abs() > time.Minute {
		t.Errorf("%+v", r)
	}
	for i, id := range ids {
		d, found := r.Device(id)
		if found != (i > 0) || r.Has(id) != found {
			t.Errorf("device %d: listed %v", i, found)
		}
		if found && r.Account.CheckCertificate(id, d.Certificate) != nil {
			t.Errorf("device %d has no certificate", i)
		}
	}
	if r.Has("") || r.Has(newDeviceID(t)) {
		t.Error("a stranger is listed")
	}
}

func TestSignRecordRefusesWhatParseWould(t *testing.T) {
	key, id := newAccount(t), newDeviceID(t)
	foreign := devices(id)
	foreign[0].Certificate = conversation.Certificate{1}
	named := func(name string) []directory.Device { return []directory.Device{{ID: id, Name: name}} }
	many := make([]peer.ID, directory.MaxRevoked+1)
	for i := range many {
		many[i] = newDeviceID(t)
	}
	for name, r := range map[string]directory.Record{
		"no sequence number":     {},
		"sequence number 2^53":   {Seq: directory.MaxSeq + 1},
		"another's account":      {Seq: 1, Account: newAccount(t).Account()},
		"a foreign certificate":  {Seq: 1, Devices: foreign},
		"a device twice":         {Seq: 1, Devices: devices(id, id)},
		"revoked twice":          {Seq: 1, Revoked: []peer.ID{id, id}},
		"too many devices":       {Seq: 1, Devices: devices(many[:directory.MaxDevices+1]...)},
		"too many revoked":       {Seq: 1, Revoked: many},
		"a long name":            {Seq: 1, Devices: named(strings.Repeat("n", directory.MaxName+1))},
		"a very long name":       {Seq: 1, Devices: named(strings.Repeat("n", 256))},
		"a name not in UTF-8":    {Seq: 1, Devices: named("\xff")},
		"no device":              {Seq: 1, Devices: devices("")},
		"a device with RSA":      {Seq: 1, Devices: devices(rsaDevice(t))},
		"a revoked one with RSA": {Seq: 1, Revoked: []peer.ID{rsaDevice(t)}},
		"issued before 1970":     {Seq: 1, Issued: time.UnixMilli(-1)},
		"issued too late":        {Seq: 1, Issued: time.UnixMilli(math.MaxInt64)},
	} {
		if raw, err := directory.SignRecord(key, r); err == nil || raw != nil {
			t.Errorf("%s: %d bytes, %v", name, len(raw), err)
		}
	}
	if _, err := directory.SignRecord(conversation.AccountKey{}, directory.Record{Seq: 1}); err == nil {
		t.Error("signed without a key")
	}
	if _, err := directory.SignRecord(key, directory.Record{Seq: 1, Devices: devices(rsaDevice(t))}); !errors.Is(err, conversation.ErrDevice) {
		t.Errorf("RSA: %v, want ErrDevice", err)
	}
}

func TestDeviceRecordsAreSignedWithTheDevicesEd25519Key(t *testing.T) {
	rsa, _, err := crypto.GenerateKeyPairWithReader(crypto.RSA, 2048, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.PrivKey{"RSA": rsa, "none": nil} {
		if _, err := directory.SignDeviceRecord(key, directory.DeviceRecord{Seq: 1}); !errors.Is(err, conversation.ErrDevice) {
			t.Errorf("%s: %v, want ErrDevice", name, err)
		}
		if _, err := directory.New(directory.Config{Store: &countingStore{}, Key: key}); !errors.Is(err, conversation.ErrDevice) {
			t.Errorf("New with %s: %v, want ErrDevice", name, err)
		}
	}
	if _, err := directory.SignDeviceRecord(newDeviceKey(t), directory.DeviceRecord{Seq: 1, Device: newDeviceID(t)}); err == nil {
		t.Error("signed another device's record")
	}
	if _, err := directory.New(directory.Config{Key: newDeviceKey(t)}); err == nil || !strings.Contains(err.Error(), "Config.Store") {
		t.Errorf("New without a store: %v", err)
	}
}

func TestSealKeySkipsWhatHasExpiredOrIsUnknown(t *testing.T) {
	vectors := readVectors(t, "testdata/device-records.txt")
	i := slices.IndexFunc(vectors, func(v vector) bool { return strings.HasPrefix(v["comment"], "two X-Wing") })
	r, err := directory.ParseDeviceRecord(vectors[i].record(t))
	if err != nil {
		t.Fatal(err)
	}
	end := r.Keys[0].NotAfter
	if key, err := r.SealKey(end.Add(-1)); err != nil || string(key.Bytes()) != string(r.Keys[0].Public) {
		t.Errorf("before the end: %v", err)
	}
	for _, late := range []time.Duration{0, time.Millisecond, 100 * 365 * 24 * time.Hour} {
		if _, err := r.SealKey(end.Add(late)); !errors.Is(err, directory.ErrNoKey) {
			t.Errorf("%v after the end: %v, want ErrNoKey", late, err)
		}
	}
}

func TestNextSeq(t *testing.T) {
	now := time.UnixMilli(1795400000000)
	for _, c := range []struct {
		last uint64
		now  time.Time
		want uint64
		err  error
	}{
		{0, now, 1795400000000, nil},
		{5, now, 1795400000000, nil},
		{1795400000000, now, 1795400000001, nil},
		{1795400000009, now, 1795400000010, nil},
		{0, time.UnixMilli(-5), 1, nil},
		{0, time.UnixMilli(0), 1, nil},
		{7, time.Time{}, 8, nil},
		{0, time.UnixMilli(math.MaxInt64), directory.MaxSeq, nil},
		{directory.MaxSeq - 1, now, directory.MaxSeq, nil},
		{directory.MaxSeq, now, 0, directory.ErrSeqExhausted},
		{math.MaxUint64, now, 0, directory.ErrSeqExhausted},
	} {
		got, err := directory.NextSeq(c.last, c.now)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("NextSeq(%d, %d) = %d, %v; want %d, %v", c.last, c.now.UnixMilli(), got, err, c.want, c.err)
		}
	}
}

func TestValidator(t *testing.T) {
	v := directory.Validator()
	key, device := newAccount(t), newDeviceKey(t)
	id, err := peer.IDFromPrivateKey(device)
	if err != nil {
		t.Fatal(err)
	}
	account := sign(t, key, directory.Record{Seq: 1})
	own := signDevice(t, device, directory.DeviceRecord{Seq: 1})
	ahead := func(d time.Duration) []byte {
		return sign(t, key, directory.Record{Seq: 1, Issued: time.Now().Add(d)})
	}
	accountKey, deviceKey := directory.AccountRecordKey(key.Account()), directory.DeviceRecordKey(id)
	for _, c := range []struct {
		name, key string
		raw       []byte
		want      error
	}{
		{"account record", accountKey, account, nil},
		{"device record", deviceKey, own, nil},
		{"25 h ahead", accountKey, ahead(25 * time.Hour), nil},
		{"ten years old", accountKey, ahead(-10 * 365 * 24 * time.Hour), nil},
		{"27 h ahead", accountKey, ahead(27 * time.Hour), directory.ErrFuture},
		{"ten years ahead", accountKey, ahead(10 * 365 * 24 * time.Hour), directory.ErrFuture},
		{"another's account", directory.AccountRecordKey(newAccount(t).Account()), account, directory.ErrWrongKey},
		{"another's device", directory.DeviceRecordKey(newDeviceID(t)), own, directory.ErrWrongKey},
		{"the key in upper case", "/passeur-acct/" + strings.ToUpper(accountKey[14:]), account, directory.ErrWrongKey},
		{"the device as a CID", "/passeur-dev/" + peer.ToCid(id).String(), own, directory.ErrWrongKey},
		{"account record of a device", deviceKey, account, directory.ErrMalformed},
		{"device record of an account", accountKey, own, directory.ErrMalformed},
		{"nothing", accountKey, nil, directory.ErrMalformed},
	} {
		if err := v.Validate(c.key, c.raw); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if err := v.Validate("/pk/x", account); err == nil {
		t.Error("a foreign namespace was taken")
	}
}

func TestSelectTakesTheNewestAndOfTiesTheSame(t *testing.T) {
	v := directory.Validator()
	k := newAccount(t)
	key := directory.AccountRecordKey(k.Account())
	one, two := sign(t, k, directory.Record{Seq: 1}), sign(t, k, directory.Record{Seq: 2})
	tie := sign(t, k, directory.Record{Seq: 2, Devices: devices(newDeviceID(t))})
	greater := tie
	if string(two) > string(tie) {
		greater = two
	}
	for _, c := range []struct {
		name   string
		values [][]byte
		want   int
	}{
		{"older first", [][]byte{one, two}, 1},
		{"newer first", [][]byte{two, one}, 0},
		{"the same twice: the first, so that a DHT node renews it", [][]byte{two, two}, 0},
		{"garbage is passed over", [][]byte{[]byte("x"), nil, flip(two, 80), one}, 3},
		{"a tie", [][]byte{two, tie}, slices.IndexFunc([][]byte{two, tie}, func(b []byte) bool { return string(b) == string(greater) })},
		{"the tie the other way round", [][]byte{tie, two}, slices.IndexFunc([][]byte{tie, two}, func(b []byte) bool { return string(b) == string(greater) })},
	} {
		if got, err := v.Select(key, c.values); err != nil || got != c.want {
			t.Errorf("%s: %d, %v; want %d", c.name, got, err, c.want)
		}
	}
	for _, none := range [][][]byte{{[]byte("x")}, {nil, nil}, {}} {
		if i, err := v.Select(key, none); err == nil {
			t.Errorf("selected %d of nothing valid", i)
		}
	}
}

func signDevice(t testing.TB, k crypto.PrivKey, r directory.DeviceRecord) []byte {
	t.Helper()
	raw, err := directory.SignDeviceRecord(k, r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func rsaDevice(t *testing.T) peer.ID {
	t.Helper()
	_, public, err := crypto.GenerateKeyPairWithReader(crypto.RSA, 2048, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPublicKey(public)
	if err != nil {
		t.Fatal(fmt.Errorf("%w", err))
	}
	return id
}

// What a DHT node pays for a record that somebody gives it.
func BenchmarkValidate(b *testing.B) {
	v, key := directory.Validator(), newAccount(b)
	many := make([]peer.ID, directory.MaxDevices)
	for i := range many {
		many[i] = newDeviceID(b)
	}
	device := newDeviceKey(b)
	id, err := peer.IDFromPrivateKey(device)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name, key string
		raw       []byte
	}{
		{"account with 1 device", directory.AccountRecordKey(key.Account()), sign(b, key, directory.Record{Seq: 1, Devices: devices(many[0])})},
		{"account with 64 devices", directory.AccountRecordKey(key.Account()), sign(b, key, directory.Record{Seq: 1, Devices: devices(many...)})},
		{"device", directory.DeviceRecordKey(id), signDevice(b, device, directory.DeviceRecord{Seq: 1})},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := v.Validate(c.key, c.raw); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(c.raw)), "bytes")
		})
	}
}

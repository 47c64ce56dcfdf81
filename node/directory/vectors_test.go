package directory_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/test/vectors"
)

// A vector is one block of a file in testdata: its fields by name.
type vector vectors.Vector

func (v vector) record(t testing.TB) []byte {
	t.Helper()
	raw, err := hex.DecodeString(v["record"])
	if err != nil {
		t.Fatalf("vector %q: %v", v["comment"], err)
	}
	return raw
}

// want gives the error that the vector expects.
func (v vector) want(t *testing.T) error {
	t.Helper()
	want, known := map[string]error{
		"ok": nil, "malformed": directory.ErrMalformed, "signature": directory.ErrSignature,
	}[v["expect"]]
	if !known {
		t.Fatalf("vector %q expects %q", v["comment"], v["expect"])
	}
	return want
}

func readVectors(t testing.TB, path string) (all []vector) {
	t.Helper()
	for _, v := range vectors.Read(t, path) {
		all = append(all, vector(v))
	}
	if len(all) < 20 {
		t.Fatalf("%s holds %d vectors", path, len(all))
	}
	return all
}

func TestAccountRecordVectors(t *testing.T) {
	for _, v := range readVectors(t, "testdata/account-records.txt") {
		t.Run(v["comment"], func(t *testing.T) {
			raw := v.record(t)
			r, err := directory.ParseRecord(raw)
			if !errors.Is(err, v.want(t)) || (err == nil) != (r != nil) {
				t.Fatalf("ParseRecord = %v, %v; want %v", r, err, v.want(t))
			}
			if r != nil {
				assertAccountVector(t, v, r)
			}
		})
	}
}

func assertAccountVector(t *testing.T, v vector, r *directory.Record) {
	t.Helper()
	got := vector{
		"comment": v["comment"], "expect": "ok", "account": r.Account.String(),
		"dht-key": directory.AccountRecordKey(r.Account), "seq": fmt.Sprint(r.Seq),
		"issued": fmt.Sprint(r.Issued.UnixMilli()), "record": hex.EncodeToString(r.Raw),
	}
	var devices, revoked []string
	for _, d := range r.Devices {
		devices = append(devices, fmt.Sprintf("%s/%d/%x", d.ID, d.Added.UnixMilli(), d.Name))
	}
	for _, id := range r.Revoked {
		revoked = append(revoked, id.String())
	}
	got.set("devices", devices)
	got.set("revoked", revoked)
	assertVector(t, got, v)
	again, err := directory.SignRecord(seedAccount(t, 1), *r)
	if listedAndRevoked := strings.HasPrefix(v["comment"], "a device that is listed and"); !listedAndRevoked &&
		(err != nil || !bytes.Equal(again, r.Raw)) {
		t.Errorf("signing it again gives other bytes: %v", err)
	}
}

func TestDeviceRecordVectors(t *testing.T) {
	for _, v := range readVectors(t, "testdata/device-records.txt") {
		t.Run(v["comment"], func(t *testing.T) {
			raw := v.record(t)
			r, err := directory.ParseDeviceRecord(raw)
			if !errors.Is(err, v.want(t)) || (err == nil) != (r != nil) {
				t.Fatalf("ParseDeviceRecord = %v, %v; want %v", r, err, v.want(t))
			}
			if r != nil {
				assertDeviceVector(t, v, r)
			}
		})
	}
}

func assertDeviceVector(t *testing.T, v vector, r *directory.DeviceRecord) {
	t.Helper()
	got := vector{
		"comment": v["comment"], "expect": "ok", "device": r.Device.String(),
		"dht-key": directory.DeviceRecordKey(r.Device), "seq": fmt.Sprint(r.Seq),
		"issued": fmt.Sprint(r.Issued.UnixMilli()), "record": hex.EncodeToString(r.Raw),
	}
	var keys []string
	for _, k := range r.Keys {
		keys = append(keys, fmt.Sprintf("%04x/%d/%x", k.KEM, k.NotAfter.UnixMilli(), sha3.Sum256(k.Public)))
	}
	got.set("keys", keys)
	got.set("capabilities", r.Capabilities)
	assertVector(t, got, v)
	if again, err := directory.SignDeviceRecord(seedDevice(t, 2), *r); err != nil || !bytes.Equal(again, r.Raw) {
		t.Errorf("signing it again gives other bytes: %v", err)
	}
}

func (v vector) set(field string, words []string) {
	if len(words) > 0 {
		v[field] = strings.Join(words, " ")
	}
}

func assertVector(t *testing.T, got, want vector) {
	t.Helper()
	for field := range got {
		if got[field] != want[field] {
			t.Errorf("%s: %q, want %q", field, got[field], want[field])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d fields, want %d", len(got), len(want))
	}
}

func seedAccount(t testing.TB, n byte) conversation.AccountKey {
	t.Helper()
	key, err := conversation.AccountKeyFromSeed(bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func seedDevice(t testing.TB, n byte) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(bytes.Repeat([]byte{n}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Fuzzing starts from the vectors; what parses has one encoding only.

func FuzzParseRecord(f *testing.F) {
	for _, v := range readVectors(f, "testdata/account-records.txt") {
		f.Add(v.record(f))
	}
	key := seedAccount(f, 1)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := directory.ParseRecord(raw)
		if err != nil {
			assertRefused(t, err, r == nil)
			raw = resign(raw, func(body []byte) []byte { return key.Sign("passeur/account-record/1\x00", body) })
			if r, err = directory.ParseRecord(raw); err != nil {
				return // malformed under the signature, too
			}
		}
		if !bytes.Equal(r.Raw, raw) || len(r.Devices) > directory.MaxDevices || len(r.Revoked) > directory.MaxRevoked {
			t.Fatalf("accepted beyond the limits: %+v", r)
		}
		assertOneEncoding(t, key, r)
	})
}

func assertOneEncoding(t *testing.T, key conversation.AccountKey, r *directory.Record) {
	t.Helper()
	if r.Account != key.Account() {
		return // nobody's key here
	}
	again, err := directory.SignRecord(key, *r)
	if err != nil {
		t.Fatal(err)
	}
	reread, err := directory.ParseRecord(again)
	if err != nil || reread.Seq != r.Seq || len(reread.Devices) != len(r.Devices) {
		t.Fatalf("%+v became %+v, %v", r, reread, err)
	}
	if len(again) == len(r.Raw) && !bytes.Equal(again, r.Raw) { // else: listed and revoked
		t.Fatalf("two encodings:\n%x\n%x", again, r.Raw)
	}
}

func FuzzParseDeviceRecord(f *testing.F) {
	for _, v := range readVectors(f, "testdata/device-records.txt") {
		f.Add(v.record(f))
	}
	key := seedDevice(f, 2)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := directory.ParseDeviceRecord(raw)
		if err != nil {
			assertRefused(t, err, r == nil)
			raw = resign(raw, func(body []byte) []byte {
				sig, err := key.Sign(append([]byte("passeur/device-record/1\x00"), body...))
				if err != nil {
					t.Fatal(err)
				}
				return sig
			})
			if r, err = directory.ParseDeviceRecord(raw); err != nil {
				return
			}
		}
		_, _ = r.SealKey(time.UnixMilli(0))
		if again, err := directory.SignDeviceRecord(key, *r); err != nil || !bytes.Equal(again, r.Raw) {
			t.Fatalf("two encodings: %v\n%x\n%x", err, again, r.Raw)
		}
	})
}

// resign gives the bytes a right signature, so that fuzzing gets behind it.
func resign(raw []byte, sign func([]byte) []byte) []byte {
	if len(raw) < 64 {
		return raw
	}
	body := bytes.Clone(raw[:len(raw)-64])
	return append(body, sign(body)...)
}

func assertRefused(t *testing.T, err error, none bool) {
	t.Helper()
	if !none || !(errors.Is(err, directory.ErrMalformed) || errors.Is(err, directory.ErrSignature)) {
		t.Fatalf("refused with %v", err)
	}
}

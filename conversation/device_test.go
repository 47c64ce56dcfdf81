package conversation_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/test/vectors"
)

func TestCertificateVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "testdata/certificates.txt") {
		t.Run(v["comment"], func(t *testing.T) {
			account, err := conversation.ParseAccount(v["account"])
			if err != nil {
				t.Fatal(err)
			}
			device, err := peer.Decode(v["device"])
			if err != nil {
				t.Fatal(err)
			}
			if key, err := conversation.DeviceKey(device); err != nil || !bytes.Equal(key, v.Hex(t, "device-key")) {
				t.Fatalf("DeviceKey = %x, %v", key, err)
			}
			if again, err := conversation.DeviceFromKey(v.Hex(t, "device-key")); err != nil || again != device {
				t.Fatalf("DeviceFromKey = %v, %v", again, err)
			}
			cert := conversation.Certificate(v.Hex(t, "certificate"))
			err = account.CheckCertificate(device, cert)
			if v["expect"] != "ok" {
				if !errors.Is(err, conversation.ErrCertificate) {
					t.Fatalf("CheckCertificate = %v, want ErrCertificate", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			key, err := conversation.AccountKeyFromSeed(v.Hex(t, "account-seed"))
			if err != nil {
				t.Fatal(err)
			}
			if made, err := key.Certify(device); err != nil || made != cert {
				t.Errorf("Certify = %x, %v; want %x", made, err, cert)
			}
		})
	}
}

func TestEveryBitOfACertificateCounts(t *testing.T) {
	key, device := newKey(t), newDevice(t, crypto.Ed25519)
	cert, err := key.Certify(device)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(cert) * 8 {
		wrong := cert
		wrong[bit/8] ^= 1 << (bit % 8)
		if err := key.Account().CheckCertificate(device, wrong); !errors.Is(err, conversation.ErrCertificate) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
	}
	if err := newKey(t).Account().CheckCertificate(device, cert); !errors.Is(err, conversation.ErrCertificate) {
		t.Errorf("another account: %v", err)
	}
}

func TestOnlyEd25519PeersAreDevices(t *testing.T) {
	for name, device := range map[string]peer.ID{
		"secp256k1": newDevice(t, crypto.Secp256k1),
		"RSA":       newDevice(t, crypto.RSA),
		"ECDSA":     newDevice(t, crypto.ECDSA),
		"empty":     "",
		"garbage":   peer.ID("garbage"),
	} {
		if _, err := conversation.DeviceKey(device); !errors.Is(err, conversation.ErrDevice) {
			t.Errorf("%s: DeviceKey gives %v, want ErrDevice", name, err)
		}
		if _, err := newKey(t).Certify(device); !errors.Is(err, conversation.ErrDevice) {
			t.Errorf("%s: Certify gives %v, want ErrDevice", name, err)
		}
		err := newKey(t).Account().CheckCertificate(device, conversation.Certificate{})
		if !errors.Is(err, conversation.ErrCertificate) || !errors.Is(err, conversation.ErrDevice) {
			t.Errorf("%s: CheckCertificate gives %v", name, err)
		}
	}
}

func newDevice(t *testing.T, keyType int) peer.ID {
	t.Helper()
	_, public, err := crypto.GenerateKeyPairWithReader(keyType, 2048, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

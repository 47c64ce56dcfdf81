package pairing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/crypto/sha3"
)

// What is derived. CPace's key and X-Wing's, each of 32 bytes, are joined:
//
//	transcript = SHA3-256("passeur/pair/transcript/1\0" ‖ hello ‖ answer without its tag)
//	prk        = HKDF-Extract(SHA-256, salt: none, CPace's key ‖ X-Wing's key)
//	key(name)  = HKDF-Expand(prk, "passeur/pair/" ‖ name ‖ "/1\0" ‖ transcript, 32)
//
// with the names tag-show and tag-type (sent as they are, to prove the rest),
// seal-show and seal-type (AES-256-GCM keys, each for one party, with a nonce of
// zeros and no additional data), verifier, and transfer (which names what a file's
// code is for). Hello and answer have fixed sizes, so that joining them is
// unambiguous.
const (
	transcriptLabel = "passeur/pair/transcript/1\x00"
	keyLabel        = "passeur/pair/"
	keyVersion      = "/1\x00"
	verifierLabel   = "passeur/pair/verifier/1\x00"
	keySize         = 32
)

// secrets are what a finished exchange gives to both sides, of who shows the code
// and of who types it.
type secrets struct {
	showTag, typeTag   tag
	showSeal, typeSeal [keySize]byte
	verifier           [4]string
	transfer           [keySize]byte
}

func transcriptOf(h hello, a answer) [32]byte {
	return sha3.Sum256(slices.Concat([]byte(transcriptLabel), h.append(nil), a.untagged()))
}

// deriveSecrets joins both keys and the transcript.
func deriveSecrets(cpaceKey, xwingKey []byte, transcript [32]byte) (s secrets, err error) {
	prk, err := hkdf.Extract(sha256.New, slices.Concat(cpaceKey, xwingKey), nil)
	if err != nil {
		return s, fmt.Errorf("derive keys: %w", err)
	}
	var verifier [keySize]byte
	for name, out := range map[string]*[keySize]byte{
		"tag-show": (*[keySize]byte)(&s.showTag), "tag-type": (*[keySize]byte)(&s.typeTag),
		"seal-show": &s.showSeal, "seal-type": &s.typeSeal, "verifier": &verifier, "transfer": &s.transfer,
	} {
		key, err := hkdf.Expand(sha256.New, prk, keyLabel+name+keyVersion+string(transcript[:]), keySize)
		if err != nil {
			return s, fmt.Errorf("derive keys: %w", err)
		}
		copy(out[:], key)
	}
	s.verifier = verifierWords(verifier)
	return s, nil
}

// verifierWords names a key by four words: eight bytes each of
// SHA3-256("passeur/pair/verifier/1\0" ‖ key), as a number modulo the words of the
// list (1,295, sorted).
func verifierWords(key [keySize]byte) (words [4]string) {
	sum := sha3.Sum256(slices.Concat([]byte(verifierLabel), key[:]))
	for i := range words {
		words[i] = wordList()[binary.BigEndian.Uint64(sum[8*i:])%uint64(len(wordList()))]
	}
	return words
}

func sealParty(key [keySize]byte, p Party) (box partyBox, err error) {
	plain, err := p.marshal()
	if err != nil {
		return box, err
	}
	aead, err := aeadOf(key)
	if err != nil {
		return box, err
	}
	return partyBox(aead.Seal(nil, make([]byte, aead.NonceSize()), plain, nil)), nil
}

func openParty(key [keySize]byte, box partyBox) (Party, error) {
	aead, err := aeadOf(key)
	if err != nil {
		return Party{}, err
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), box[:], nil)
	if err != nil {
		return Party{}, fmt.Errorf("%w: %w", errParty, err)
	}
	return parseParty(plain)
}

// aeadOf gives AES-256-GCM; each key seals one message, so that a nonce of zeros is
// used once.
func aeadOf(key [keySize]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// openProof checks the tag of who typed the code, and gives who that is.
func (s secrets) openProof(m proof) (Party, error) {
	if !s.typeTag.equals(m.tag) {
		return Party{}, ErrWrongCode
	}
	return openParty(s.typeSeal, m.party)
}

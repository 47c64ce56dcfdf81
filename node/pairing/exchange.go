package pairing

import (
	"crypto/hpke"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"slices"

	"filippo.io/cpace"
	"golang.org/x/crypto/sha3"
)

const (
	typeName = "passeur/pair/type" // CPace's first identity: who starts
	showName = "passeur/pair/show"

	xwingInfo   = "passeur/pair/xwing/1\x00"
	exportLabel = "key"
)

// contextOf binds an exchange to what the code is for, to its public part, to the
// session and to the X-Wing key: purpose 1 (L, C or F) ‖ length 1 ‖ R ‖ session 16 ‖
// SHA3-256(key) 32 is CPace's additional data.
func contextOf(p Purpose, public string, s session, key publicKey) (*cpace.ContextInfo, error) {
	letter, known := p.letter()
	if !known || public == "" || len(public) > 255 {
		return nil, fmt.Errorf("%w: it is empty", ErrMalformed)
	}
	sum := sha3.Sum256(key[:])
	ad := slices.Concat([]byte{letter, byte(len(public))}, []byte(public), s[:], sum[:])
	return cpace.NewContextInfo(typeName, showName, ad), nil
}

// typist is the side that types the code, while it waits for an answer.
type typist struct {
	hello hello
	key   hpke.PrivateKey
	state *cpace.State
}

// startTyping makes the first message, asking for an answer to inbox.
func startTyping(p Purpose, c part, inbox inboxKey) (*typist, error) {
	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("make an X-Wing key: %w", err)
	}
	return newTypist(p, c, inbox, key)
}

func newTypist(p Purpose, c part, inbox inboxKey, key hpke.PrivateKey) (*typist, error) {
	t := &typist{key: key, hello: hello{inbox: inbox, key: publicKey(key.PublicKey().Bytes())}}
	rand.Read(t.hello.session[:]) // never fails
	context, err := contextOf(p, c.public, t.hello.session, t.hello.key)
	if err != nil {
		return nil, err
	}
	first, state, err := cpace.Start(c.secret, context)
	if err != nil {
		return nil, fmt.Errorf("begin CPace: %w", err)
	}
	t.state, t.hello.cpace = state, cpaceOne(first)
	return t, nil
}

// finish gives what both sides share if the answer's tag is right. ErrWrongCode:
// it is not, and the other side must not be told anything but over.
func (t *typist) finish(a answer) (secrets, error) {
	cpaceKey, err := t.state.Finish(a.cpace[:])
	if err != nil {
		return secrets{}, fmt.Errorf("%w: %w", ErrWrongCode, err)
	}
	xwing, err := hpke.NewRecipient(a.wrapped[:], t.key, hpke.HKDFSHA256(), hpke.ExportOnly(), []byte(xwingInfo))
	if err != nil {
		return secrets{}, fmt.Errorf("%w: %w", ErrWrongCode, err)
	}
	xwingKey, err := xwing.Export(exportLabel, keySize)
	if err != nil {
		return secrets{}, fmt.Errorf("derive keys: %w", err)
	}
	s, err := deriveSecrets(cpaceKey, xwingKey, transcriptOf(t.hello, a))
	if err == nil && !s.showTag.equals(a.tag) {
		err = ErrWrongCode
	}
	return s, err
}

// answerTo is the side that shows the code: the one answer to a hello, asking for
// proof to inbox, and what both sides share if the other has typed the same code.
func answerTo(p Purpose, c part, h hello, inbox inboxKey) (a answer, s secrets, err error) {
	a = answer{session: h.session, inbox: inbox}
	context, err := contextOf(p, c.public, h.session, h.key)
	if err != nil {
		return a, s, err
	}
	second, cpaceKey, err := cpace.Exchange(c.secret, context, h.cpace[:])
	if err != nil {
		return a, s, fmt.Errorf("answer CPace: %w", err)
	}
	key, err := hpke.MLKEM768X25519().NewPublicKey(h.key[:])
	if err != nil {
		return a, s, fmt.Errorf("X-Wing key: %w", err)
	}
	enc, xwing, err := hpke.NewSender(key, hpke.HKDFSHA256(), hpke.ExportOnly(), []byte(xwingInfo))
	if err != nil {
		return a, s, fmt.Errorf("wrap a key: %w", err)
	}
	xwingKey, err := xwing.Export(exportLabel, keySize)
	if err != nil {
		return a, s, fmt.Errorf("derive keys: %w", err)
	}
	a.cpace, a.wrapped = cpaceTwo(second), wrapped(enc)
	s, err = deriveSecrets(cpaceKey, xwingKey, transcriptOf(h, a))
	a.tag = s.showTag
	return a, s, err
}

func (t tag) equals(other tag) bool { return subtle.ConstantTimeCompare(t[:], other[:]) == 1 }

package pairing

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"filippo.io/cpace"
	"github.com/gtank/ristretto255"
	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/test/vectors"
)

// drawing makes what is drawn be read from r until the test ends.
func drawing(t testing.TB, r io.Reader) {
	was := rand.Reader
	rand.Reader = r
	t.Cleanup(func() { rand.Reader = was })
}

// The library's own transcript: whatever replaces it must give the same bytes.
func TestCPaceIsWhatItWas(t *testing.T) {
	stream, err := hkdf.Expand(sha256.New, []byte("INSECURE"), "", 1024)
	if err != nil {
		t.Fatal(err)
	}
	drawing(t, bytes.NewReader(stream))
	c := cpace.NewContextInfo("a", "b", []byte("ad"))
	first, state, err := cpace.Start("password", c)
	if err != nil {
		t.Fatal(err)
	}
	second, key, err := cpace.Exchange("password", c, first)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := state.Finish(second); err != nil || !bytes.Equal(again, key) {
		t.Errorf("the keys are %x and %x, %v", key, again, err)
	}
	sum := sha256.Sum256(bytes.Join([][]byte{first, second, key}, nil))
	if got := base64.RawStdEncoding.EncodeToString(sum[:]); got != "NpHB1PcNLBGo9idbTXys5aRkuAlV+FQAshGfsJoxs3g" {
		t.Errorf("the transcript's hash is %s", got)
	}
}

// generator is CPace's, by the draft and not by the library: HKDF-SHA256 of the
// secret with the salt, and with the lengths and texts of label, names and context
// as info, mapped to the group.
func generator(t testing.TB, secret string, salt []byte, context []byte) *ristretto255.Element {
	var info []byte
	for _, text := range [][]byte{[]byte("cpace-r255"), []byte(typeName), []byte(showName), context} {
		info = append(append(info, byte(len(text)>>8), byte(len(text))), text...)
	}
	uniform, err := hkdf.Key(sha256.New, []byte(secret), salt, string(info), 64)
	if err != nil {
		t.Fatal(err)
	}
	g, err := ristretto255.NewIdentityElement().SetUniformBytes(uniform)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func scalar(t testing.TB, wide []byte) *ristretto255.Scalar {
	s, err := ristretto255.NewScalar().SetUniformBytes(wide)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func times(s *ristretto255.Scalar, e *ristretto255.Element) *ristretto255.Element {
	return ristretto255.NewIdentityElement().ScalarMult(s, e)
}

// contextBytes is CPace's additional data as the protocol's page has it.
func contextBytes(letter byte, public string, s session, key publicKey) []byte {
	sum := sha3.Sum256(key[:])
	return bytes.Join([][]byte{{letter, byte(len(public))}, []byte(public), s[:], sum[:]}, nil)
}

// Each vector holds all that either side draws, says and derives.
func TestExchangeVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "testdata/exchange.txt") {
		t.Run(v["comment"], func(t *testing.T) {
			h := mustParse(t, v.Hex(t, "hello")).(hello)
			a := mustParse(t, v.Hex(t, "answer")).(answer)
			p := mustParse(t, v.Hex(t, "proof")).(proof)
			w := mustParse(t, v.Hex(t, "welcome")).(welcome)
			cpaceKey := vectorCPace(t, v, h, a)
			xwing, err := hpke.MLKEM768X25519().NewPrivateKey(v.Hex(t, "X-Wing seed"))
			if err != nil || !bytes.Equal(xwing.PublicKey().Bytes(), h.key[:]) {
				t.Fatalf("X-Wing key: %v", err)
			}
			xwingKey := run{typist: &typist{key: xwing}, answer: a}.xwingKey(t)
			if hex.EncodeToString(xwingKey) != v["X-Wing key"] {
				t.Errorf("X-Wing's key is %x", xwingKey)
			}
			s, err := deriveSecrets(cpaceKey, xwingKey, transcriptOf(h, a))
			if err != nil {
				t.Fatal(err)
			}
			assertSecrets(t, v, s, a, p, w)
		})
	}
}

// vectorCPace computes both of CPace's messages and its key from the scalars.
func vectorCPace(t *testing.T, v vectors.Vector, h hello, a answer) []byte {
	letter, _ := Purpose(v["purpose"]).letter()
	salt := h.cpace[:saltSize]
	g := generator(t, v["secret"], salt, contextBytes(letter, v["public"], h.session, h.key))
	x, y := scalar(t, v.Hex(t, "hello scalar")), scalar(t, v.Hex(t, "answer scalar"))
	if !bytes.Equal(times(x, g).Bytes(), h.cpace[saltSize:]) || !bytes.Equal(times(y, g).Bytes(), a.cpace[:]) {
		t.Errorf("CPace's messages are other ones: %x, %x", times(x, g).Bytes(), times(y, g).Bytes())
	}
	key, err := hkdf.Extract(sha256.New, times(x, times(y, g)).Bytes(), bytes.Join([][]byte{h.cpace[:], a.cpace[:]}, nil))
	if err != nil || hex.EncodeToString(key) != v["CPace key"] {
		t.Errorf("CPace's key is %x, %v", key, err)
	}
	return key
}

func assertSecrets(t *testing.T, v vectors.Vector, s secrets, a answer, p proof, w welcome) {
	t.Helper()
	for name, got := range map[string][]byte{
		"tag-show": s.showTag[:], "tag-type": s.typeTag[:], "seal-show": s.showSeal[:], "seal-type": s.typeSeal[:], "transfer": s.transfer[:],
	} {
		if hex.EncodeToString(got) != v[name] {
			t.Errorf("%s is %x", name, got)
		}
	}
	if got := strings.Join(s.verifier[:], " "); got != v["verifier"] {
		t.Errorf("verifier: %s", got)
	}
	if a.tag != s.showTag || p.tag != s.typeTag {
		t.Error("the tags are not those that were derived")
	}
	typist, err := openParty(s.typeSeal, p.party)
	if err != nil || partyText(typist) != v["party-type"] {
		t.Errorf("who types: %s, %v", partyText(typist), err)
	}
	shower, err := openParty(s.showSeal, w.party)
	if err != nil || partyText(shower) != v["party-show"] {
		t.Errorf("who shows: %s, %v", partyText(shower), err)
	}
	box, err := sealParty(s.typeSeal, typist)
	if err != nil || box != p.party {
		t.Errorf("sealed anew it is another: %v", err)
	}
}

func partyText(p Party) string {
	words := []string{p.Device.String(), p.Account.String(), p.Name}
	for _, a := range p.Addrs {
		words = append(words, a.String())
	}
	return strings.Join(words, " ")
}

func mustParse(t testing.TB, raw []byte) message {
	t.Helper()
	m, err := parseMessage(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.append(nil), raw) {
		t.Errorf("%x is written as %x", raw, m.append(nil))
	}
	return m
}

// run is an exchange of which everything is known.
type run struct {
	typist    *typist
	code      Code
	hello     hello
	answer    answer
	proof     proof
	welcome   welcome
	show, typ secrets
}

func newRun(t testing.TB, shown, typed Code) run {
	r := run{code: shown}
	ty, err := startTyping(typed.purpose, typed.words, inboxKey{1})
	if err != nil {
		t.Fatal(err)
	}
	r.typist, r.hello = ty, ty.hello
	if r.answer, r.show, err = answerTo(shown.purpose, shown.words, r.hello, inboxKey{2}); err != nil {
		t.Fatal(err)
	}
	if r.typ, err = ty.finish(r.answer); err != nil && !errors.Is(err, ErrWrongCode) {
		t.Fatal(err)
	}
	box, err := sealParty(r.typ.typeSeal, newParty(t, "type"))
	if err != nil {
		t.Fatal(err)
	}
	r.proof = proof{r.hello.session, r.typ.typeTag, box}
	if box, err = sealParty(r.show.showSeal, newParty(t, "show")); err != nil {
		t.Fatal(err)
	}
	r.welcome = welcome{r.hello.session, box}
	return r
}

// xwingKey is what only who types, and who broke X-Wing, can find.
func (r run) xwingKey(t testing.TB) []byte {
	x, err := hpke.NewRecipient(r.answer.wrapped[:], r.typist.key, hpke.HKDFSHA256(), hpke.ExportOnly(), []byte(xwingInfo))
	if err != nil {
		t.Fatal(err)
	}
	key, err := x.Export(exportLabel, keySize)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (r run) messages() [][]byte {
	return [][]byte{r.hello.append(nil), r.answer.append(nil), r.proof.append(nil), r.welcome.append(nil)}
}

func TestBothSidesDeriveTheSame(t *testing.T) {
	c := NewCode(Link)
	if r := newRun(t, c, c); r.show != r.typ {
		t.Error("two different sets of keys")
	}
	r := newRun(t, c, wrong(c))
	if r.show.showTag == r.typ.showTag || r.show.typeTag == r.typ.typeTag || r.show.verifier == r.typ.verifier {
		t.Error("the same for different words")
	}
}

func TestLabelsAreDistinct(t *testing.T) {
	s, err := deriveSecrets(make([]byte, 32), make([]byte, 32), [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[[32]byte]bool)
	for _, k := range [][32]byte{s.showTag, s.typeTag, s.showSeal, s.typeSeal} {
		if seen[k] {
			t.Errorf("%x twice", k)
		}
		seen[k] = true
	}
}

// hashesOf gives every hash of a secret part that anything here computes with a
// label, and some that one might.
func hashesOf(c Code) (hashes [][]byte) {
	labels := []string{
		"", ownerLabel, burntLabel, transcriptLabel, verifierLabel, keyLabel, xwingInfo, exportLabel, typeName, showName,
		"cpace-r255", "pair/1/", "drop/1/", "inbox/1/", "passeur/pair/tag-show/1\x00", "passeur/pair/seal-show/1\x00",
	}
	texts := []string{c.words.secret, c.Words(), strings.ReplaceAll(c.words.secret, "-", " "), strings.ReplaceAll(c.words.secret, "-", "")}
	texts = append(texts, strings.Split(c.words.secret, "-")...)
	for _, label := range labels {
		for _, text := range texts {
			a, b, d := sha3.Sum256([]byte(label+text)), sha256.Sum256([]byte(label+text)), sha3.Sum512([]byte(label+text))
			hashes = append(hashes, a[:], b[:], d[:])
			if len(text) > 3 {
				hashes = append(hashes, []byte(label+text))
			}
		}
	}
	return hashes
}

// Nothing that lies in inboxes, on disks or in logs is a function of the secret part
// alone.
func TestNothingContainsTheSecretOrAHashOfIt(t *testing.T) {
	c := NewCode(Link)
	r := newRun(t, c, c)
	sum := burntSum(c.words)
	key := meetingKey(c.words.public, 1)
	for _, secret := range hashesOf(c) {
		for _, seen := range append(r.messages(), sum[:], key, []byte(c.String())) {
			if bytes.Contains(seen, secret[:min(len(secret), 16)]) {
				t.Errorf("%q is in %x", secret, seen[:32])
			}
		}
	}
}

// What an eavesdropper can compute from a whole run and a guess does not depend on
// whether the guess is right: he can make the generator of the guess, and has two
// multiples of the right one by scalars that he does not know. No equation is left to
// test: each of the points is some multiple of any generator, because the group has
// prime order, and the tags are hashes of a point that he lacks. Here he tries all
// points that he can write down.
func TestEavesdropperCannotTestAGuess(t *testing.T) {
	c := NewCode(Contact)
	r := newRun(t, c, c)
	for _, guess := range []Code{c, wrong(c)} {
		for name, s := range eavesdropped(t, r, guess) {
			if s.showTag == r.answer.tag || s.typeTag == r.proof.tag {
				t.Errorf("%s confirms a guess (right: %v)", name, guess == c)
			}
			if _, err := openParty(s.typeSeal, r.proof.party); err == nil {
				t.Errorf("%s opens who types", name)
			}
			if _, err := openParty(s.showSeal, r.welcome.party); err == nil {
				t.Errorf("%s opens who shows", name)
			}
		}
	}
}

// A run of two who know other words passes every check that somebody else can make.
func TestRunsWithOtherSecretsLookAlike(t *testing.T) {
	c := NewCode(Contact)
	for _, r := range []run{newRun(t, c, c), newRun(t, wrong(c), wrong(c)), newRun(t, c, wrong(c))} {
		for i, raw := range r.messages() {
			m := mustParse(t, raw)
			if kind(raw[1]) != kind(i+1) || m.of() != r.hello.session {
				t.Errorf("message %d is of kind %d", i, raw[1])
			}
		}
		if lens := []int{len(r.messages()[0]), len(r.messages()[1]), len(r.messages()[2]), len(r.messages()[3])}; lens[0] != 1314 ||
			lens[1] != 1234 || lens[2] != 2114 || lens[3] != 2082 {
			t.Errorf("sizes %v", lens)
		}
	}
}

// eavesdropped derives secrets from every point that can be made of a transcript and
// a guess without a scalar. He is even given X-Wing's key.
func eavesdropped(t testing.TB, r run, guess Code) map[string]secrets {
	context := contextBytes('C', guess.words.public, r.hello.session, r.hello.key)
	g := generator(t, guess.words.secret, r.hello.cpace[:saltSize], context)
	first, second := mustPoint(t, r.hello.cpace[saltSize:]), mustPoint(t, r.answer.cpace[:])
	add := func(a, b *ristretto255.Element) *ristretto255.Element {
		return ristretto255.NewIdentityElement().Add(a, b)
	}
	xwingKey := r.xwingKey(t)
	points := map[string]*ristretto255.Element{
		"the guess": g, "hello's point": first, "answer's point": second, "their sum": add(first, second),
		"sum with the guess": add(add(first, second), g), "the identity": ristretto255.NewIdentityElement(),
		"the difference":       ristretto255.NewIdentityElement().Subtract(first, second),
		"hello less the guess": ristretto255.NewIdentityElement().Subtract(first, g),
	}
	salt := bytes.Join([][]byte{r.hello.cpace[:], r.answer.cpace[:]}, nil)
	all := make(map[string]secrets)
	for name, p := range points {
		key, err := hkdf.Extract(sha256.New, p.Bytes(), salt)
		if err != nil {
			t.Fatal(err)
		}
		if all[name], err = deriveSecrets(key, xwingKey, transcriptOf(r.hello, r.answer)); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func mustPoint(t testing.TB, b []byte) *ristretto255.Element {
	p, err := ristretto255.NewIdentityElement().SetCanonicalBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Who has one of the two keys only has nothing: neither CPace broken later, nor
// X-Wing, opens a recorded exchange.
func TestBothKeysMatterForAllThatIsDerived(t *testing.T) {
	cpaceKey, xwingKey, zeros := bytes.Repeat([]byte{1}, keySize), bytes.Repeat([]byte{2}, keySize), make([]byte, keySize)
	derive := func(a, b []byte) secrets {
		s, err := deriveSecrets(a, b, [32]byte{3})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	both := derive(cpaceKey, xwingKey)
	for _, s := range []secrets{derive(cpaceKey, zeros), derive(zeros, xwingKey), derive(xwingKey, cpaceKey)} {
		if s.showTag == both.showTag || s.typeTag == both.typeTag || s.showSeal == both.showSeal || s.typeSeal == both.typeSeal || s.transfer == both.transfer {
			t.Errorf("%+v is like %+v", s, both)
		}
	}
}

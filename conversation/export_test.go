package conversation

import "github.com/libp2p/go-libp2p/core/crypto"

// SignWithSalt is Sign with salt that is not random, for golden bytes.
func (d Draft) SignWithSalt(device crypto.PrivKey, salt []byte) (*Entry, error) {
	return d.sign(device, salt)
}

// Reencode gives the header that what a header says is written as.
func Reencode(raw []byte) ([]byte, error) {
	h, err := parseHeader(raw)
	if err != nil {
		return nil, err
	}
	return h.encode()
}

// For the tests from outside.
type Fields = fieldMap

var (
	ParseFields = parseFields
	ErrFields   = errFields
)

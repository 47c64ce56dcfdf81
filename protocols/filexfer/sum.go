package filexfer

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A sum is the SHA3-512 of the bytes that flow, as 128 lower-case hex digits:
// what "openssl dgst -sha3-512" prints.
const sumDigits = 128

func isSum(s string) bool {
	notDigit := func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }
	return len(s) == sumDigits && !strings.ContainsFunc(s, notDigit)
}

// trailer is the line that follows the bytes: "Sha3-512: <sum>\n", 139 bytes.
func trailer(digest []byte) []byte {
	return []byte(keySum + ": " + hex.EncodeToString(digest) + "\n")
}

// readTrailer takes the trailer from r, whose buffer bounds the line, and gives
// the sum in it.
func readTrailer(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("%w: trailer without an end", ErrProtocol)
	case errors.Is(err, io.EOF):
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	sum, found := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), keySum+": ")
	if !found || !isSum(sum) {
		return "", fmt.Errorf("%w: the trailer is no "+keySum+" line", ErrProtocol)
	}
	return sum, nil
}

package api

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// tokenName is the file of the token in the home.
	tokenName = "api.token"
	// minToken is the shortest token that is believed, in letters: 128 bits of base32.
	minToken = 26
)

// TokenPath is where the token for TCP of a home lies.
func TokenPath(home string) string { return filepath.Join(home, tokenName) }

// openToken reads the home's token, and makes one if there is none. Only the owner of
// the home may be able to read it.
func openToken(home string) (string, error) {
	path := TokenPath(home)
	token, err := readToken(home)
	if errors.Is(err, fs.ErrNotExist) {
		return makeToken(path)
	}
	if err != nil {
		return "", err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return "", fmt.Errorf("close the token of the API to others: %w", err)
	}
	return token, nil
}

// readToken gives the token that holds now: as long as its file is there.
func readToken(home string) (string, error) {
	path := TokenPath(home)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the token of the API: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < minToken {
		return "", fmt.Errorf("the token of the API in %s is shorter than %d letters; remove the file, and a new one is made", path, minToken)
	}
	return token, nil
}

func makeToken(path string) (string, error) {
	token := rand.Text()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("make the token of the API: %w", err)
	}
	_, err = file.WriteString(token + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("make the token of the API: %w", err), os.Remove(path))
	}
	return token, nil
}

// isToken compares in a time that does not depend on what was sent.
func isToken(sent, token string) bool {
	a, b := sha256.Sum256([]byte(sent)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

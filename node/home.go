package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// Files of a home.
const (
	lockFile       = "lock"
	deviceKeyFile  = "device.key"  // libp2p private key, protobuf form
	accountKeyFile = "account.key" // 32-byte seed
	nameFile       = "name"
	stateFile      = "node.db"
)

// maxName is the longest name of a device, in bytes.
const maxName = 64

// keys are the secrets of a home: who this device is and whom it belongs to.
type keys struct {
	device  crypto.PrivKey
	account conversation.AccountKey
	name    string
}

// LoadIdentity reads who the home's node is, and makes the keys if the home is
// new. It starts nothing and may be called while a node runs; Addrs is empty.
func LoadIdentity(home, name string) (Identity, error) {
	k, err := loadKeys(home, name)
	if err != nil {
		return Identity{}, err
	}
	return k.identity()
}

func (k keys) identity() (Identity, error) {
	device, err := peer.IDFromPrivateKey(k.device)
	return Identity{Account: k.account.Account(), Device: device, Name: k.name}, err
}

func loadKeys(home, name string) (keys, error) {
	if home == "" {
		return keys{}, errors.New("the home folder's name is empty")
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return keys{}, fmt.Errorf("make the home folder: %w", err)
	}
	raw, err := loadOrMake(filepath.Join(home, deviceKeyFile), newDeviceKey)
	if err != nil {
		return keys{}, fmt.Errorf("device key: %w", err)
	}
	var k keys
	if k.device, err = crypto.UnmarshalPrivateKey(raw); err != nil {
		return keys{}, fmt.Errorf("device key %s: %w", filepath.Join(home, deviceKeyFile), err)
	}
	raw, err = loadOrMake(filepath.Join(home, accountKeyFile), newAccountSeed)
	if err != nil {
		return keys{}, fmt.Errorf("account key: %w", err)
	}
	if k.account, err = conversation.AccountKeyFromSeed(raw); err != nil {
		return keys{}, fmt.Errorf("account key %s: %w", filepath.Join(home, accountKeyFile), err)
	}
	k.name, err = loadName(home, name)
	return k, err
}

func newDeviceKey() ([]byte, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	return crypto.MarshalPrivateKey(key)
}

func newAccountSeed() ([]byte, error) {
	key, err := conversation.NewAccountKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return key.Seed(), nil
}

// loadName gives the device's name: the one asked for, which is then kept, or
// the one kept, or the machine's.
func loadName(home, name string) (string, error) {
	if len(name) > maxName {
		return "", fmt.Errorf("the name has %d bytes; at most %d are allowed", len(name), maxName)
	}
	path := filepath.Join(home, nameFile)
	if name != "" {
		return name, replaceFile(path, []byte(name+"\n"))
	}
	kept, err := os.ReadFile(path)
	if text := strings.TrimSpace(string(kept)); err == nil && text != "" {
		return text, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	machine, err := os.Hostname()
	if err != nil || machine == "" {
		machine = "device"
	}
	return machine[:min(len(machine), maxName)], nil
}

// loadOrMake reads a secret file, or makes it so that two processes that make
// it at once end up with the same one.
func loadOrMake(path string, newSecret func() ([]byte, error)) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return raw, err
	}
	if raw, err = newSecret(); err != nil {
		return nil, err
	}
	temp, err := writeTemp(path, raw)
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp)
	if err := os.Link(temp, path); errors.Is(err, fs.ErrExist) {
		return os.ReadFile(path)
	} else if err != nil {
		return nil, err
	}
	return raw, syncFolder(filepath.Dir(path))
}

// replaceFile writes content under path in one step: all of it or nothing.
func replaceFile(path string, content []byte) error {
	temp, err := writeTemp(path, content)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// writeTemp writes content, mode 0600 and synced, beside path.
func writeTemp(path string, content []byte) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// lockHome keeps other nodes away from the home until release is called; the
// system releases it too when the process dies.
func lockHome(home string) (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(home, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the home: %w", err)
	}
	if err := tryLock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w: %s", ErrLocked, home)
	}
	return func() { f.Close() }, nil
}

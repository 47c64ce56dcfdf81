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
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Files of a home.
const (
	lockFile        = "lock"
	deviceKeyFile   = "device.key"   // libp2p private key, protobuf form
	accountKeyFile  = "account.key"  // 32-byte seed; on keepers
	accountCertFile = "account.cert" // account 32 ‖ this device's certificate 64; on other devices
	handoverFile    = "handover"     // what was handed over when this device joined, until it is taken in
	nameFile        = "name"
	stateFile       = "node.db"
)

// maxName is the longest name of a device, in bytes.
const maxName = 64

// keys are the secrets of a home: who this device is and whom it belongs to.
type keys struct {
	device      crypto.PrivKey
	id          peer.ID // the device's
	account     conversation.Account
	certificate conversation.Certificate // makes the device one of the account's
	accountKey  conversation.AccountKey  // zero unless this device is a keeper
	name        string
}

// keeper tells whether this device may sign for the account.
func (k keys) keeper() bool { return !k.accountKey.IsZero() }

// LoadIdentity reads who the home's node is, and makes the keys if the home is
// new. It starts nothing and may be called while a node runs; Addrs is empty.
func LoadIdentity(home, name string) (Identity, error) {
	k, err := loadKeys(home, name)
	if err != nil {
		return Identity{}, err
	}
	return Identity{Account: k.account, Device: k.id, Name: k.name}, nil
}

func loadKeys(home, name string) (k keys, err error) {
	if home == "" {
		return k, errors.New("the home folder's name is empty")
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return k, fmt.Errorf("make the home folder: %w", err)
	}
	raw, err := loadOrMake(filepath.Join(home, deviceKeyFile), newDeviceKey)
	if err != nil {
		return k, fmt.Errorf("device key: %w", err)
	}
	if k.device, err = crypto.UnmarshalPrivateKey(raw); err != nil {
		return k, fmt.Errorf("device key %s: %w", filepath.Join(home, deviceKeyFile), err)
	}
	if k.id, err = peer.IDFromPrivateKey(k.device); err != nil {
		return k, err
	}
	if err := k.loadAccount(home); err != nil {
		return k, err
	}
	k.name, err = loadName(home, name)
	return k, err
}

// loadAccount finds the account: the one that was joined and is still to be taken
// in, or the one that certified this device, or the one whose key lies here. A
// home with none of these makes a new account and keeps its key.
func (k *keys) loadAccount(home string) error {
	h, err := loadHandover(home, k.id)
	if err != nil {
		return err
	}
	if h != nil {
		return k.become(h)
	}
	path := filepath.Join(home, accountCertFile)
	raw, err := os.ReadFile(path)
	if err == nil {
		return inFile(path, k.readCertificate(raw))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("account certificate: %w", err)
	}
	path = filepath.Join(home, accountKeyFile)
	if raw, err = loadOrMake(path, newAccountSeed); err != nil {
		return fmt.Errorf("account key: %w", err)
	}
	return inFile(path, k.readSeed(raw))
}

// inFile says which file an error is about.
func inFile(path string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// readSeed makes this device a keeper of the seed's account.
func (k *keys) readSeed(seed []byte) (err error) {
	if k.accountKey, err = conversation.AccountKeyFromSeed(seed); err != nil {
		return err
	}
	k.account = k.accountKey.Account()
	k.certificate, err = k.accountKey.Certify(k.id)
	return err
}

// readCertificate makes this device an ordinary one of the account that certified it.
func (k *keys) readCertificate(raw []byte) (err error) {
	if want := len(k.account) + len(k.certificate); len(raw) != want {
		return fmt.Errorf("the account's certificate has %d bytes, not %d", len(raw), want)
	}
	if k.account, err = conversation.AccountFromKey(raw[:len(k.account)]); err != nil {
		return err
	}
	k.certificate = conversation.Certificate(raw[len(k.account):])
	return k.account.CheckCertificate(k.id, k.certificate)
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
	return raw, filexfer.SyncFolderAt(filepath.Dir(path))
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
	return filexfer.SyncFolderAt(filepath.Dir(path))
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

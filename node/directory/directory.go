package directory

import (
	"context"
	"crypto/hpke"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"

	"github.com/passeur-p2p/passeur/conversation"
)

// What a caller may branch on.
var (
	// ErrNotFound: DHT nodes answered, and none has the record.
	ErrNotFound = errors.New("the DHT has no such record")
	// ErrUnreachable: no DHT node answered, or not in time.
	ErrUnreachable = errors.New("the DHT cannot be reached")
	// ErrNoKey: the device has published no key that may be used now.
	ErrNoKey = errors.New("no key to seal to is known")
	// ErrNotListed: the device is none of the account's.
	ErrNotListed = errors.New("the device is not listed by the account")
	// ErrClosed: the directory was closed.
	ErrClosed = errors.New("the directory is closed")
)

// Config says where records are kept. Only Store and Key are required.
type Config struct {
	// Store is the DHT; its validator must be Validator.
	Store routing.ValueStore
	// Memory keeps the newest records seen. Nil forgets them at Close, and
	// with them the protection against older ones.
	Memory Memory
	// Keys are this device's; nil draws some that are forgotten at Close.
	Keys *KeyRing
	// Key is this device's own, Ed25519.
	Key crypto.PrivKey
	// Capabilities go into the device record: words of a-z, 0-9 and "-./".
	Capabilities []string
	// LookupTimeout bounds one lookup on the DHT; 0 is 10 s.
	LookupTimeout time.Duration
	// Fresh is how long a record that was looked up answers the next lookups too;
	// 0 is 5 s. A lookup that failed answers for half a second.
	Fresh time.Duration
	// Logger, nil for none.
	Logger *slog.Logger
}

func (cfg Config) withDefaults() (Config, error) {
	if cfg.Store == nil {
		return cfg, errors.New("directory: Config.Store is missing")
	}
	if _, err := deviceOf(cfg.Key); err != nil {
		return cfg, fmt.Errorf("directory: Config.Key: %w", err)
	}
	if cfg.Memory == nil {
		cfg.Memory = &volatile{records: map[string][]byte{}}
	}
	if cfg.Keys == nil {
		cfg.Keys = &KeyRing{}
	}
	if cfg.LookupTimeout == 0 {
		cfg.LookupTimeout = 10 * time.Second
	}
	if cfg.Fresh == 0 {
		cfg.Fresh = 5 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg, nil
}

// Directory looks records up and keeps this device's own on the DHT. It is safe
// for concurrent use.
type Directory struct {
	cfg  Config
	self peer.ID
	seen *ledger

	ctx    context.Context // the directory's lifetime
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu           sync.Mutex
	closed       bool
	flights      map[string]*flight
	publications map[string]*publication
}

// New makes sure that this device has a current key, starts to publish its
// device record, and turns the key every week. Close ends that.
func New(cfg Config) (*Directory, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	self, err := deviceOf(cfg.Key)
	if err != nil {
		return nil, err
	}
	d := &Directory{
		cfg: cfg, self: self, seen: newLedger(cfg.Memory, cfg.Logger),
		flights: map[string]*flight{}, publications: map[string]*publication{},
	}
	if err := cfg.Keys.turn(time.Now()); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	if _, err := d.ownRecord(time.Now()); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.publish(DeviceRecordKey(self), d.turnAndSign)
	return d, nil
}

// Close stops publishing and looking up, and returns when all that has ended.
// The records stay on the DHT until they grow too old there.
func (d *Directory) Close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.cancel()
	d.wg.Wait()
	return nil
}

// Lookup gives the account's record: the newest of what the DHT has and what is
// remembered, never an older one than was seen before. Lookups of one account
// within Config.Fresh are one. If the DHT has none or does not answer within
// about three seconds, what is remembered counts; if there is nothing either,
// the error is ErrNotFound or ErrUnreachable.
func (d *Directory) Lookup(ctx context.Context, a conversation.Account) (*Record, error) {
	e, err := d.lookup(ctx, AccountRecordKey(a))
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", a, err)
	}
	return e.account, nil
}

// Check returns nil if the device is one of the account's, and not revoked, as
// far as the newest record tells. It asks the DHT when the remembered record
// does not list the device, or was not compared with the DHT's for ten minutes:
// that is how long a revocation may go unnoticed. It fails with ErrNotListed, or as
// Lookup does.
func (d *Directory) Check(ctx context.Context, a conversation.Account, device peer.ID) error {
	key := AccountRecordKey(a)
	if r, found := d.Remembered(a); found && r.Has(device) && d.compared(key, checkAge) {
		return nil
	}
	r, err := d.Lookup(ctx, a)
	if err != nil {
		return err
	}
	if !r.Has(device) {
		return fmt.Errorf("%w: %s, %s", ErrNotListed, device, a)
	}
	return nil
}

// Refresh sees to it, behind the caller's back, that a Check of the account soon need
// not ask the DHT. To be called now and then for accounts whose devices are around:
// it asks at most every five minutes, if the DHT answers.
func (d *Directory) Refresh(a conversation.Account) {
	if key := AccountRecordKey(a); !d.compared(key, checkAge/2) {
		_, _ = d.fly(key) // after Close there is nothing to do
	}
}

// checkAge is how old an answer may be that Check relies on.
const checkAge = 10 * time.Minute

// Remembered gives the newest record seen of the account, without asking the
// DHT.
func (d *Directory) Remembered(a conversation.Account) (*Record, bool) {
	e, err := d.seen.newest(AccountRecordKey(a))
	if err != nil || e == nil {
		return nil, false
	}
	return e.account, true
}

// Learn takes an account record that came another way, such as with a contact
// request. It gives the newest record of that account, which is another one if
// a newer was seen before. It fails as ParseRecord does, with ErrFuture, or as
// Config.Memory does.
func (d *Directory) Learn(raw []byte) (*Record, error) {
	r, err := ParseRecord(raw)
	if err != nil {
		return nil, err
	}
	e, err := d.seen.take(AccountRecordKey(r.Account), accountEntry(r))
	if err != nil {
		return nil, err
	}
	return e.account, nil
}

// Forget drops what is remembered of an account and its devices, such as of a
// contact that was removed.
func (d *Directory) Forget(a conversation.Account) error {
	var errs []error
	if r, found := d.Remembered(a); found {
		for _, device := range r.Devices {
			errs = append(errs, d.seen.forget(DeviceRecordKey(device.ID)))
		}
	}
	return errors.Join(append(errs, d.seen.forget(AccountRecordKey(a)))...)
}

// SealKey gives the key that offers to the device are sealed to. A key that is
// remembered and has not expired is given at once, and compared with the DHT
// behind the caller's back; otherwise it is looked up. ErrNoKey means that the
// device has published none, or only expired ones.
func (d *Directory) SealKey(ctx context.Context, device peer.ID) (hpke.PublicKey, error) {
	key := DeviceRecordKey(device)
	if e, err := d.seen.newest(key); err == nil && e != nil {
		if public, err := e.device.SealKey(time.Now()); err == nil {
			d.compare(key)
			return public, nil
		}
	}
	e, err := d.lookup(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoKey, device, err)
	}
	if err != nil {
		return nil, fmt.Errorf("look up the device %s: %w", device, err)
	}
	return e.device.SealKey(time.Now())
}

// OpenKeys gives this device's private keys that offers may be sealed to: the
// current one first, then those that senders may still be using.
func (d *Directory) OpenKeys() []hpke.PrivateKey { return d.cfg.Keys.open(time.Now()) }

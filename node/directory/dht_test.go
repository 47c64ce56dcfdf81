package directory_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	record "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
)

// The guard that the real thing fits.
var _ routing.ValueStore = (*dht.IpfsDHT)(nil)

func TestRecordsCrossARealDHT(t *testing.T) {
	server := newDHT(t, dht.ModeServer, directory.Validator())
	alice := newNode(t, server)
	bob := newNode(t, server)
	account, raw := signAccount(t, alice.device())
	if err := alice.Publish(raw); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		r, err := bob.Lookup(t.Context(), account)
		return err == nil && r.Has(alice.device())
	})
	key, err := bob.SealKey(t.Context(), alice.device())
	if err != nil {
		t.Fatal(err)
	}
	assertOpens(t, alice.Directory, key)
	if err := bob.Check(t.Context(), account, bob.device()); !errors.Is(err, directory.ErrNotListed) {
		t.Errorf("Check of a stranger's device: %v", err)
	}
}

// Right after a start, and on a LAN of one's own, there is nobody to publish to
// or to ask; that is not the same as "no such account".
func TestNobodyToAskIsNotNotFound(t *testing.T) {
	server := newDHT(t, dht.ModeServer, directory.Validator())
	alone := newNode(t, nil)
	account, raw := signAccount(t, alone.device())
	stranger, _ := signAccount(t, alone.device())
	if err := alone.Publish(raw); err != nil {
		t.Fatal(err)
	}
	if _, err := alone.Lookup(t.Context(), stranger); !errors.Is(err, directory.ErrUnreachable) {
		t.Fatalf("Lookup without a DHT: %v, want ErrUnreachable", err)
	}
	connect(t, alone.dht, server)
	bob := newNode(t, server)
	eventually(t, func() bool {
		_, err := bob.Lookup(t.Context(), account)
		return err == nil
	})
	if _, err := bob.Lookup(t.Context(), stranger); !errors.Is(err, directory.ErrNotFound) {
		t.Fatalf("Lookup of an unknown account: %v, want ErrNotFound", err)
	}
	eventually(t, func() bool { return !alone.Published(directory.AccountRecordKey(account)).IsZero() })
}

// A hostile DHT node serves the record from before a revocation.
func TestRollBackByAHostileServer(t *testing.T) {
	server := newDHT(t, dht.ModeServer, directory.Validator())
	bob := newNode(t, server)
	key, stolen := newAccount(t), newDeviceID(t)
	kept := newDeviceID(t)
	older := sign(t, key, directory.Record{Seq: 1, Devices: devices(kept, stolen)})
	newer := sign(t, key, directory.Record{Seq: 2, Devices: devices(kept), Revoked: []peer.ID{stolen}})
	put(t, server, key.Account(), newer)
	if r, err := bob.Lookup(t.Context(), key.Account()); err != nil || r.Seq != 2 {
		t.Fatalf("Lookup = %v, %v", r, err)
	}

	hostile := newDHT(t, dht.ModeServer, oldestWins())
	put(t, hostile, key.Account(), older)
	victim := newNodeWith(t, hostile, bob.memory)
	for range 2 {
		r, err := victim.Lookup(t.Context(), key.Account())
		if err != nil || r.Seq != 2 || r.Has(stolen) {
			t.Fatalf("Lookup = %+v, %v; want the newer record", r, err)
		}
	}
	if r, err := victim.Learn(older); err != nil || r.Seq != 2 {
		t.Fatalf("Learn of the older record gives %+v, %v; want the newer", r, err)
	}
	if err := victim.Check(t.Context(), key.Account(), stolen); !errors.Is(err, directory.ErrNotListed) {
		t.Fatalf("Check of the revoked device: %v", err)
	}
}

// A hostile DHT node serves anything under any key.
func TestGarbageFromAHostileServer(t *testing.T) {
	hostile := newDHT(t, dht.ModeServer, anything())
	bob := newNode(t, hostile)
	other, raw := signAccount(t, bob.device())
	for name, value := range map[string][]byte{
		"garbage":                  []byte("garbage"),
		"another account's record": raw,
		"a cut record":             raw[:len(raw)-1],
		"a flipped bit":            flip(raw, 90),
		"over the limit":           make([]byte, directory.MaxRecordSize+1),
	} {
		victim := newAccount(t).Account()
		put(t, hostile, victim, value)
		if r, err := bob.Lookup(t.Context(), victim); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("%s: Lookup = %v, %v; want ErrNotFound", name, r, err)
		}
	}
	put(t, hostile, other, raw)
	if _, err := bob.Lookup(t.Context(), other); err != nil {
		t.Errorf("the true record among the garbage: %v", err)
	}
}

// An honest DHT node keeps the newer record whatever comes after, and starts
// its age anew when the same record is put again.
func TestAnHonestServerKeepsTheNewest(t *testing.T) {
	server := newDHT(t, dht.ModeServer, directory.Validator())
	client := newDHT(t, dht.ModeClient, anything())
	connect(t, client, server)
	key := newAccount(t)
	older := sign(t, key, directory.Record{Seq: 1, Devices: devices(newDeviceID(t))})
	newer := sign(t, key, directory.Record{Seq: 2})
	for _, raw := range [][]byte{newer, older, []byte("garbage"), newer} {
		put(t, client, key.Account(), raw)
		got, err := server.GetValue(t.Context(), directory.AccountRecordKey(key.Account()))
		if err != nil || string(got) != string(newer) {
			t.Fatalf("the server holds %d bytes, %v", len(got), err)
		}
	}
}

// The whole point of putting a record again is that its age starts anew.
func TestPuttingTheSameRecordAgainRenewsItsAge(t *testing.T) {
	const maxAge = time.Second
	server := newDHT(t, dht.ModeServer, directory.Validator(), dht.MaxRecordAge(maxAge))
	client := newDHT(t, dht.ModeClient, directory.Validator())
	connect(t, client, server)
	account, raw := signAccount(t, newDeviceID(t))
	held := func() bool {
		got, err := server.GetValue(t.Context(), directory.AccountRecordKey(account))
		return err == nil && string(got) == string(raw)
	}
	start, gaps := time.Now(), 0
	eventually(t, func() bool {
		put(t, client, account, raw)
		if !held() {
			gaps++
		}
		return time.Since(start) > 3*maxAge
	})
	if gaps > 0 {
		t.Errorf("the record was missing %d times", gaps)
	}
	eventually(t, func() bool { return !held() })
}

func TestBurstOfLookupsIsOneQuery(t *testing.T) {
	server := newDHT(t, dht.ModeServer, directory.Validator())
	account, raw := signAccount(t, newDeviceID(t))
	put(t, server, account, raw)
	counting := &countingStore{ValueStore: newDHT(t, dht.ModeClient, directory.Validator())}
	connect(t, counting.ValueStore.(*dht.IpfsDHT), server)
	d := newDirectory(t, directory.Config{Store: counting, Key: newDeviceKey(t), Fresh: time.Minute})
	errs := make(chan error)
	for range 50 {
		go func() { _, err := d.Lookup(t.Context(), account); errs <- err }()
	}
	for range 50 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := counting.asked(directory.AccountRecordKey(account)); n != 1 {
		t.Errorf("50 lookups asked the DHT %d times", n)
	}
}

// testNode is a directory on a DHT client of its own.
type testNode struct {
	*directory.Directory
	dht    *dht.IpfsDHT
	memory directory.Memory
	key    crypto.PrivKey
}

func (n testNode) device() peer.ID {
	id, err := peer.IDFromPrivateKey(n.key)
	if err != nil {
		panic(err)
	}
	return id
}

func newNode(t *testing.T, server *dht.IpfsDHT) testNode {
	return newNodeWith(t, server, newMapMemory())
}

func newNodeWith(t *testing.T, server *dht.IpfsDHT, m directory.Memory) testNode {
	t.Helper()
	n := testNode{dht: newDHT(t, dht.ModeClient, directory.Validator()), memory: m, key: newDeviceKey(t)}
	if server != nil {
		connect(t, n.dht, server)
	}
	n.Directory = newDirectory(t, directory.Config{Store: n.dht, Memory: m, Key: n.key})
	return n
}

func newDirectory(t *testing.T, cfg directory.Config) *directory.Directory {
	t.Helper()
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	d, err := directory.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func newDHT(t *testing.T, mode dht.ModeOpt, v record.Validator, more ...dht.Option) *dht.IpfsDHT {
	t.Helper()
	h, err := libp2p.New(
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(libp2ptls.ID, libp2ptls.New), libp2p.DisableRelay(), libp2p.DisableMetrics(),
	)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dht.New(h, append(more,
		dht.ProtocolPrefix("/passeur"), dht.Mode(mode), dht.Validator(v), dht.DisableProviders())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close(); h.Close() })
	return d
}

// connect returns when each DHT client knows the server.
func connect(t *testing.T, client, server *dht.IpfsDHT) {
	t.Helper()
	info := peer.AddrInfo{ID: server.Host().ID(), Addrs: server.Host().Addrs()}
	if err := client.Host().Connect(t.Context(), info); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return client.RoutingTable().Find(info.ID) != "" })
}

// put stores without looking at what becomes of it.
func put(t *testing.T, d *dht.IpfsDHT, a conversation.Account, raw []byte) {
	t.Helper()
	err := d.PutValue(t.Context(), directory.AccountRecordKey(a), raw)
	if err != nil && d.RoutingTable().Size() > 0 {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it did not happen within 30 s")
		}
	}
}

func newDeviceKey(t testing.TB) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

package node

import (
	"context"
	"crypto/hpke"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/portmap"
	"github.com/passeur-p2p/passeur/node/signalling"
	"github.com/passeur-p2p/passeur/node/turnrelay"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Guard lines: what fits where.
var (
	_ signalling.Keys = sealKeys{}
	_ icetcp.Relay    = (*turnrelay.Relay)(nil)
	_ icetcp.Mapper   = (*portmap.Mapper)(nil)
	_ Protocol        = (*filexfer.Service)(nil)
)

// keyRingBlob is where the store keeps the device's X-Wing keys.
const keyRingBlob = "keyring"

// startDirectory publishes who this device is and which account it belongs to.
func (n *Node) startDirectory() error {
	ring := &directory.KeyRing{Save: func(raw []byte) error { return n.store.PutBlob(keyRingBlob, raw) }}
	raw, err := n.store.Blob(keyRingBlob)
	if err != nil {
		return err
	}
	if raw != nil {
		if err := ring.UnmarshalBinary(raw); err != nil {
			return fmt.Errorf("the device's keys: %w", err)
		}
	}
	n.directory, err = directory.New(directory.Config{
		Store: n.dht, Memory: recordMemory{n.store, n.learned}, Keys: ring, Key: n.keys.device, Logger: n.logger("directory"),
	})
	if err != nil {
		return err
	}
	n.onClose("directory", n.directory.Close)
	if err := n.takeRecords(); err != nil {
		return err
	}
	return n.publishRecord()
}

// sealKeys lets signalling ask the directory. A device without a record is sealed
// to by its peer ID.
type sealKeys struct{ *directory.Directory }

func (k sealKeys) SealKey(ctx context.Context, device peer.ID) (hpke.PublicKey, error) {
	key, err := k.Directory.SealKey(ctx, device)
	if errors.Is(err, directory.ErrNoKey) || errors.Is(err, directory.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", signalling.ErrNoKey, err)
	}
	return key, err
}

// startSignalling listens on this device's inbox and, on a DHT server, serves
// the inboxes of others.
func (n *Node) startSignalling() (err error) {
	n.signals, err = signalling.New(signalling.Config{
		Host: n.hurried, Routing: n.dht, Keys: sealKeys{n.directory}, Key: n.keys.device,
		Account: n.keys.account, Conceals: n.conceals,
		ServeInboxes: n.settings.DHT == DHTServer, Limits: n.settings.Role.inboxes(),
		Admit: n.admit, Observe: n.observeSignal, OnStore: n.countStored, Logger: n.logger("signalling"),
	})
	if err != nil {
		return err
	}
	n.onClose("signalling", n.signals.Close)
	n.signals.Handle(kindContact, n.handleContact)
	return nil
}

// startICE adds the ICE transport to the host, with what helps it through NATs.
// The host closes it.
func (n *Node) startICE() (err error) {
	c := icetcp.Config{
		Listen: n.settings.iceListen(), Signaller: n.signals.Offers(kindICE), STUN: n.settings.STUN,
		Timeout: connectTimeout, Observe: n.observeICE, Ended: n.observeNegotiation, Logger: n.logger("icetcp"),
	}
	if len(n.settings.TURN) > 0 {
		n.relay, err = turnrelay.New(turnrelay.Config{Servers: n.settings.TURN, Logger: n.logger("turnrelay")})
		if err != nil {
			return fmt.Errorf("TURN: %w", err)
		}
		n.onClose("relay", n.relay.Close)
		c.Relay = n.relay
	}
	if n.settings.PortMap && !n.settings.listen.Addr().IsLoopback() { // no router is asked for what stays here
		if n.mapper, err = portmap.New(portmap.Config{Logger: n.logger("portmap")}); err != nil {
			return fmt.Errorf("port mapping: %w", err)
		}
		n.onClose("port mapping", n.mapper.Close)
		c.Mapper = n.mapper
	}
	if n.ice, err = icetcp.AddTo(n.host, c); err != nil {
		return err
	}
	n.more = newMoreLinks(n)
	if v4, _ := n.ice.Ports(); n.mapper != nil && v4 != 0 {
		n.goRun(func() { n.mapper.Mapped(n.ctx, v4) }) // ask early: discovery takes seconds
	}
	return nil
}

func (n *Node) startFiles() (err error) {
	if err := n.openLimits(); err != nil {
		return err
	}
	n.files, err = filexfer.New(promptStreams{n.host}, filexfer.Config{
		Admit: n.mayOffer, Accept: n.receive, Observe: n.observeTransfer, Ranges: true, Wrap: n.throttle, Logger: n.logger("filexfer"),
	})
	if err != nil {
		return err
	}
	if err := n.startAsking(); err != nil {
		return err
	}
	n.Mount(n.files)
	n.Mount(clock{})
	n.startLink()
	n.startOneShots()
	return nil
}

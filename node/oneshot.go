package node

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/oneshot"
)

// A one-shot code brings one transfer to whoever enters it. The two devices that have
// proven it to each other trust each other for that transfer alone: who sends offers
// just this to just that device (oneshot_send.go), who receives takes just this from
// just that device (oneshot_receive.go), and when it ends both forget the other.

var (
	_ Protocol = (*oneshot.Service)(nil)

	// ErrBadLifetime: a one-shot code lives for up to a day.
	ErrBadLifetime = fmt.Errorf("a one-shot code can be entered for %v at most", pairing.MaxLifetime)
)

const (
	// handTime is how long a transfer may take from the moment its code was used, be
	// it cut off in between.
	handTime = 24 * time.Hour
	// handRest is how long who receives still answers when it is over, so that who
	// sends hears how it ended although the connection broke just then.
	handRest = 10 * time.Minute
	// handClose is how long a connection that nothing else needs stays after the end.
	handClose = 5 * time.Second
	// maxMet bounds the devices that are remembered not to be told the account.
	maxMet = 4096
)

// OneShot says how files are to be sent by a one-shot code.
type OneShot struct {
	// Lifetime is how long the code can be entered: 0 is 10 minutes, at most 24 hours.
	Lifetime time.Duration
}

// SendByCode offers what lies at paths (as in SendFiles) to whoever enters the
// one-time code that it gives, be it no contact. It returns when the code can be
// entered; Watch tells the rest. The code burns by its first use, right or wrong, and
// when its time is over; with it, the transfer ends. A transfer that has begun goes on
// for up to a day, over lost connections, but not over a restart of either node.
// Errors: ErrBadLifetime, pairing.ErrFull, pairing.ErrGuessed, or as SendFiles.
func (n *Node) SendByCode(ctx context.Context, paths []string, o OneShot) (Transfer, Pairing, error) {
	life := cmp.Or(o.Lifetime, pairing.Lifetime)
	if life < 0 || life > pairing.MaxLifetime {
		return Transfer{}, Pairing{}, fmt.Errorf("%w, not for %v", ErrBadLifetime, life)
	}
	what, err := sourceAt(ctx, paths)
	if err != nil {
		return Transfer{}, Pairing{}, err
	}
	x, err := n.newSending(what)
	if err != nil {
		return Transfer{}, Pairing{}, err
	}
	e := &pairingEntry{
		file:    &fileCode{life: life, ctx: x.ctx, ended: func(err error) { n.unpaired(x, err) }},
		Pairing: Pairing{Purpose: PairFile, Transfer: x.id},
	}
	p, err := n.show(e, pairing.File, func(ctx context.Context, e *pairingEntry) error { return n.meetReceiver(ctx, x, e) })
	if err != nil {
		n.unpaired(x, err)
		return Transfer{}, p, err
	}
	t, _ := n.transfers.get(x.id)
	return t, p, nil
}

// ReceiveByCode takes what is sent by a one-shot code; path as in Accept. To enter the
// code is to accept. It returns at once; Watch tells the pairing's steps, and then the
// transfer that Pairing.Transfer names. A path that cannot be written to is told before
// the code is used. Errors: ErrBadCode, pairing.ErrPurpose, pairing.ErrFull, or those of
// the path.
func (n *Node) ReceiveByCode(_ context.Context, code, path string) (Pairing, error) {
	if err := n.checkPath(path); err != nil {
		return Pairing{}, err
	}
	x := n.newReceiving(path)
	e := &pairingEntry{file: &fileCode{receives: x, ended: x.unpaired}, Pairing: Pairing{Purpose: PairFile}}
	p, err := n.enter(e, code, pairing.File, func(ctx context.Context, e *pairingEntry) error { return n.meetSender(ctx, x, e) })
	x.unpaired(err)
	return p, err
}

// checkPath looks at what can be known to be wrong with a path before a code is burnt
// for it.
func (n *Node) checkPath(path string) error {
	target, err := n.target(Transfer{}, path)
	if err != nil {
		return err
	}
	if info, err := os.Stat(target.Dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%w: there is no folder %s", filexfer.ErrNotWritable, target.Dir)
	}
	if _, err := os.Lstat(path); target.Exact && err == nil {
		return fmt.Errorf("%w: %s", filexfer.ErrExists, path)
	}
	return nil
}

// fileCode is what a pairing needs that is for a transfer; nil for any other.
type fileCode struct {
	life     time.Duration   // for which the code is shown
	ctx      context.Context // the transfer's; nil: the node's
	ended    func(error)     // how the pairing has ended; may be nil
	receives *receiving      // nil where the code is shown
}

func (f *fileCode) within(ctx context.Context) context.Context {
	if f == nil || f.ctx == nil {
		return ctx
	}
	return f.ctx
}

func (f *fileCode) lifetime() time.Duration {
	if f == nil || f.life == 0 {
		return pairing.Lifetime
	}
	return f.life
}

func (f *fileCode) paired(err error) {
	if f != nil && f.ended != nil {
		f.ended(err)
	}
}

// oneShots are the transfers by code that are under way, with whom they are.
type oneShots struct {
	mu       sync.Mutex
	sends    map[string]*sending         // by transfer
	receives map[oneshot.Name]*receiving // until the other side knows of the end
	offers   map[string]*receiving       // by the ids of offers that are being taken
	met      map[peer.ID]struct{}        // devices to which the account was not told
}

func newOneShots() *oneShots {
	return &oneShots{
		sends: map[string]*sending{}, receives: map[oneshot.Name]*receiving{}, offers: map[string]*receiving{},
		met: map[peer.ID]struct{}{},
	}
}

// with tells whether a transfer by code is under way with the device.
func (b *oneShots) with(device peer.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for x := range maps.Values(b.sends) {
		if x.party.Device == device {
			return true
		}
	}
	for x := range maps.Values(b.receives) {
		if x.party.Device == device {
			return true
		}
	}
	return false
}

// meet remembers a device, for this run.
func (b *oneShots) meet(device peer.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.met) >= maxMet {
		b.met = map[peer.ID]struct{}{}
	}
	b.met[device] = struct{}{}
}

// conceals tells whether the account is not to be told to a device that a link is
// offered to: one that was met by a one-shot code, and has nothing else to do with this
// node.
func (n *Node) conceals(device peer.ID, kind string) bool {
	if kind != kindICE {
		return false
	}
	n.oneShots.mu.Lock()
	_, met := n.oneShots.met[device]
	n.oneShots.mu.Unlock()
	if !met {
		return false
	}
	_, known := n.accountOf(device)
	return !known
}

// startOneShots answers those whose transfers were entered here.
func (n *Node) startOneShots() {
	n.onClose("one-shot transfers", n.closeOneShots)
	n.Mount(oneshot.New(oneshot.Config{
		Missing: n.missingByCode, Heard: n.heardByCode, Over: n.overByCode, Logger: n.logger("oneshot"),
	}))
}

// conversationPrefix begins what filexfer's offers of such transfers say in place of a
// conversation.
const conversationPrefix = "code:"

func conversationOf(name oneshot.Name) string {
	return conversationPrefix + hex.EncodeToString(name[:])
}

// nameIn reads what conversationOf gives.
func nameIn(text string) (name oneshot.Name, is bool) {
	digits, is := strings.CutPrefix(text, conversationPrefix)
	raw, err := hex.DecodeString(digits)
	if !is || err != nil || len(raw) != len(name) {
		return name, false
	}
	return oneshot.Name(raw), true
}

// followOneShot takes over what filexfer reports of a transfer by code; false if v is
// of none.
func (n *Node) followOneShot(v filexfer.View) bool {
	n.oneShots.mu.Lock()
	sends, receives := n.oneShots.sends[v.ID], n.oneShots.offers[v.ID]
	if v.State.Final() {
		delete(n.oneShots.offers, v.ID)
	}
	n.oneShots.mu.Unlock()
	switch {
	case !v.Incoming && sends != nil:
		n.followSending(sends, v)
	case v.Incoming && receives != nil:
		n.followReceiving(receives, v)
	default:
		return false
	}
	return true
}

// leaveDevice closes the links over ICE to a device after the end of a transfer, if
// nothing else needs them.
func (n *Node) leaveDevice(device peer.ID) {
	n.goRun(func() {
		select {
		case <-time.After(handClose):
		case <-n.ctx.Done():
		}
		if _, known := n.accountOf(device); known || n.oneShots.with(device) {
			return
		}
		for _, c := range n.host.Network().ConnsToPeer(device) {
			if _, ours := icetcp.PathOf(c); ours {
				c.Close()
			}
		}
	})
}

// isOneShot tells a stored transfer that went by a code: no other belongs to nobody.
func isOneShot(a conversation.Account, conv conversation.ID) bool { return a.IsZero() && conv.IsZero() }

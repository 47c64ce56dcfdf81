package load

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

const (
	nodeAddr = "198.18.0.1"
	nodePort = "4001"
	httpAddr = "127.0.0.1:8385"
)

// contactAddr and strangerAddr are where the i-th of them lives. A contact dials the node
// at that address, too: the kernel has connections to an address of its own come from
// just there, and so each contact seems to be elsewhere.
func contactAddr(i int) string { return fmt.Sprintf("198.18.%d.%d", 1+i/200, 1+i%200) }
func strangerAddr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 19, byte(i / 200), byte(1 + i%200)})
}

// here is where everybody runs: the test's own network namespace.
type here struct{}

// Command implements people.Host.
func (here) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// world is the node, its contacts, and one of these who has gone bad.
type world struct {
	t        *testing.T
	most     amounts
	node     *target
	contacts []*node.Node
	mallory  crypto.PrivKey // the key of a contact's device
	files    atomic.Int64
	again    atomic.Int64 // honest files that came only when they were asked for again
	flooded  string       // what came of the last flood
}

// target is the node that is loaded.
type target struct {
	*people.Person
	t       *testing.T
	device  peer.ID
	account conversation.Account
}

func newWorld(t *testing.T, most amounts) *world {
	if out, err := exec.Command("ip", "route", "add", "local", "198.18.0.0/15", "dev", "lo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w := &world{t: t, most: most, node: newTarget(t)}
	w.contacts = make([]*node.Node, most.contacts)
	inParallel(8, most.contacts, func(i int) { w.contacts[i] = w.meet(i, t.TempDir()) })
	if t.Failed() {
		t.FailNow()
	}
	home := t.TempDir()
	if err := w.meet(most.contacts, home).Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(home, "device.key"))
	if err == nil {
		w.mallory, err = crypto.UnmarshalPrivateKey(raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.node.trust(most.contacts)
	lab.Eventually(t, "all contacts are connected", func() bool {
		return w.node.metric("passeur_contacts_online") >= float64(most.contacts)
	})
	return w
}

func newTarget(t *testing.T) *target {
	p := people.Start(t, here{}, people.Config{
		Name: "target", Server: true, Ask: true,
		Args: []string{"--listen", "0.0.0.0:" + nodePort, "--http", httpAddr},
	}).Ready()
	x := &target{Person: p, t: t}
	var err error
	if x.device, err = peer.Decode(p.Who.Device); err == nil {
		x.account, err = conversation.ParseAccount(p.Who.Account)
	}
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// trust has the node take what contacts send, but for the last one, mallory.
func (x *target) trust(contacts int) {
	x.t.Helper()
	var names []string
	for i := range contacts {
		names = append(names, fmt.Sprintf("%q", contactName(i)))
	}
	rules := fmt.Sprintf("[[rule]]\nname = \"friends\"\nfrom = [%s]\n", strings.Join(names, ", "))
	if err := os.WriteFile(filepath.Join(x.Home, "config.toml"), []byte(rules), 0o600); err != nil {
		x.t.Fatal(err)
	}
	x.Run("reload")
}

func contactName(i int) string { return fmt.Sprintf("contact-%03d", i) }

// meet starts a node and makes it a contact of the loaded one.
func (w *world) meet(i int, home string) *node.Node {
	n, err := node.New(w.t.Context(), node.Config{
		Home: home, Name: contactName(i), Listen: contactAddr(i) + ":0", DHT: node.DHTClient,
		Bootstrap: []string{"/ip4/" + contactAddr(i) + "/tcp/" + nodePort + "/p2p/" + w.node.Who.Device},
		Accept:    node.AcceptContacts, Reserve: -1,
	})
	if err != nil {
		w.t.Errorf("start %s: %v", contactName(i), err)
		return nil
	}
	w.t.Cleanup(func() { n.Close() })
	if err := w.befriend(n, contactName(i)); err != nil {
		w.t.Errorf("%s: %v", contactName(i), err)
	}
	return n
}

func (w *world) befriend(n *node.Node, name string) error {
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*lab.Patience)
	defer cancel()
	if _, err := n.AddContact(ctx, w.node.account, "target"); err != nil {
		return err
	}
	account := n.Identity().Account
	events := n.Watch(ctx)
	for {
		_, err := w.node.AcceptContact(ctx, account.String(), name)
		for _, c := range n.Contacts() {
			if c.State == node.Accepted {
				return nil
			}
		}
		select {
		case <-events:
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("is no contact: %v, %v", n.Contacts(), err)
		}
	}
}

// file makes one of random bytes that has its name to itself.
func (w *world) file(size int64) string {
	w.t.Helper()
	made := people.File(w.t, size+w.files.Add(1)) // no two have the same bytes
	return made
}

// transfer has a contact send a file to the node, which must get it as it is. If the
// offer is lost, as it is where this machine lets either side wait for ten seconds, the
// node's rule asks for the file again.
func (w *world) transfer(from *node.Node, size int64) {
	w.t.Helper()
	path := w.file(size)
	t, err := from.SendFile(w.t.Context(), path, "target")
	if err == nil {
		err = arrives(path, filepath.Join(w.node.Home, "received", filepath.Base(path)))
	}
	x, _ := from.Transfer(t.ID)
	if err != nil {
		w.t.Errorf("an honest transfer: %v; its sender says %s, %d of %d bytes, %s", err, x.State, x.Bytes, x.Size, x.Reason)
	} else if x.Code != "" {
		w.again.Add(1)
	}
}

// arrives waits until a copy of a file lies where it is to come.
func arrives(path, at string) (err error) {
	sent, err := os.Stat(path)
	if err != nil {
		return err
	}
	whole := func() bool {
		came, missing := os.Stat(at)
		return missing == nil && came.Size() == sent.Size()
	}
	for range 4 {
		if await(whole) {
			return same(path, at)
		}
	}
	return fmt.Errorf("%s does not come", at)
}

// sendBeside has an honest contact send while something else happens; the function that
// it gives waits for the end.
func (w *world) sendBeside() (wait func()) {
	var wg sync.WaitGroup
	wg.Go(func() { w.transfer(w.contacts[0], w.most.size) })
	return wg.Wait
}

// same fails unless two files have the same bytes.
func same(a, b string) error {
	x, err := sum(a)
	if err != nil {
		return err
	}
	y, err := sum(b)
	if err == nil && x != y {
		err = fmt.Errorf("%s differs from what was sent", b)
	}
	return err
}

func sum(path string) (s [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return [sha256.Size]byte(h.Sum(nil)), err
}

// inParallel calls f for 0 to n-1, at most so many at a time, and waits.
func inParallel(atOnce, n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(atOnce, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// transfers lists the node's transfers.
func (x *target) transfers() []api.Transfer {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), lab.Patience)
	defer cancel()
	all, err := x.Transfers(ctx)
	if err != nil {
		x.t.Errorf("the node does not answer: %v", err)
	}
	return all
}

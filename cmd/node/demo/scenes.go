package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// look is how often a node is asked whether something has happened.
const look = 20 * time.Millisecond

// exitRefused is the exit code of 'send' when the other side refuses.
const exitRefused = 3

// meet makes Alice and Bob contacts of each other.
func (d *demo) meet(ctx context.Context, alice, bob *daemon) error {
	if _, err := d.command(ctx, alice, "contact", "add", bob.id.Account, "--name", "bob"); err != nil {
		return err
	}
	d.say("alice", "asks bob's account to be a contact")
	if err := awaitContact(ctx, bob, alice, node.Pending); err != nil {
		return err
	}
	d.say("bob", "sees that alice asks")
	if _, err := d.command(ctx, bob, "contact", "accept", alice.id.Account, "--name", "alice"); err != nil {
		return err
	}
	d.say("bob", "accepts")
	if err := awaitContact(ctx, alice, bob, node.Accepted); err != nil {
		return err
	}
	if err := awaitContact(ctx, bob, alice, node.Accepted); err != nil {
		return err
	}
	d.say("alice", "sees that bob has accepted")
	return nil
}

// awaitContact waits until one sees other in the state.
func awaitContact(ctx context.Context, one, other *daemon, state node.ContactState) error {
	seen := func(ctx context.Context) (bool, error) {
		contacts, err := one.client.Contacts(ctx)
		for _, c := range contacts {
			if c.Account == other.id.Account && c.State == state {
				return true, nil
			}
		}
		return false, err
	}
	if err := await(ctx, seen); err != nil {
		return fmt.Errorf("%s does not see %s as %s: %w", one.name, other.name, state, err)
	}
	return nil
}

// await asks until the answer is yes.
func await(ctx context.Context, ask func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if yes, err := ask(ctx); yes || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("nothing happened within %s: %w", patience, ctx.Err())
		}
	}
}

// sendAccepted lets Alice send file, Bob accept it, and checks what arrived.
func (d *demo) sendAccepted(ctx context.Context, alice, bob *daemon, file string) error {
	target := filepath.Join(d.folder, "received")
	if err := os.Mkdir(target, 0o700); err != nil {
		return err
	}
	sending, err := d.startSend(ctx, alice, file)
	if err != nil {
		return err
	}
	offer, err := awaitOffer(ctx, bob, sending)
	if err != nil {
		return errors.Join(err, sending.abandon())
	}
	d.say("bob", "is offered %s of %s by %s, accepts", offer.Name, show.Size(offer.Size), offer.Contact)
	receiving, err := d.startCommand(ctx, bob, func(event) {}, "accept", offer.ID, "-o", target)
	if err != nil {
		return errors.Join(err, sending.abandon())
	}
	sent, err := sending.wait(0)
	received, failed := receiving.wait(0)
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if err := checkPath(sending.path); err != nil {
		return err
	}
	return d.verify(ctx, file, sent, received)
}

// startSend lets Alice send file and tells what her command tells.
func (d *demo) startSend(ctx context.Context, alice *daemon, file string) (*command, error) {
	t := &teller{d: d, peer: "bob"}
	d.say("alice", "sends %s to bob", filepath.Base(file))
	return d.startCommand(ctx, alice, t.tell, "send", file, "bob")
}

// awaitOffer waits until Bob's node has an offer that waits for him.
func awaitOffer(ctx context.Context, bob *daemon, sending *command) (offer api.Transfer, err error) {
	seen := func(ctx context.Context) (bool, error) {
		if sending.ended() {
			return false, errors.New("alice's command ended before bob was offered anything")
		}
		transfers, err := bob.client.Transfers(ctx)
		for _, t := range transfers {
			if t.Direction == node.Incoming && t.State == filexfer.AwaitingHost {
				offer = t
				return true, nil
			}
		}
		return false, err
	}
	if err := await(ctx, seen); err != nil {
		return offer, fmt.Errorf("bob is offered nothing: %w", err)
	}
	return offer, nil
}

// verify compares the two files and what both sides said about them.
func (d *demo) verify(ctx context.Context, file string, sent, received event) error {
	sum, size, err := compare(file, received.File)
	if err != nil {
		return err
	}
	d.say("demo", "the two files are equal, byte for byte: %d bytes", size)
	tree, err := treeOf(ctx, file)
	if err != nil {
		return err
	}
	for who, done := range map[string]event{"alice": sent, "bob": received} {
		if done.State != filexfer.Finished.String() || done.SHA3Tree != tree || done.SHA3Sum != "" && done.SHA3Sum != sum {
			return fmt.Errorf("%s's command says state %s, tree %q and SHA3-512 %q; the files have %s and %s", who, done.State, done.SHA3Tree, done.SHA3Sum, tree, sum)
		}
	}
	d.say("demo", "the tree of sums is what both sides said: %s…", tree[:32])
	d.say("demo", "their SHA3-512 is %s…", sum[:32])
	d.say("demo", "%s at %s, %s", show.Size(size), show.Rate(received.Rate), sent.Path)
	return nil
}

// sendRefused lets Alice send a file that Bob refuses.
func (d *demo) sendRefused(ctx context.Context, alice, bob *daemon) error {
	sending, err := d.startSend(ctx, alice, d.refusedFile())
	if err != nil {
		return err
	}
	offer, err := awaitOffer(ctx, bob, sending)
	if err != nil {
		return errors.Join(err, sending.abandon())
	}
	if _, err := d.command(ctx, bob, "refuse", offer.ID); err != nil {
		return errors.Join(err, sending.abandon())
	}
	d.say("bob", "refuses %s", offer.Name)
	done, err := sending.wait(exitRefused)
	if err != nil {
		return err
	}
	if done.Code != string(node.EndRefused) {
		return fmt.Errorf("alice's command says %q instead of %q", done.Code, node.EndRefused)
	}
	d.say("alice", "sees that bob refused: exit code %d", exitRefused)
	return nil
}

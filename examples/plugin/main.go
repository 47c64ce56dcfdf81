// Plugin is a passeur node that speaks one more protocol: /example/clipboard/1.0.0, by
// which contacts put a text on each other's clipboards. Two nodes, Alice's and Bob's,
// run in this process, each with a home folder of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/passeur-p2p/passeur/node"
)

func main() {
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "plugin")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(ctx, dir); err != nil {
		log.Print(err)
	}
}

func run(ctx context.Context, dir string) (err error) {
	alice, err := node.New(ctx, node.Config{Home: filepath.Join(dir, "alice"), Name: "alice", Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, alice.Close()) }()
	at := alice.Identity().Addrs[0].String()
	bob, err := node.New(ctx, node.Config{Home: filepath.Join(dir, "bob"), Name: "bob", Listen: "127.0.0.1:0", Bootstrap: []string{at}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bob.Close()) }()

	pasted := make(chan string, 1)
	clip := newClipboard(alice, nil)
	alice.Mount(clip) // Close of the node closes it
	bob.Mount(newClipboard(bob, func(from node.Contact, text string) { pasted <- from.Name + ": " + text }))

	if err := befriend(ctx, alice, bob); err != nil {
		return err
	}
	if err := clip.copy(ctx, "bob", "a line that Alice has copied"); err != nil {
		return err
	}
	select {
	case text := <-pasted:
		fmt.Println(text)
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// befriend makes the two contacts, as people do with a one-time code.
func befriend(ctx context.Context, alice, bob *node.Node) error {
	shown, err := alice.ShowContactCode(ctx, "bob")
	if err != nil {
		return err
	}
	if _, err := bob.EnterContactCode(ctx, shown.Code, "alice"); err != nil {
		return err
	}
	return errors.Join(accepted(ctx, alice, "bob"), accepted(ctx, bob, "alice"))
}

// accepted waits until a contact is one on both sides.
func accepted(ctx context.Context, n *node.Node, name string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for events := n.Watch(ctx); ; {
		for _, c := range n.Contacts() {
			if c.Name == name && c.State == node.Accepted {
				return nil
			}
		}
		if _, open := <-events; !open {
			return fmt.Errorf("%s is no contact: %w", name, context.Cause(ctx))
		}
	}
}

// Chat is two peers who write lines to each other over libp2p: an app that knows
// nothing of passeur. Then [carryFiles] was added, in files.go, and now a line
// "/send PATH" carries a file.
//
//	chat                 prints an address, and waits for the other
//	chat ADDRESS         goes there
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

const chat = "/example/chat/1.0.0"

func main() {
	log.SetFlags(0)
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	send, err := carryFiles(h, ".")
	if err != nil {
		log.Fatal(err)
	}
	if err := talk(meet(h), send); err != nil {
		log.Fatal(err)
	}
}

// meet dials the peer whose address was given, or waits for one.
func meet(h host.Host) network.Stream {
	came := make(chan network.Stream, 1)
	h.SetStreamHandler(chat, func(s network.Stream) { came <- s })
	if len(os.Args) < 2 {
		fmt.Printf("listening at %s/p2p/%s\n", h.Addrs()[0], h.ID())
		return <-came
	}
	other, err := peer.AddrInfoFromString(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := h.Connect(context.Background(), *other); err != nil {
		log.Fatal(err)
	}
	s, err := h.NewStream(context.Background(), other.ID, chat)
	if err != nil {
		log.Fatal(err)
	}
	return s
}

// talk prints what the other says, and says what is typed, until either has no more.
func talk(s network.Stream, send func(to peer.ID, path string)) error {
	defer s.Close()
	other := s.Conn().RemotePeer()
	fmt.Println("hello, this is", other)
	go func() {
		for typed := bufio.NewScanner(os.Stdin); typed.Scan(); {
			if path, isFile := strings.CutPrefix(typed.Text(), "/send "); isFile {
				send(other, path)
			} else {
				fmt.Fprintln(s, typed.Text())
			}
		}
		s.CloseWrite()
	}()
	heard := bufio.NewScanner(s)
	for heard.Scan() {
		fmt.Println("<", heard.Text())
	}
	return heard.Err()
}

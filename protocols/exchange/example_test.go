package exchange_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	mocknet "github.com/libp2p/go-libp2p/p2p/net/mock"

	"github.com/passeur-p2p/passeur/protocols/exchange"
)

// A protocol of one question and one answer, both bounded in size, number and time.
func Example() {
	net, err := mocknet.FullMeshConnected(2)
	if err != nil {
		log.Fatal(err)
	}
	defer net.Close()
	alice, bob := net.Hosts()[0], net.Hosts()[1]
	loud := exchange.Kind{ID: "/example/loud/1.0.0", Service: "example.loud", Timeout: time.Minute, Served: 8}

	server := exchange.NewServer(loud)
	defer server.Close()
	bob.SetStreamHandler(loud.ID, func(s network.Stream) {
		server.Handle(s, func(context.Context) error {
			question, err := io.ReadAll(io.LimitReader(s, 100))
			if err != nil {
				return err // the stream is reset
			}
			_, err = io.WriteString(s, strings.ToUpper(string(question)))
			return err // nil: it is closed
		})
	})

	err = loud.Ask(context.Background(), alice, bob.ID(), func(s network.Stream) error {
		if _, err := io.WriteString(s, "is anybody there?"); err != nil {
			return err
		}
		if err := s.CloseWrite(); err != nil {
			return err
		}
		answer, err := io.ReadAll(io.LimitReader(s, 100))
		fmt.Printf("%s\n", answer)
		return err
	})
	fmt.Println(err)

	// Output:
	// IS ANYBODY THERE?
	// <nil>
}

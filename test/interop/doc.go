// Package interop holds passeur against programs that share no code with it. Its tests
// need what test/deps.sh installs, and packages from the npm registry.
//
// js is a peer in JavaScript on js-libp2p, written from docs/protocol.md alone: it sends
// and receives files, asks for them again, and has records on the DHT.
package interop

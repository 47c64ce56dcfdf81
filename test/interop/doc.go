// Package interop holds passeur against programs that share no code with it. Its tests
// need what test/deps.sh installs, and packages from the npm registry.
//
//   - js is a peer in JavaScript on js-libp2p, written from docs/protocol.md alone. It
//     sends and receives files and folders, asks for them again, breaks off, lies and
//     gives up, and has records on the DHT. A whole node meets it, too.
//   - nice is a peer in C on libnice, which finds TCP connections with our /ice
//     transport, in both roles of ICE and whoever dials.
//   - OpenSSL sums what arrived.
//
// Others of that kind stand where their subject is tested: coturn in node/turnrelay
// (relayed TCP, RFC 6062) and test/natlab/through (whole nodes), miniupnpd in
// node/portmap, OpenSSL's sums of what passeur prints in test/homes.
package interop

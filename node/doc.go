// Package node is a passeur node: a libp2p host whose only security transport
// is TLS 1.3, and what hangs on it — the DHT, the directory of accounts and
// devices, sealed signalling, the ICE-TCP transport — together with the few
// calls that people's front ends need: contacts, sending, accepting, watching.
//
// [New] builds and starts everything in one function, top to bottom; [Node.Close]
// takes it down again and leaves no goroutine and no socket. Other stream
// protocols are mounted with [Node.Mount].
//
// It is not a protocol: each stream protocol lives in its own package under
// protocols/ and can be mounted on any libp2p host without this one. And it
// draws nothing: it hands out [Event], [Transfer] and [Contact] values.
package node

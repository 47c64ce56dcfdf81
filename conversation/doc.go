// Package conversation holds what people mean, without any network: accounts,
// the certificates that bind devices to them, and the entries that a
// conversation's history consists of, byte for byte. An entry is a header that
// a device signed and a body that the header names by its hash; it is stored
// and passed on as it came, never encoded anew. docs/protocol.md says the same
// for readers without Go.
//
// The package signs and checks. It neither dials, listens, stores nor looks
// anything up, and it does not know which entries count: that depends on all
// others, and is what package membership tells.
package conversation

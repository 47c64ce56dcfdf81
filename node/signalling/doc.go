// Package signalling carries short sealed requests between devices, and brings
// back their answers, through nobody's server in particular: the DHT servers
// nearest to a recipient's inbox key keep a message for a minute or two and push
// it to the recipient at once when it is there.
//
// It is not a message store, and it is not a transport: nothing outlives two
// minutes, nothing is larger than 16 KiB, and the two devices need not be able
// to reach one another (that they come to is what most requests are about).
//
// Three layers, from the bytes up:
//
//   - sealed.go, request.go, answer.go: what only the two devices can read.
//     HPKE (RFC 9180) to the recipient's key, an Ed25519 signature inside,
//     padding to a few sizes.
//   - inbox.go, drop.go, frame.go: where a message lies, and the frames of
//     [InboxProtocol] and [DirectProtocol].
//   - store.go and server.go keep inboxes for others; subscriber.go listens at
//     one's own; query.go sends and resends; receive.go, memory.go and direct.go
//     take what arrives.
//
// Beside them, for devices that do not know each other yet: a drop (drop.go) is an
// inbox that belongs to a key that several may know. It carries bytes, neither sealed
// nor signed here.
//
// # Time
//
// The day of UTC is the epoch in an inbox key. Recipients listen to the
// neighbouring epoch too within [epochMargin] of midnight, so that senders
// need only their own clock's day.
//
// A sealed request is good for [RequestTTL], and a recipient takes it
// [ClockGrace] early or late. A minute is longer than a negotiation lasts and than
// a device that was just switched on needs to subscribe; two minutes of grace are
// what an ordinary quartz drifts in a month without NTP. What has been seen is
// remembered until it could no longer be taken, so that grace lets nobody
// replay. Servers count a message's life from its arrival by their own clock, so
// theirs need not be right. The memory is lost on restart: a server that kept a
// request may then have it handled a second time while it is fresh, and the answer
// still can be read only by the one who asked.
//
// # What servers learn
//
// A server sees the hash that names the inbox (which whoever knows the device's
// peer ID can compute), the connection that a message came over (its sender's
// peer ID and address), one of three sizes, and the time. It sees neither the
// sender's account, nor what is asked, nor whether it is a request or an answer.
//
// Whoever leaves a message is told whether its recipient listens. A stranger who
// knows a device's peer ID can so learn that the device is online, as it can by
// looking it up; it does not learn whether anybody considered its request
// (ErrSilent).
//
// Of a drop a server sees its owner's public key, who listens (peer ID and address),
// who leaves something, and the bytes.
package signalling

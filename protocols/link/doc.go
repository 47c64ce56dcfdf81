// Package link makes a device one of an account's: over one stream between the
// new device and a keeper of the account key it carries the hand-over, which is
// the device's certificate, the account's record, its contacts and, only if the
// keeper's user wants it so, the account key.
//
// It does not find out who may be served: [Config.Offer] decides that from the
// peer that TLS has proven. It neither signs nor stores anything, and what the
// hand-over says of conversations it carries unread. A hand-over must travel only
// over a connection that is encrypted and whose both ends are proven.
//
// # The wire
//
// The new device opens a stream of [ID]. Each message is its length, 4 bytes, big
// endian, and so many bytes of JSON, one object. Unknown keys are skipped.
//
//	new device → keeper   {"version":1,"name":"phone"}                     ≤ 1 KiB
//	keeper → new device   {"version":1,"handover":{…}}                      ≤ 4 MiB
//	                   or {"version":1,"refused":"why, or empty"}
//	new device → keeper   {"version":1,"taken":true}                       ≤ 1 KiB
//	keeper → new device   end of stream
//
// The new device says "taken" once the hand-over is safe on its disk. The keeper
// that does not hear it does not know whether it is; the device is listed by then
// and can be revoked. [Handover] has the keys of the hand-over.
package link

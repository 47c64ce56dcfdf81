// Package oneshot is what two devices say about one transfer between them, beside the
// transfer itself: the device that sends says what it sends, and the one that receives
// what of it is missing there. The bytes go by package filexfer, a range at a time; so
// a transfer that was cut off goes on where it was, and both know when it is over.
//
// It does not know how the two have met, nor whether they may speak: [Config.Missing]
// decides that from the peer that TLS has proven and from the transfer's name, which
// only the two know.
//
// # The wire
//
// The sender opens a stream of [ID], once for each time it is connected, and whenever
// it has sent what was missing. Each message is its length, 2 bytes, big endian, and
// so many bytes, at most 512; see message.go.
//
//	sender → receiver    offer: this is what I send
//	receiver → sender    missing: these ranges lack · whole: nothing does, it has its name ·
//	                     later: tell me when its sums are known · no: I do not take it (any more)
//	sender → receiver    end of stream
//
// or
//
//	sender → receiver    over: it does not come (any more)
//	receiver → sender    whole, as a receipt
//	sender → receiver    end of stream
//
// The receiver that reads the end of the stream knows that its answer has arrived.
// Whoever is not expected is reset without a word.
package oneshot

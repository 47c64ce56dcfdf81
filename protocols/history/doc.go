// Package history is the stream protocol /passeur/history/1.0.0, by which two
// devices bring each other the conversations that both are in: what the one has
// written while the other was away, and what is written while both are there.
//
// It moves signed entries and judges none: a [Log] says what is here, what
// another lacks, and whether what came in is valid. It knows neither accounts
// nor members; [Config] asks who may read what, and whose entries are taken. An
// app mounts it on a libp2p host and needs nothing else of passeur but the
// package conversation:
//
//	h, err := history.New(host, history.Config{Log: log, Shared: …, Accepts: …, SourceOf: …})
//	host.SetStreamHandler(h.ID(), h.HandleStream)
//	err = h.Sync(ctx, device)
//
// # One stream for two devices
//
// Either side opens it; then both speak at any time. It stands as long as the
// connection. Each message is a frame: its length as an unsigned varint, then
// at most 72 KiB. The first message of each side is HELLO. After it come
// RECORDs, if there are any, and as many HEADS as HELLO announces, one for each
// conversation that the other side may read.
//
//	HELLO   version, number, largest answer, HEADS that follow
//	HEADS   the ends of a conversation: entries on which no other live one hangs
//	WANT    entries with all that they hang on, less what is here already
//	ENTRY   one of the answer to a WANT, parents before children
//	END     of an answer; whether there is more
//	NEW     an entry that was just written or has just come
//	NO      a conversation is not given, or not taken now
//	RECORD  an account record; opaque here
//
// Each HEADS is answered by WANTs for what is lacking, and at last by a WANT
// for nothing: "I have what I will take". A WANT is answered by ENTRYs and an
// END; WANTs are answered one after the other in their order, and for each
// conversation there is one at a time. So each side knows which answer an
// ENTRY belongs to, and when the other has caught up.
//
// # Resuming
//
// What a Log has stored is closed under parents. After a cut, the next WANT
// says what is here by then ("have": heads, a locator, the heads once known to
// be common), and the answer begins where the last one broke off. Within a
// stream, a WANT also names the last entry that came ("after"), so that an
// answer in parts ends even where 64 ids cannot say what is here. Nothing else
// is remembered, and no entry waits for its parents: in an answer that is a
// breach of the rules, in a NEW it makes a WANT.
//
// # Two streams at once
//
// Two devices that open a stream to each other at the same moment keep the one
// that was opened by the device with the lesser peer ID (as bytes). A device
// that says HELLO on a further stream has given up the one before: the number
// in HELLO grows with each stream, and the greatest stands.
package history

// Package filexfer carries one file over one libp2p stream: a header, the
// receiver's GO, the bytes, a verdict. It knows streams and files. It does not
// know how the peers met, who may offer what, conversations, or how anything
// is drawn; those are said through [Config.Accept] and [Config.Observe].
//
// Any libp2p program mounts it:
//
//	x, err := filexfer.New(h, filexfer.Config{Accept: accept})
//	h.SetStreamHandler(x.ID(), x.HandleStream)
//	view, err := x.Send(ctx, peer, file)
//
// # The wire
//
// The sender opens a stream of [ID] and writes the header: text, LF only, at
// most 4 KiB, ended by an empty line ([Header] has the keys).
//
//	Content-Length: 12345\n
//	Display-Name: photo.jpg\n
//	Offset: 0\n
//	Trailer: Sha3-512\n
//	\n
//
// The receiver answers "GO\n", or "NGO\n", or "NGO <reason>\n"; a person may
// need ten minutes for it, and until then the sender must be silent. After GO
// come exactly Content-Length bytes and, where the header announced a trailer,
// one line that is as long as its sum:
//
//	Sha3-512: <128 lower-case hex digits>\n
//
// The receiver compares, flushes the file to the disk, gives it its name, and
// only then says "OK\n"; "BAD <reason>\n" says that it did not. BAD may come
// while bytes still flow. Nothing is delimited by an end of stream.
//
// The first three keys, GO and NGO are Jami's file transfer of 2017 to 2022;
// its parser skips the other keys. The trailer, the reasons and the verdict
// are ours.
//
// # Ranges
//
// An Offset other than 0 offers the rest of a file to who has the beginning. It
// carries no sum: who continues a file knows that of the whole, from elsewhere
// ([Target].Sum), and has hashed what is there once more before GO. Then the
// header has neither Sha3-512 nor Trailer, the sender hashes nothing, and OK
// says that the whole file is the right one.
//
// Such a receiver takes exactly the bytes that it lacks; any other range it
// refuses with "NGO range" ([PartSink]). What it has when a transfer fails it
// keeps ([FileSink]), unless the sum of the whole was wrong. Who asks for the
// rest, and whom, is not decided here. An app must also say [Config.Ranges].
//
// # Trees
//
// A file may be offered with a tree of sums (package sha3tree), whose root is
// announced or follows. A [TreeSink] then verifies it as it comes, unit by unit,
// and nothing else is hashed; where it lacks the sums, it asks for them with "GO
// sums", and they come before the bytes. "ENOUGH\n" stops a sender whose rest comes
// from elsewhere. A [Part] holds the verified units of one file, which several
// transfers of it fill at a time, each with a range. Who knows nothing of trees
// sends and gets the file as before.
//
// # Many devices
//
// A file that is offered to all devices of a person is as many transfers, each
// with its own state. [Meta] makes one of them for the eye.
//
// # Ends
//
// Whoever stops in the middle resets the stream with an error code, so that
// "cancelled" can be told from "lost" (see endings.go for codes and words).
// What each side then reports:
//
//	what happened                     sender                     receiver
//	verified and stored               Finished                   Finished
//	receiver's user says no           ClosedByPeer ErrRefused    ClosedByHost ErrRefused
//	too many transfers there          ClosedByPeer ErrBusy       (nothing)
//	sender cancels                    ClosedByHost ErrCancelled  ClosedByPeer ErrCancelled
//	receiver cancels                  ClosedByPeer ErrCancelled  ClosedByHost ErrCancelled
//	nobody decides in time            TimeoutExpired             TimeoutExpired
//	source unreadable or changed      InvalidPath ErrSource      ClosedByPeer ErrSource
//	target cannot be written          ClosedByPeer ErrNoSpace…   InvalidPath ErrNoSpace…
//	not the range that is missing     ClosedByPeer ErrRange      ClosedByHost ErrRange
//	another transfer has the file     ClosedByPeer ErrInUse      ClosedByHost ErrInUse
//	the sums differ                   ClosedByPeer ErrBadSum     ClosedByHost ErrBadSum
//	no byte for two minutes           ClosedByPeer ErrStalled    ClosedByPeer ErrStalled
//	connection breaks                 ClosedByPeer ErrLost       ClosedByPeer ErrLost
//	the other side breaks the rules   ClosedByPeer ErrProtocol   ClosedByPeer ErrProtocol
//	no stream can be opened           Unjoinable                 (nothing)
//
// A cancel that crosses the verdict comes too late: the receiver keeps the
// verified file and reports Finished.
package filexfer

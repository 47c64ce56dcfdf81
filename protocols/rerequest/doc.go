// Package rerequest asks the devices of a conversation for a file that was
// announced there, and serves such files to those who ask. A device that was
// off when a file was sent, refused it, or lost it half way, gets it so from
// whoever has it; the bytes come by package filexfer. It does not know what a
// conversation is, who its members are, or where files lie: a [Directory] and a
// [Book] say that. Nor does it remember: an app calls [Service.Want] again
// after a restart, and the part that lies there is continued.
//
//	var again *rerequest.Service
//	files, err := filexfer.New(h, filexfer.Config{Ranges: true, Accept: func(ctx context.Context, o filexfer.Offer) (filexfer.Sink, error) {
//		if sink, wanted, err := again.Accept(ctx, o); wanted {
//			return sink, err
//		}
//		return nil, filexfer.ErrRefused // or ask a person
//	}})
//	again, err = rerequest.New(h, rerequest.Config{Self: h.ID(), Directory: members, Book: held, Files: files})
//	h.SetStreamHandler(again.ID(), again.HandleStream)
//	err = again.Want(rerequest.Want{Conversation: …, Interaction: …, Target: …})
//
// # The wire
//
// The device that lacks a file opens a stream of [ID] to one that may have it
// and sends one request: its length, 4 bytes, big endian, and so many bytes of
// JSON, at most 4096 ([Request] has the keys):
//
//	{"conversation":"…","interaction":"…","deviceId":"12D3Koo…","start":"5242880","end":"9437184"}
//
// The holder answers one line, at most 256 bytes, and closes the stream:
//
//	OK\n
//	NO <word>\n
//	NO <word> <text>\n
//
// After OK it offers the bytes by filexfer, over the same connection, with the
// Conversation, Interaction and Offset of the request; the offer may overtake the
// OK. The words:
//
//	device                deviceId is not the device that TLS has proven
//	unknown-conversation  the conversation is not known here
//	not-a-member          the device is not one of a member's
//	revoked               it was, and is revoked
//	unknown-entry         the conversation has no such entry
//	not-a-file            the entry announces no file
//	not-here              the file does not lie here, or was taken back
//	changed               what lies here is not what was announced any more
//	range                 the file has no such bytes
//	sending               the file is being sent to this device already; of one
//	                      with a tree as many ranges as may be
//	busy                  too many files, or ranges, are being sent
//	protocol              the request breaks these rules
//	failed                anything else
//
// An unknown word is a no. The holder checks in the order of this table, but
// for the last four: range comes last, sending and busy before unknown-entry,
// protocol first of all.
//
// # A wanted file
//
//	       Want
//	        │
//	        ▼     a device is reached         OK
//	┌────► idle ───────────────────► asking ─────► promised
//	│       ▲                          │              │
//	│       ├─ NO, no answer ──────────┘              │
//	│       ├─ no offer in time ──────────────────────┤
//	│       │                                         │
//	│       │      an offer suits, from any of these  ▼
//	│       └──────────────────────────────────── claimed ────► done
//	│             interrupted, wrong sum            │    whole, verified, named
//	└── Want again ── forgotten ◄──── Forget, from any
//
// idle: nobody is being asked. Whoever is a member's device and does not rest is
// asked: those that are connected at once, the others are dialled a second
// later, 16 at a time.
//
// asking: at most 4 devices are asked at a time. One that fails rests: it is not
// asked for this file until it appears anew, or Retry has passed (then twice
// as long, up to 20 times); half a second if it says that it is sending the file
// already. One that cannot be reached rests for all files.
//
// promised: a device said OK. Nobody else is asked; those who were may still
// offer. When no offer comes in time the device rests.
//
// claimed: the first offer that suits has the file to itself; all others are
// refused with "already downloading". What suits: a member's device, the
// announced size, the announced sum if one is named, and just the bytes that
// are missing. It need not have been asked for. The claim ends with the
// filexfer.Sink: by Commit the file is done, by Abort the want is idle again and
// the next device is asked for what is missing, from the last byte that is
// there.
//
// After a wrong sum the part is dropped. The device that brought all of it rests
// and is from now on asked last. If several brought it, one of them is wrong
// and nobody knows which: from now on the file is taken from one device only,
// from the first byte to the last. So a wrong device costs each of the others
// at most one transfer.
//
// When the sink cannot be opened or written, no device is to blame: the want
// itself rests, and no offer of it is taken meanwhile.
//
// # A file with a tree
//
// With a Target.Root each unit (1 MiB) is verified as it comes, so that no source
// is believed and several can bring the file at once. A first one is looked for as
// above, and asked for all that is missing; or it is an offer that a person has
// accepted ([Service.Adopt]). Then, while something flows:
//
//   - a source is one connection to one device. It is asked for its next range
//     (a piece) before the last one ends, so early that its path stays full.
//   - who is alone gets all that is missing at one stretch, by one request.
//   - when more than 16 MiB are missing, or nothing has come for 30 s, the
//     members' devices that are connected are asked too, 4 at a time, up to 8
//     sources. None is dialled for that.
//   - on a path of 20 ms or more, and with more than 16 MiB missing, one more
//     connection to the device is opened at once, and others, 4 in all, while the
//     goodput grows by 15 % with each ([Links]).
//   - several get half of their share of what is missing, by their rates, at least
//     4 units; when nothing is free, what a slower one was asked for last. Its
//     transfer is told ENOUGH when it gets there. Of the last units copies are
//     fetched, where that promises to be twice as quick.
//   - a wrong unit ends all transfers of the device, which is asked last from then
//     on; what it brought before is right, and stays. The unit comes from another.
//   - who says no, breaks off or offers something else rests, as above. Who brings
//     no unit for 10 s (or ten times what others need for one) while others do is
//     given up; who is alone, after 5 min.
//
// What is there survives all of this, the process too. The file is done when all
// units are there; nothing is hashed once more for that.
//
// # What it costs to be asked
//
// Of each device at most 16 requests are listened to at a time, and 4 files are
// served ([Config]); the same request again is denied while the file is being
// sent. Of a file with a tree 8 ranges are sent to a device at a time (4
// connections, of which each has one piece and the next), 16 of all files. The
// Book is asked once a request. A refusal is told to the log and to
// Observe once an hour for the same device, reason and entry, and for 64
// different ones of a device.
package rerequest

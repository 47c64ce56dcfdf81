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
//	{"conversation":"…","interaction":"…","deviceId":"12D3Koo…","start":"5242880"}
//
// The holder answers one line, at most 256 bytes, and closes the stream:
//
//	OK\n
//	NO <word>\n
//	NO <word> <text>\n
//
// After OK it offers the bytes by filexfer, with the Conversation, Interaction
// and Offset of the request; the offer may overtake the OK. The words:
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
//	sending               the file is being sent to this device already
//	busy                  too many files are being sent
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
// as long, up to 20 times). One that cannot be reached rests for all files.
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
// # What it costs to be asked
//
// Of each device at most 16 requests are listened to at a time, and 4 files are
// served ([Config]); the same request again is denied while the file is being
// sent. The Book is asked once a request. A refusal is told to the log and to
// Observe once an hour for the same device, reason and entry, and for 64
// different ones of a device.
package rerequest

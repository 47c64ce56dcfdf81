// Package api is how commands talk to a running node: HTTP over a unix socket
// in the node's home, version /v1. It holds the JSON types, the server that
// [Listen] and [NewServer] make of a [Backend], and the [Client] that the
// commands use.
//
// It is not the node, and it is not reachable from the network: who may open
// the socket (mode 0600, so the owner of the home and root) may do everything.
//
//	GET    /v1/node                      Node
//	GET    /v1/doctor                    Checkup, after some seconds
//	GET    /v1/path?contact={who}        Explanation
//	GET    /v1/contacts                  []Contact
//	POST   /v1/contacts                  NewContact → 201 Contact
//	POST   /v1/contacts/{who}/accept     Alias → Contact
//	DELETE /v1/contacts/{who}            → 204
//	GET    /v1/devices                   []Device, this one first
//	DELETE /v1/devices/{who}             → Device: revoked, for ever
//	GET    /v1/pairings                  []Pairing, newest last
//	POST   /v1/pairings                  NewPairing → 201 Pairing
//	GET    /v1/pairings/{id}             Pairing
//	POST   /v1/pairings/{id}/cancel      → Pairing
//	GET    /v1/conversations             []Conversation, newest message first
//	POST   /v1/conversations             NewConversation → 201 Conversation
//	GET    /v1/conversations/{ref}       Conversation
//	POST   /v1/conversations/{ref}/accept   → Conversation
//	POST   /v1/conversations/{ref}/leave    → Conversation
//	POST   /v1/conversations/{ref}/renew    → Conversation: the new one
//	POST   /v1/conversations/{ref}/members  MemberChange → Conversation
//	POST   /v1/conversations/{ref}/allow    Allowance → Conversation
//	POST   /v1/conversations/{ref}/check    NewCheck → Check
//	GET    /v1/conversations/{ref}/messages[?before=ID][&limit=N][&all=true]
//	                                     []Message, oldest first
//	POST   /v1/conversations/{ref}/messages  Text → 201 Message
//	PUT    /v1/conversations/{ref}/messages/{entry}  Text → Message, edited
//	DELETE /v1/conversations/{ref}/messages/{entry}  → Message, taken back
//	GET    /v1/conversations/{ref}/export  application/x-ndjson, an entry a line
//	GET    /v1/transfers                 []Transfer, newest last
//	POST   /v1/transfers                 NewTransfer → 201 Transfer
//	GET    /v1/transfers/{id}            Transfer
//	POST   /v1/transfers/{id}/accept     Target → Transfer
//	POST   /v1/transfers/{id}/refuse     → Transfer
//	POST   /v1/transfers/{id}/cancel     → Transfer
//	GET    /v1/files                     []HeldFile: those of conversations, newest last
//	GET    /v1/files/missed              []Message: file entries, oldest first
//	POST   /v1/files                     NewGet → 201 Transfer
//	GET    /v1/limits                    []Limit: the node's, then contacts' by name
//	PATCH  /v1/limits                    NewLimit → Limit, as it is then
//	GET    /v1/events[?transfer=ID]      server-sent events, data is an Event
//
// {who} is an account, or the local alias of a contact; of devices, a name or a
// peer ID or its beginning. {ref} is a contact's alias, a group's name or the
// beginning of an id (4 digits or more); {entry} an id or its beginning. Each is one
// segment of the path, escaped. An error is answered with a [Problem] (RFC 9457,
// application/problem+json). While the node starts anew, as it does when it has
// joined an account, requests wait for it. The events begin with
// what happens after the answer's header arrived, so who opens the stream first
// and then asks for something misses nothing of it; progress is dropped for a
// reader that is too slow, the last state never is.
package api

// Package api is how commands talk to a running node: HTTP over a unix socket
// in the node's home, version /v1. It holds the JSON types, the server that
// [Listen] and [NewServer] make of a [Backend], and the [Client] that the
// commands use.
//
// It is not the node. Who may open the socket (mode 0600, so the owner of the home and
// root) may do everything. [Server.ListenTCP] answers on TCP as well, for browsers and
// for other machines: to whoever has the token, under a name that is this node's.
//
// The types of this package are the API: huma makes of them, and of the routes that the
// files handle_*.go register, an OpenAPI 3.1 document, and refuses what it forbids.
// That document is docs/openapi.yaml (go generate writes it) and GET /v1/openapi.yaml; a
// test drives every operation of it under the eyes of an independent judge. Descriptions
// in it are the comments on the types.
//
// {who} is an account, or the local alias of a contact; of devices, a name or a
// peer ID or its beginning. {ref} is a contact's alias, a group's name or the
// beginning of an id (4 digits or more); {entry} an id or its beginning. Each is one
// segment of the path, escaped. An error is answered with a [Problem] (RFC 9457,
// application/problem+json). While the node starts anew, as it does when it has
// joined an account, requests wait for it. The events begin with
// what happens after the answer's header arrived, so who opens the stream first
// and then asks for something misses nothing of it; of progress a reader gets the
// newest. One that is away, or falls behind by thousands, is told that it missed events.
package api

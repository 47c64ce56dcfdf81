package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:generate env UPDATE=1 go test -count=1 -run "^TestTheDocument" .

// description is the text before the list of codes.
const description = `What commands, the dashboard and scripts ask a running node. It is served on the unix socket
api.sock in the node's home, which only its owner can open, and on TCP if that is asked for (` + "`http`" + ` in the
configuration): there each request carries the token that the file api.token in the home has.

An error is answered as a problem (RFC 9457, application/problem+json) with a ` + "`code`" + ` that scripts can
rely on; the status of an operation's own codes stands there, those that any operation can have are under "default".
While the node starts anew, as it does when it has joined an account, requests wait for it, for up to 30 s.

Names of contacts, devices, files and groups, and the texts of messages, are what others chose: show them
with care. Times are RFC 3339 in UTC, sizes are bytes.

`

// newConfig is huma without what asks a third party or adds to answers.
func newConfig() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	nameWords(registry)
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "passeur local API", Version: "1", Description: description + listOfCodes()},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {
					Type: "http", Scheme: "bearer", Description: "what the file api.token in the node's home has; not on the unix socket",
				}},
			},
			Security: []map[string][]string{{"token": {}}, {}},
			Tags:     tags,
		},
		Formats:       map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat: "application/json",
	}
}

const (
	tagNode          = "node"
	tagContacts      = "contacts"
	tagDevices       = "devices"
	tagPairings      = "pairings"
	tagConversations = "conversations"
	tagTransfers     = "transfers"
	tagFiles         = "files"
	tagEvents        = "events"
	tagUpkeep        = "upkeep"
)

var tags = []*huma.Tag{
	{Name: tagNode, Description: "Who the node is, and how it stands in the network"},
	{Name: tagContacts, Description: "Whom the node knows"},
	{Name: tagDevices, Description: "The devices of the own account"},
	{Name: tagPairings, Description: "One-time codes: for contacts, for devices, for one transfer"},
	{Name: tagConversations, Description: "What people say to each other, and who they are"},
	{Name: tagTransfers, Description: "Files and folders on their way"},
	{Name: tagFiles, Description: "Files of conversations that lie here, or should"},
	{Name: tagEvents, Description: "What happens, while it happens"},
	{Name: tagUpkeep, Description: "Limits, rules, the log, health, the dashboard"},
}

// parameters say what stands in a path or a query, with an example.
var parameters = map[string]struct{ text, example string }{
	"who":             {"An account, or the local alias of a contact; of devices a name, a peer ID or its beginning", "bob"},
	"ref":             {"A contact's alias, a group's name, or the beginning of a conversation's id (4 digits or more)", "holiday"},
	"entry":           {"An entry's id, or its beginning (4 digits or more)", "3f2a91c0"},
	"id":              {"The id", "0123456789abcdef"},
	"contact":         {"The alias or account of a contact", "bob"},
	"name":            {"What the file is to be called. It is made safe: the answer says what became of it", "film.mkv"},
	"before":          {"Only messages before this entry", strings.Repeat("5e", 32)},
	"limit":           {"How many messages there are at most", "50"},
	"all":             {"With control, void and technical entries", "true"},
	"transfer":        {"Only what happens to this transfer", "0123456789abcdef"},
	"ticket":          {"What POST /v1/tickets gave, instead of the token", ""},
	"Last-Event-ID":   {"The id of the last event that was read: what happened since follows first", ""},
	"Idempotency-Key": {"Any text of at most 255 characters, new for each thing to send. The same key with the same body within a day gives the first answer again and sends nothing", ""},
	"Range":           {"The part of the file that is wanted (RFC 9110, section 14)", "bytes=0-99"},
}

// texts are what the comments in this package say of its types and their fields:
// "Transfer", "Transfer.size". They are written by go generate.
//
//go:embed texts.json
var texts []byte

// describe completes the document that the types have made.
func describe(d *huma.OpenAPI) {
	var text map[string]string
	if err := json.Unmarshal(texts, &text); err != nil {
		panic("texts.json: " + err.Error())
	}
	describeWith(d, text)
}

func describeWith(d *huma.OpenAPI, text map[string]string) {
	schemas := d.Components.Schemas
	for name, s := range schemas.Map() {
		s.Description = text[name]
		describeFields(schemas.TypeFromRef("#/components/schemas/"+name), s, text)
	}
	for _, item := range d.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				describeParameters(op)
			}
		}
	}
}

func describeParameters(op *huma.Operation) {
	for _, p := range op.Parameters {
		known := parameters[p.Name]
		p.Description = known.text
		if known.example != "" && p.Schema.Type == huma.TypeString {
			p.Example = known.example
		}
	}
}

// describeFields says what each property is. Objects may be null that are pointers
// without omitempty: huma has no words for that.
func describeFields(t reflect.Type, s *huma.Schema, text map[string]string) {
	for _, f := range reflect.VisibleFields(t) {
		key, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := s.Properties[key]
		if p == nil {
			continue
		}
		owner := t // or the type that is embedded in it
		if len(f.Index) > 1 {
			owner = t.FieldByIndex(f.Index[:len(f.Index)-1]).Type
		}
		p.Description = text[owner.Name()+"."+key]
		switch {
		case p.Ref == "":
		case f.Type.Kind() == reflect.Pointer && rest != "omitempty":
			p.AnyOf, p.Ref = []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}, ""
		default: // many readers of documents see no words beside a reference
			p.AllOf, p.Ref = []*huma.Schema{{Ref: p.Ref}}, ""
		}
	}
}

// inReadingOrder puts what a document is about before what it consists of.
func inReadingOrder(text []byte) []byte {
	parts := map[string][]byte{}
	var key string
	for line := range bytes.Lines(text) {
		if line[0] != ' ' && line[0] != '\n' {
			key, _, _ = strings.Cut(string(line), ":")
		}
		parts[key] = append(parts[key], line...)
	}
	var out []byte
	for _, key := range []string{"openapi", "info", "security", "tags", "paths", "components"} {
		out = append(out, parts[key]...)
	}
	return out
}

var typeOfProblem = reflect.TypeFor[Problem]()

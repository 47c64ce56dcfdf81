package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

func (b *backend) Files() ([]node.HeldFile, error) { return b.held, b.err }
func (b *backend) Missed() ([]node.Message, error) { return b.messages, b.err }
func (b *backend) GetFile(_ context.Context, ref, file, path string) (node.Transfer, error) {
	return node.Transfer{ID: id, Direction: node.Incoming, State: filexfer.Created}, b.ask("get %s %s %s", ref, file, path)
}

func TestGettingAFileReachesTheBackend(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	got, err := c.GetFile(t.Context(), NewGet{Conversation: "holiday", File: "a b/c.jpg", Path: "/x/"})
	if err != nil || got.ID != id || !slices.Equal(b.asked, []string{"get holiday a b/c.jpg /x/"}) {
		t.Errorf("%+v, %v, asked %q", got, err, b.asked)
	}
}

func TestErrorsAboutFiles(t *testing.T) {
	for want, test := range map[error]struct {
		status int
		code   string
	}{
		node.ErrNotAFile:            {422, CodeNotAFile},
		node.ErrWithdrawn:           {410, CodeWithdrawn},
		node.ErrAmbiguous:           {409, CodeAmbiguous},
		node.ErrUnknownEntry:        {404, CodeUnknownEntry},
		node.ErrUnknownConversation: {404, CodeUnknownConversation},
		node.ErrNotAllowed:          {403, CodeNotAllowed},
		node.ErrBadChoice:           {400, CodeBadChoice},
	} {
		c, _ := serve(t, &backend{err: want})
		_, err := c.GetFile(t.Context(), NewGet{Conversation: "x", File: "y"})
		var p *Problem
		if !errors.As(err, &p) || p.Status != test.status || p.Code != test.code {
			t.Errorf("%v: %+v", want, err)
		}
	}
}

func TestPartsAsJSON(t *testing.T) {
	b := &backend{transfers: []node.Transfer{{
		ID: id, Direction: node.Outgoing, Contact: "holiday", Conversation: conversation.ID{1}, Entry: conversation.ID{2},
		State: filexfer.Ongoing, Parts: []node.Part{
			{Device: device, Account: account(2), Contact: "bob", State: filexfer.Ongoing, Bytes: 5, Path: &icetcp.Path{Kind: icetcp.Relayed, LocalType: "relay"}},
			{Account: account(3), Contact: "carol", State: filexfer.Unjoinable, Code: node.EndUnjoinable, Reason: "no device"},
		},
	}}}
	c, _ := serve(t, b)
	var raw jsonText
	if err := c.ask(t.Context(), http.MethodGet, "/v1/transfers/"+id, nil, &raw); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(string(raw), `,"conversation":`)
	want := `"` + conversation.ID{1}.String() + `","entry":"` + conversation.ID{2}.String() + `","rule":"","why":"","one_shot":false,"ended":false,"parts":[` +
		`{"device":"` + device.String() + `","account":"` + account(2).String() + `","contact":"bob","state":"ongoing","bytes":5,"code":"","reason":"","path":"relayed",` +
		`"path_details":{"transport":"ice","local":"","remote":"","local_type":"relay","remote_type":"","relay":"","rtt_ms":0,"tls_version":"","tls_cipher":"","tls_group":"","controlling":false}},` +
		`{"device":"","account":"` + account(3).String() + `","contact":"carol","state":"unjoinable-peer","bytes":0,"code":"unjoinable","reason":"no device","path":"","path_details":null}]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !strings.Contains(string(raw), `"contact":"holiday","account":"","device":""`) {
		t.Errorf("a group's name and no account: %s", raw)
	}
}

func TestHeldFilesAsJSON(t *testing.T) {
	b := &backend{held: []node.HeldFile{{
		Conversation: conversation.ID{1}, Entry: conversation.ID{2}, Talk: "holiday", Author: "you", Name: "p\u202e.jpg", Path: "/r/p.jpg",
		Size: 12, Sum: "ab", Source: true, State: node.HeldGone, Since: time.Unix(0, 0),
	}}}
	c, _ := serve(t, b)
	var raw jsonText
	if err := c.ask(t.Context(), http.MethodGet, "/v1/files", nil, &raw); err != nil {
		t.Fatal(err)
	}
	want := `[{"conversation":"` + conversation.ID{1}.String() + `","conversation_name":"holiday","entry":"` + conversation.ID{2}.String() + `",` +
		`"author":"you","name":"p` + "\u202e" + `.jpg","file":"/r/p.jpg","size":12,"sha3sum":"ab","sha3tree":"","source":true,"state":"gone","since":"1970-01-01T00:00:00Z"}]`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
	if got, err := c.Files(t.Context()); err != nil || len(got) != 1 || got[0].State != node.HeldGone {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMissedFilesAreMessages(t *testing.T) {
	b := &backend{messages: []node.Message{{
		ID: conversation.ID{2}, Conversation: conversation.ID{1}, Author: "bob", Type: conversation.TypeFile,
		File: &conversation.File{DisplayName: "film.mkv", TotalSize: 7, SHA3Sum: "ab"},
	}}}
	c, _ := serve(t, b)
	got, err := c.Missed(t.Context())
	if err != nil || len(got) != 1 || got[0].Conversation != (conversation.ID{1}).String() || got[0].File == nil || got[0].File.Size != 7 {
		t.Errorf("%+v, %v", got, err)
	}
}

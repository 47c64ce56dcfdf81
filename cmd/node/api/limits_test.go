package api

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

func (b *backend) Limits() []node.Limit {
	return []node.Limit{{Up: 1 << 20}, {Contact: "bob", Account: account(2), Down: 1 << 30}}
}

func (b *backend) SetLimits(_ context.Context, who string, up, down *int64) (node.Limit, error) {
	return node.Limit{Contact: who, Up: *up}, b.ask("limit %s %d, down is left: %v", who, *up, down == nil)
}

func (b *backend) LimitTransfer(_ context.Context, id string, perSecond int64) (node.Transfer, error) {
	return node.Transfer{ID: id, Direction: node.Outgoing, State: filexfer.Ongoing, Limit: perSecond}, b.ask("limit transfer %s %d", id, perSecond)
}

func TestLimitsAsJSON(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	var raw jsonText
	if err := c.ask(t.Context(), http.MethodGet, "/v1/limits", nil, &raw); err != nil {
		t.Fatal(err)
	}
	want := `[{"contact":"","account":"","up":1048576,"down":0},{"contact":"bob","account":"` + account(2).String() + `","up":0,"down":1073741824}]`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
	if all, err := c.Limits(t.Context()); err != nil || len(all) != 2 || all[1].Contact != "bob" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestALimitReachesTheBackend(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	up := int64(1 << 20)
	got, err := c.SetLimit(t.Context(), NewLimit{Contact: "bob", Up: &up})
	if err != nil || got != (Limit{Contact: "bob", Up: up}) || !slices.Equal(b.asked, []string{"limit bob 1048576, down is left: true"}) {
		t.Errorf("%+v, %v, asked %q", got, err, b.asked)
	}
	limited, err := c.LimitTransfer(t.Context(), "0123456789abcdef", up)
	if err != nil || limited.Limit != up || b.asked[1] != "limit transfer 0123456789abcdef 1048576" {
		t.Errorf("%+v, %v, asked %q", limited, err, b.asked)
	}
	c, _ = serve(t, &backend{err: node.ErrBadLimit})
	if _, err := c.SetLimit(t.Context(), NewLimit{Up: &up}); err == nil || err.(*Problem).Code != CodeBadLimit || err.(*Problem).Status != http.StatusBadRequest {
		t.Errorf("a limit that is too low: %v", err)
	}
}

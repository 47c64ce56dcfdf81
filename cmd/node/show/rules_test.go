package show

import (
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node/rules"
)

func TestRules(t *testing.T) {
	var b strings.Builder
	err := Rules(&b, api.Rules{
		Rules: []api.Rule{
			{
				Name: "photos", From: []string{"alice"}, Device: []string{"phone"}, Verified: true, Type: []string{"image/*", ".pdf"}, MaxSize: 200 << 20,
				Quota: 5 << 30, Used: 1 << 30, Folder: "/p", Action: rules.Accept,
			},
			{Name: "no\x1b", From: []string{"*"}, Conversation: []string{"holiday"}, Action: rules.Refuse},
		},
		Otherwise: rules.Ask, Reserve: 256 << 20,
	})
	want := `   RULE       FROM                      WHAT                           THEN                              USED
1  photos     alice on phone, verified  image/*, .pdf up to 200.0 MiB  accept into /p                    1.0 GiB of 5.0 GiB
2  no\u001b   any contact               anything in holiday            refuse
   otherwise  any contact               anything                       ask: it waits in 'passeur inbox'

256.0 MiB of each disk are kept free
`
	if err != nil || b.String() != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, &b, want)
	}
}

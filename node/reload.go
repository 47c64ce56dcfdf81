package node

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/passeur-p2p/passeur/node/rules"
)

// Reload takes over those fields of c that can change while the node runs: Rules,
// Accept, Downloads, Reserve and Audit. It gives the names of the other fields that
// differ from those the node was started with, sorted: they need a restart. Logger is
// not compared. Offers that wait, and transfers that run, are not decided anew; but what
// waits only for room is accepted when there is some. A c that is wrong changes nothing;
// the error is that of [New].
func (n *Node) Reload(_ context.Context, c Config) ([]string, error) {
	next, err := c.check()
	if err != nil {
		return nil, err
	}
	n.deciding.Lock() // no offer is held against half of it
	defer n.deciding.Unlock()
	before, after := n.policy.Load(), next.policy()
	n.policy.Store(after)
	n.auditor.Store(c.Audit)
	if !before.equal(after) {
		n.recordPolicy(after, "reload")
	}
	return n.settings.differing(next), nil
}

func (p *policy) equal(q *policy) bool {
	return p.accept == q.accept && p.reserve == q.reserve && p.downloads == q.downloads &&
		slices.EqualFunc(p.rules.Rules(), q.rules.Rules(), func(x, y rules.Rule) bool { return reflect.DeepEqual(x, y) })
}

// live are the fields of Config that Reload takes over, and those that it leaves to
// others.
var live = []string{"Rules", "Accept", "Downloads", "Reserve", "Audit", "Logger"}

// differing names the fields of Config in which two settings differ, but for live ones.
func (s settings) differing(other settings) []string {
	list := []string{}
	x, y := reflect.ValueOf(s.Config), reflect.ValueOf(other.Config)
	for i := range x.NumField() {
		name := x.Type().Field(i).Name
		if slices.Contains(live, name) || sameSetting(x.Field(i), y.Field(i)) {
			continue
		}
		list = append(list, name)
	}
	slices.SortFunc(list, strings.Compare)
	return list
}

// sameSetting: a list that is empty is one that is missing.
func sameSetting(x, y reflect.Value) bool {
	if x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(x.Interface(), y.Interface())
}

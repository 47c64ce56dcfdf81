package metrics_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/passeur-p2p/passeur/cmd/node/metrics"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/signalling"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// fixed is a source that stands still.
type fixed node.Counts

func (f fixed) Counts() node.Counts { return node.Counts(f) }

// registryOf holds passeur's own metrics.
func registryOf(source metrics.Source) *prometheus.Registry {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.New(source))
	return registry
}

// The names are a promise: testdata/metrics.txt changes only on purpose (UPDATE=1), and
// then dashboards and docs with it.
func TestNames(t *testing.T) {
	families, err := registryOf(fixed{}).Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range families {
		var labels []string
		for _, l := range f.Metric[0].Label {
			labels = append(labels, l.GetName())
		}
		fmt.Fprintf(&got, "%s %s {%s} %s\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, ","), f.GetHelp())
	}
	golden := filepath.Join("testdata", "metrics.txt")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(golden); err != nil || got.String() != string(want) {
		t.Errorf("the metrics are not those of %s (%v):\n%s", golden, err, got.String())
	}
}

func TestLint(t *testing.T) {
	families, err := registryOf(fixed{}).Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) != 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// full is a source of which everything has happened.
func full() fixed {
	f := fixed{
		Transfers: map[node.TransferKind]int{
			{Direction: node.Incoming, State: filexfer.AwaitingHost}: 2, {Direction: node.Outgoing, State: filexfer.Unjoinable}: 1,
		},
		Ended:     map[node.TransferEnd]int64{{Direction: node.Incoming}: 3, {Direction: node.Outgoing, Code: node.EndRefused}: 4},
		Durations: map[node.Direction]node.Histogram{node.Incoming: {Buckets: [10]int64{0, 1, 2}, Count: 4, Sum: 5}},
		Sent:      6, Received: 7, Served: 8, Offers: 9, Decisions: map[node.Decision]int64{{By: "rule", Accepted: true}: 10},
		Connections: map[string]int{"tcp": 11, "relayed": 12}, Negotiations: map[node.Negotiation]int64{{Offered: true, Result: "punched"}: 13},
		Requests: map[node.RequestStep]int64{{Kind: "ice", Step: signalling.Answered}: 14}, Stored: 15, Syncs: map[bool]int64{true: 16}, Entries: 17,
		DHTNodes: 18, Conversations: 19, Contacts: map[node.ContactState]int{node.Accepted: 20}, ContactsOnline: 21, Rules: 22, Reserve: 23,
		FreeHome: 24, FreeDownloads: -1,
	}
	f.Inbox = signalling.Status{Subscribed: 25, Queued: 26, Subscribers: 27, Requests: 28}
	return f
}

func TestValues(t *testing.T) {
	text := scrape(t, metrics.New(full()).Handler())
	for _, line := range []string{
		`passeur_transfers{direction="incoming",state="awaiting-host"} 2`,
		`passeur_transfers{direction="incoming",state="failed"} 0`,
		`passeur_transfers{direction="outgoing",state="failed"} 1`,
		`passeur_transfers_ended_total{direction="incoming",result="finished"} 3`,
		`passeur_transfers_ended_total{direction="outgoing",result="refused"} 4`,
		`passeur_transfer_duration_seconds_bucket{direction="incoming",le="5"} 1`,
		`passeur_transfer_duration_seconds_bucket{direction="incoming",le="15"} 3`,
		`passeur_transfer_duration_seconds_bucket{direction="incoming",le="+Inf"} 4`,
		`passeur_transfer_duration_seconds_sum{direction="incoming"} 5`,
		`passeur_transfer_duration_seconds_count{direction="outgoing"} 0`,
		`passeur_transfer_bytes_total{direction="outgoing"} 6`,
		`passeur_transfer_bytes_total{direction="incoming"} 7`,
		`passeur_files_served_total 8`,
		`passeur_offers_total 9`,
		`passeur_offer_decisions_total{by="rule",decision="accepted"} 10`,
		`passeur_offer_decisions_total{by="person",decision="refused"} 0`,
		`passeur_connections{kind="tcp"} 11`,
		`passeur_connections{kind="relayed"} 12`,
		`passeur_ice_negotiations_total{result="punched",role="offered"} 13`,
		`passeur_signalling_requests_total{kind="ice",step="answered"} 14`,
		`passeur_inbox_messages_total 15`,
		`passeur_history_syncs_total{result="level"} 16`,
		`passeur_history_entries_total 17`,
		`passeur_dht_routing_table_nodes 18`,
		`passeur_conversations 19`,
		`passeur_contacts{state="accepted"} 20`,
		`passeur_contacts_online 21`,
		`passeur_rules 22`,
		`passeur_disk_reserve_bytes 23`,
		`passeur_disk_free_bytes{folder="home"} 24`,
		`passeur_disk_free_bytes{folder="downloads"} -1`,
		`passeur_inbox_servers 25`,
		`passeur_inbox_queued_messages 26`,
		`passeur_inbox_subscribers 27`,
		`passeur_signalling_requests_pending 28`,
	} {
		if !slices.Contains(strings.Split(text, "\n"), line) {
			t.Errorf("no line %s", line)
		}
	}
	for _, name := range []string{"passeur_build_info", "go_goroutines"} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("no %s", name)
		}
	}
}

// What has happened makes no new series: all are there from the start.
func TestEverySeriesIsThereFromTheStart(t *testing.T) {
	before, after := countSeries(t, fixed{}), countSeries(t, full())
	if before != after || before < 80 {
		t.Errorf("%d series of nothing, %d of everything", before, after)
	}
}

func countSeries(t *testing.T, source metrics.Source) (count int) {
	t.Helper()
	families, err := registryOf(source).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		count += len(f.Metric)
	}
	return count
}

func scrape(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d, %v: %s", w.Code, err, body)
	}
	return string(body)
}

package release

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// metric is a name in a query, with its labels if there are any: name{a="b",c=~"d"}.
	metric = regexp.MustCompile(`\b((?:passeur|process|go)_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	// label is one of a selector.
	label = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
)

// scraped are the labels that Prometheus adds to every series.
var scraped = []string{"instance", "job"}

// processMetrics are those of client_golang's process collector that the dashboard shows.
var processMetrics = []string{
	"process_cpu_seconds_total", "process_max_fds", "process_open_fds",
	"process_resident_memory_bytes", "process_start_time_seconds",
}

// dull are metrics that say little over time: the dashboard does without.
var dull = []string{"passeur_contacts", "passeur_conversations", "passeur_offers_total", "passeur_rules"}

// TestGrafana: each metric that the dashboard asks for exists, with these labels, and
// it shows all that are not known to be dull.
func TestGrafana(t *testing.T) {
	known := metrics(t)
	asked := map[string]bool{}
	for _, q := range queries(t) {
		for _, found := range metric.FindAllStringSubmatch(q, -1) {
			name := base(found[1], known)
			asked[name] = true
			labels, exists := known[name]
			if !exists {
				t.Errorf("there is no metric %s, as in %s", name, q)
			}
			for _, l := range label.FindAllStringSubmatch(found[2], -1) {
				if !slices.Contains(labels, l[1]) && !slices.Contains(scraped, l[1]) {
					t.Errorf("%s has no label %s, as in %s", name, l[1], q)
				}
			}
		}
	}
	for name := range known {
		if !asked[name] && !slices.Contains(dull, name) {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// TestAlerts: each metric that the alerts of docs/operations.md ask for exists.
func TestAlerts(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	known, asked := metrics(t), 0
	for line := range strings.Lines(string(page)) {
		query, isQuery := strings.CutPrefix(strings.TrimSpace(line), "expr: ")
		if !isQuery {
			continue
		}
		for _, found := range metric.FindAllStringSubmatch(query, -1) {
			asked++
			if _, exists := known[base(found[1], known)]; !exists {
				t.Errorf("there is no metric %s, as in %s", found[1], query)
			}
		}
	}
	if asked < 5 {
		t.Errorf("the alerts ask for %d metrics only", asked)
	}
}

// metrics reads the names that cmd/node/metrics promises, with their labels.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../cmd/node/metrics/testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		// passeur_transfers gauge {direction,state} Transfers that run now
		f := strings.Fields(line)
		if len(f) < 4 {
			t.Fatalf("not the line of a metric: %q", line)
		}
		known[f[0]] = strings.Split(strings.Trim(f[2], "{}"), ",")
		if f[1] == "histogram" {
			known[f[0]] = append(known[f[0]], "le")
		}
	}
	for _, name := range processMetrics {
		known[name] = nil
	}
	return known
}

// base is the name that a histogram has without what Prometheus adds.
func base(name string, known map[string][]string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		without, cut := strings.CutSuffix(name, suffix)
		if cut && slices.Contains(known[without], "le") {
			return without
		}
	}
	return name
}

// queries gives all that the dashboard asks for.
func queries(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile("../../packaging/grafana/passeur.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
		Templating struct{ List []struct{ Query any } }
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, v := range dashboard.Templating.List {
		if q, isQuery := v.Query.(map[string]any); isQuery {
			all = append(all, q["query"].(string))
		}
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	return all
}

package metrics

import (
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/passeur-p2p/passeur/node"
)

// Source is what is measured.
type Source interface {
	// Counts is called for each collection, perhaps from several goroutines.
	Counts() node.Counts
}

var _ Source = (*node.Node)(nil)

// Metrics are those of one source. They may be used from any goroutine.
type Metrics struct {
	registry *prometheus.Registry
	source   Source
	build    prometheus.Metric
}

var _ prometheus.Collector = (*Metrics)(nil)

// New makes the metrics of a source, with those of Go and of the process, in a registry
// of their own.
func New(source Source) *Metrics {
	m := &Metrics{registry: prometheus.NewPedanticRegistry(), source: source, build: buildInfo()}
	m.registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers with the metrics, as text or in the OpenMetrics form, whichever is
// asked for.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Describe tells which metrics there are.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.build.Desc()
	for _, f := range families {
		to <- f.desc
	}
}

// Collect asks the source once.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	to <- m.build
	counts := m.source.Counts()
	for _, f := range families {
		f.collect(f, counts, to)
	}
}

// buildInfo tells what runs: 1, and labels.
func buildInfo() prometheus.Metric {
	version, revision := "unknown", "unknown"
	if info, known := debug.ReadBuildInfo(); known {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	desc := prometheus.NewDesc("passeur_build_info", "What runs: always 1.", nil,
		prometheus.Labels{"version": version, "revision": revision, "goversion": runtime.Version()})
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, 1)
}

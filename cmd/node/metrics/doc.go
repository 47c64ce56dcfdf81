// Package metrics shows a node's counts to Prometheus: one [Metrics] collects them when
// it is asked, and serves them over HTTP. It keeps no state of its own.
//
// The names are a promise to dashboards and alerts: testdata/metrics.txt lists them.
// Every value that a label can have is there from the start, and none comes from
// outside: no contact, file, device or conversation is named.
package metrics

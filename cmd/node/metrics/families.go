package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/signalling"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// family is all series of one name.
type family struct {
	desc    *prometheus.Desc
	kind    prometheus.ValueType
	collect func(f family, c node.Counts, to chan<- prometheus.Metric)
}

// send gives one series.
func (f family) send(to chan<- prometheus.Metric, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
}

// labelled is a family whose collect gives the value of every combination of labels.
func labelled(kind prometheus.ValueType, name, help string, labels []string, collect func(family, node.Counts, chan<- prometheus.Metric)) family {
	return family{prometheus.NewDesc(name, help, labels, nil), kind, collect}
}

// single is a family of one series.
func single[N int | int64](kind prometheus.ValueType, name, help string, value func(node.Counts) N) family {
	return labelled(kind, name, help, nil, func(f family, c node.Counts, to chan<- prometheus.Metric) {
		f.send(to, float64(value(c)))
	})
}

// by is a family with one label, whose values are those given.
func by[K ~string, N int | int64](kind prometheus.ValueType, name, help, label string, keys []K, value func(node.Counts, K) N) family {
	return labelled(kind, name, help, []string{label}, func(f family, c node.Counts, to chan<- prometheus.Metric) {
		for _, k := range keys {
			f.send(to, float64(value(c, k)), string(k))
		}
	})
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// What labels can be.
var (
	directions = []node.Direction{node.Incoming, node.Outgoing}
	states     = []filexfer.State{filexfer.Created, filexfer.AwaitingPeer, filexfer.AwaitingHost, filexfer.Ongoing, filexfer.Finished}
	codes      = []node.EndCode{
		node.EndNone, node.EndRefused, node.EndCancelled, node.EndUnjoinable, node.EndBadSum, node.EndTimeout,
		node.EndLost, node.EndBadPath, node.EndWithdrawn, node.EndFailed, node.EndRestarted,
	}
	deciders     = []string{"person", "rule", "setting"}
	pathKinds    = []string{string(icetcp.Direct), string(icetcp.Punched), string(icetcp.Mapped), string(icetcp.Relayed)}
	connections  = append([]string{node.ConnectionTCP}, pathKinds...)
	negotiations = append([]string{node.NegotiationFailed, node.NegotiationUnanswered}, pathKinds...)
	requestKinds = []string{"contact", "ice", "other"}
	requestSteps = []signalling.Phase{signalling.Found, signalling.Sealed, signalling.Answered}
	contacts     = []node.ContactState{node.Accepted, node.Pending, node.Requested}
	results      = []string{"failed", "level"}
)

// families are all of passeur's own, but for the build's.
var families = []family{
	labelled(gauge, "passeur_transfers", "Transfers that run now, offers that wait and files that are wanted included. A finished one still goes to other devices.",
		[]string{"direction", "state"}, collectTransfers),
	labelled(counter, "passeur_transfers_ended_total", "Transfers that have ended, by how; finished is well.",
		[]string{"direction", "result"}, collectEnded),
	{prometheus.NewDesc("passeur_transfer_duration_seconds", "How long files took that came or went whole, from the first byte to the last.", []string{"direction"}, nil),
		prometheus.UntypedValue, collectDurations},
	by(counter, "passeur_transfer_bytes_total", "Bytes on the streams that carry files.", "direction", directions,
		func(c node.Counts, d node.Direction) int64 {
			if d == node.Incoming {
				return c.Received
			}
			return c.Sent
		}),
	single(counter, "passeur_files_served_total", "Files that went to devices which had asked for them again.", func(c node.Counts) int64 { return c.Served }),

	single(counter, "passeur_offers_total", "Files that others have offered.", func(c node.Counts) int64 { return c.Offers }),
	labelled(counter, "passeur_offer_decisions_total", "Offers that were decided: by a person, by a rule, or by the setting for those that no rule fits.",
		[]string{"by", "decision"}, collectDecisions),
	single(gauge, "passeur_rules", "Rules that decide about offers.", func(c node.Counts) int { return c.Rules }),

	by(gauge, "passeur_connections", "Connections that stand: over plain TCP, or over ICE by the kind of its path.", "kind", connections,
		func(c node.Counts, k string) int { return c.Connections[k] }),
	labelled(counter, "passeur_ice_negotiations_total", "Attempts to connect over ICE that have ended: with a path of a kind, unanswered, or failed.",
		[]string{"role", "result"}, collectNegotiations),
	labelled(counter, "passeur_signalling_requests_total", "Own signalling requests that have come to a step; those found but not answered have failed or run.",
		[]string{"kind", "step"}, collectRequests),
	single(gauge, "passeur_signalling_requests_pending", "Own signalling requests that wait for an answer.", func(c node.Counts) int { return c.Inbox.Requests }),
	single(gauge, "passeur_inbox_servers", "Servers at which this device listens to its inbox; 0: others cannot reach it.", func(c node.Counts) int { return c.Inbox.Subscribed }),
	single(gauge, "passeur_inbox_queued_messages", "Messages that this node keeps for others now.", func(c node.Counts) int { return c.Inbox.Queued }),
	single(gauge, "passeur_inbox_subscribers", "Inboxes of others whose owners are connected here.", func(c node.Counts) int { return c.Inbox.Subscribers }),
	single(counter, "passeur_inbox_messages_total", "Messages that this node has kept for others.", func(c node.Counts) int64 { return c.Stored }),
	single(gauge, "passeur_dht_routing_table_nodes", "Nodes in the routing table of the DHT.", func(c node.Counts) int { return c.DHTNodes }),

	by(counter, "passeur_history_syncs_total", "Attempts to bring conversations level with a device.", "result", results,
		func(c node.Counts, r string) int64 { return c.Syncs[r == "level"] }),
	single(counter, "passeur_history_entries_total", "Entries of conversations that came from other devices.", func(c node.Counts) int64 { return c.Entries }),
	single(gauge, "passeur_conversations", "Conversations on this device.", func(c node.Counts) int { return c.Conversations }),
	by(gauge, "passeur_contacts", "Contacts by state.", "state", contacts,
		func(c node.Counts, s node.ContactState) int { return c.Contacts[s] }),
	single(gauge, "passeur_contacts_online", "Accepted contacts of whom a device is connected.", func(c node.Counts) int { return c.ContactsOnline }),

	by(gauge, "passeur_disk_free_bytes", "Bytes free on the disk of a folder; -1: the system does not tell.", "folder", []string{"downloads", "home"},
		func(c node.Counts, folder string) int64 {
			if folder == "home" {
				return c.FreeHome
			}
			return c.FreeDownloads
		}),
	single(gauge, "passeur_disk_reserve_bytes", "Bytes of a disk that stay free: what would leave less is not accepted.", func(c node.Counts) int64 { return c.Reserve }),
}

func collectTransfers(f family, c node.Counts, to chan<- prometheus.Metric) {
	for _, d := range directions {
		others := 0 // a state that is final for one part, while others run
		for k, n := range c.Transfers {
			if k.Direction == d {
				others += n
			}
		}
		for _, s := range states {
			n := c.Transfers[node.TransferKind{Direction: d, State: s}]
			f.send(to, float64(n), string(d), s.String())
			others -= n
		}
		f.send(to, float64(others), string(d), "failed")
	}
}

func collectEnded(f family, c node.Counts, to chan<- prometheus.Metric) {
	for _, d := range directions {
		for _, code := range codes {
			result := string(code)
			if code == node.EndNone {
				result = "finished"
			}
			f.send(to, float64(c.Ended[node.TransferEnd{Direction: d, Code: code}]), string(d), result)
		}
	}
}

func collectDurations(f family, c node.Counts, to chan<- prometheus.Metric) {
	for _, d := range directions {
		h := c.Durations[d]
		buckets, below := map[float64]uint64{}, uint64(0)
		for i, bound := range node.DurationBounds {
			below += uint64(h.Buckets[i])
			buckets[bound] = below
		}
		to <- prometheus.MustNewConstHistogram(f.desc, uint64(h.Count), h.Sum, buckets, string(d))
	}
}

func collectDecisions(f family, c node.Counts, to chan<- prometheus.Metric) {
	for _, by := range deciders {
		f.send(to, float64(c.Decisions[node.Decision{By: by, Accepted: true}]), by, "accepted")
		f.send(to, float64(c.Decisions[node.Decision{By: by}]), by, "refused")
	}
}

func collectNegotiations(f family, c node.Counts, to chan<- prometheus.Metric) {
	for _, result := range negotiations {
		f.send(to, float64(c.Negotiations[node.Negotiation{Offered: true, Result: result}]), "offered", result)
		f.send(to, float64(c.Negotiations[node.Negotiation{Result: result}]), "answered", result)
	}
}

func collectRequests(f family, c node.Counts, to chan<- prometheus.Metric) {
	for _, kind := range requestKinds {
		for _, step := range requestSteps {
			f.send(to, float64(c.Requests[node.RequestStep{Kind: kind, Step: step}]), kind, string(step))
		}
	}
}

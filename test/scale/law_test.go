package scale

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// figures are what grows with a network, or does not.
var figures = []struct {
	name string
	of   func(result) float64
}{
	{"calm, from the account, p50, ms", func(r result) float64 { return ms(at(r.calm.cold, .5)) }},
	{"calm, from the account, p95, ms", func(r result) float64 { return ms(at(r.calm.cold, .95)) }},
	{"calm, again, p50, ms", func(r result) float64 { return ms(at(r.calm.warm, .5)) }},
	{"a lookup asks, nodes", func(r result) float64 { return r.lookup.asked }},
	{"a lookup takes, p50, ms", func(r result) float64 { return ms(at(r.lookup.took, .5)) }},
	{"idle, messages a node and minute", func(r result) float64 { return r.idle.messages }},
	{"idle, kB a node and minute", func(r result) float64 { return r.idle.bytes / 1000 }},
	{"churn, from the account, p50, ms", func(r result) float64 { return ms(at(r.churn.cold, .5)) }},
	{"churn, from the account, p95, ms", func(r result) float64 { return ms(at(r.churn.cold, .95)) }},
	{"churn, messages a node and minute", func(r result) float64 { return r.busy.messages }},
	{"kept, kB a server", func(r result) float64 { return float64(r.stored.bytesMean) / 1000 }},
	{"memory, KiB a node", func(r result) float64 { return float64(r.memory >> 10) }},
}

// holders is how many servers keep a record. In a network of fewer a lookup asks them all,
// and what a node sends grows with their number: that is no beginning of a law.
const holders = 20

// laws fits each figure to a + b·log2(servers) and to c·servers^d, and says how far the
// worst of the networks is off each, and what each makes of a million servers.
func laws(all []result) string {
	all = slices.DeleteFunc(slices.Clone(all), func(r result) bool { return r.servers <= holders })
	if len(all) < 2 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "laws of the %d networks of more than %d servers\n", len(all), holders)
	fmt.Fprintf(&b, "%-34s%s\n", "by the number of servers n", "a + b·log2(n)         off by  n=1e6        c·n^d       off by  n=1e6")
	for _, f := range figures {
		log, power := fitLog(all, f.of), fitPower(all, f.of)
		fmt.Fprintf(&b, "%-34s%9.1f %+8.1f·log2 %5.0f %% %8.0f    %9.1f·n^%-5.2f %5.0f %% %8.0f\n", f.name,
			log.a, log.b, 100*off(all, f.of, log.at), log.at(1e6), power.a, power.b, 100*off(all, f.of, power.at), power.at(1e6))
	}
	return b.String()
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// law is a curve: of how many servers, what.
type law struct {
	a, b float64
	at   func(servers float64) float64
}

func fitLog(all []result, of func(result) float64) law {
	a, b := line(all, func(r result) (x, y float64) { return math.Log2(float64(r.servers)), of(r) })
	return law{a, b, func(n float64) float64 { return a + b*math.Log2(n) }}
}

func fitPower(all []result, of func(result) float64) law {
	a, b := line(all, func(r result) (x, y float64) {
		return math.Log(float64(r.servers)), math.Log(max(of(r), 1e-9))
	})
	return law{math.Exp(a), b, func(n float64) float64 { return math.Exp(a) * math.Pow(n, b) }}
}

// line is a + b·x through the points, by least squares.
func line(all []result, point func(result) (x, y float64)) (a, b float64) {
	var n, sx, sy, sxx, sxy float64
	for _, r := range all {
		x, y := point(r)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	b = (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return (sy - b*sx) / n, b
}

// off is how far the worst of the networks is off a law, as a share of what was seen.
func off(all []result, of func(result) float64, law func(float64) float64) (worst float64) {
	for _, r := range all {
		worst = max(worst, math.Abs(law(float64(r.servers))-of(r))/max(of(r), 1e-9))
	}
	return worst
}

func TestLawsFindWhatWasPutIn(t *testing.T) {
	log := func(r result) float64 { return 7 + 3*math.Log2(float64(r.servers)) }
	power := func(r result) float64 { return 5 * math.Sqrt(float64(r.servers)) }
	all := []result{{servers: 34}, {servers: 67}, {servers: 201}}
	if l := fitLog(all, log); math.Abs(l.a-7) > 1e-6 || math.Abs(l.b-3) > 1e-6 || off(all, log, l.at) > 1e-6 {
		t.Errorf("7 + 3·log2(n) was taken for %.3f + %.3f·log2(n)", l.a, l.b)
	}
	if l := fitPower(all, power); math.Abs(l.a-5) > 1e-6 || math.Abs(l.b-0.5) > 1e-6 || math.Abs(l.at(1e6)-5000) > 1e-3 {
		t.Errorf("5·n^0.5 was taken for %.3f·n^%.3f", l.a, l.b)
	}
	if l := fitLog(all, power); off(all, power, l.at) < 0.02 {
		t.Errorf("a root passes for a logarithm: off by %.3f", off(all, power, l.at))
	}
	if text := laws([]result{{servers: 14}, {servers: 67}}); text != "" {
		t.Errorf("one network of more than %d servers gave a law: %s", holders, text)
	}
}

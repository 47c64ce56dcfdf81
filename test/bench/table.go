package main

import (
	"fmt"
	"slices"
	"strings"
)

// table is what a run prints. Speeds and CPU times are medians; a ratio is the
// median of the ratios within each round.
func table(o options, samples map[string][]sample) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s a round, %d rounds, medians (min-max); two processes on loopback\n%s\n\n", o.size, o.rounds, machine())
	fmt.Fprintf(&b, "%-30s  %17s  %22s  %17s  %6s\n", "", "MB/s", "CPU-s/GiB send + recv", "of TLS", "of raw")
	for _, r := range rows {
		b.WriteString(line(r, samples))
	}
	return b.String()
}

func line(r row, samples map[string][]sample) string {
	own := samples[r.name]
	speed := column(own, func(s sample) float64 { return s.speed / 1e6 })
	send := median(column(own, func(s sample) float64 { return s.send }))
	recv := median(column(own, func(s sample) float64 { return s.recv }))
	ofTLS := ratios(own, samples[rowTLS])
	ofRaw := ratios(own, samples[rowRaw])
	return fmt.Sprintf("%-30s  %5.0f (%4.0f-%4.0f)  %15s  %5.2f (%.2f-%.2f)  %6.2f\n", r.title,
		median(speed), slices.Min(speed), slices.Max(speed), fmt.Sprintf("%.2f + %.2f = %.2f", send, recv, send+recv),
		median(ofTLS), slices.Min(ofTLS), slices.Max(ofTLS), median(ofRaw))
}

func column(s []sample, of func(sample) float64) []float64 {
	values := make([]float64, len(s))
	for i := range s {
		values[i] = of(s[i])
	}
	return values
}

// ratios of two rows, round by round.
func ratios(a, b []sample) []float64 {
	values := make([]float64, len(a))
	for i := range a {
		values[i] = a[i].speed / b[i].speed
	}
	return values
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

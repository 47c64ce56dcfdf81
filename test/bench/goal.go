package main

import (
	"fmt"
	"math"
	"slices"
)

// goal is what a row is to show: a figure of one contender, or its ratio to another's
// in the same round, within a bound.
type goal struct {
	of, to  string // names of contenders; to is "" for a figure that stands alone
	in      quantity
	atMost  float64 // one of the two is 0
	atLeast float64
}

// verdict is what has become of a goal.
type verdict struct {
	goal       goal
	value      float64 // the median
	least, top float64
	rounds     int // that count; 0: not measured
}

func (v verdict) met() bool {
	switch {
	case v.rounds == 0:
		return false
	case v.goal.atMost > 0:
		return v.value <= v.goal.atMost
	}
	return v.value >= v.goal.atLeast
}

// word is what the tables say of it.
func (v verdict) word() string {
	switch {
	case v.rounds == 0:
		return "not measured"
	case v.met():
		return "met"
	}
	return "not met"
}

// judge compares what a row has shown with its goals.
func (res results) judge() (all []verdict) {
	for _, g := range res.row.goals {
		all = append(all, res.verdict(g))
	}
	return all
}

func (res results) verdict(g goal) verdict {
	values := res.values(g.of, g.in)
	if g.to != "" {
		values = ratios(values, res.values(g.to, g.in))
	}
	values = measured(values)
	if len(values) == 0 {
		return verdict{goal: g}
	}
	return verdict{g, median(values), slices.Min(values), slices.Max(values), len(values)}
}

// values are a contender's figures, round by round, NaN where there is none.
func (res results) values(name string, q quantity) (values []float64) {
	for _, f := range res.figures[name] {
		v, ok := f[q]
		if !ok {
			v = math.NaN()
		}
		values = append(values, v)
	}
	return values
}

// title is what the tables call a contender.
func (res results) title(name string) string {
	for _, c := range res.contenders {
		if c.name == name {
			return c.title
		}
	}
	return name
}

// claim is a goal in words.
func (res results) claim(g goal) string {
	bound, sign := g.atMost, "≤"
	if g.atLeast > 0 {
		bound, sign = g.atLeast, "≥"
	}
	if g.to == "" {
		return fmt.Sprintf("%s: %s %s %s", res.title(g.of), sign, number(bound), g.in)
	}
	return fmt.Sprintf("%s: %s %s × %s (%s)", res.title(g.of), sign, number(bound), res.title(g.to), g.in)
}

// ratios of two contenders, round by round.
func ratios(a, b []float64) (values []float64) {
	for i := range min(len(a), len(b)) {
		values = append(values, a[i]/b[i])
	}
	return values
}

// measured leaves out the rounds that failed.
func measured(values []float64) []float64 {
	return slices.DeleteFunc(values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

// number shows three digits, and all before the point.
func number(v float64) string {
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

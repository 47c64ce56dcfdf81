package main

import (
	"fmt"
	"slices"
	"strings"
)

// text is what a run prints for those who read it in a terminal.
func text(o options, all []results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n%s; medians (min-max)\n", thisMachine(), rounds(o))
	for _, res := range all {
		fmt.Fprintf(&b, "\n%s\n", res.row.title)
		for _, v := range res.judge() {
			fmt.Fprintf(&b, "  %-12s %s: %s\n", v.word(), res.claim(v.goal), v)
		}
		for _, c := range res.contenders {
			if line := res.line(c, "  "); line != "" {
				fmt.Fprintf(&b, "    %-36s %s\n", c.title, line)
			}
		}
		for _, note := range res.notes {
			fmt.Fprintf(&b, "    ! %s\n", brief(note))
		}
	}
	return b.String()
}

// brief gives the first and the last line of what may be a command's whole output,
// which was shown when it happened.
func brief(note string) string {
	lines := strings.Split(strings.TrimSpace(note), "\n")
	if len(lines) == 1 {
		return lines[0]
	}
	return lines[0] + " … " + lines[len(lines)-1]
}

// markdown is the same as a table for docs/performance.md.
func markdown(o options, all []results) string {
	var b strings.Builder
	b.WriteString("| work | goal | shown (min-max) | |\n|---|---|---|---|\n")
	for _, res := range all {
		title := res.row.title
		for _, v := range res.judge() {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", title, res.claim(v.goal), v, emphasis(v))
			title = "" // once is enough
		}
	}
	b.WriteString("\n| work | by | medians (min-max) |\n|---|---|---|\n")
	for _, res := range all {
		title := res.row.title
		for _, c := range res.contenders {
			line := res.line(c, ", ")
			if line == "" {
				line = "not measured"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", title, c.title, line)
			title = ""
		}
	}
	fmt.Fprintf(&b, "\n%s; %s.\n", thisMachine(), rounds(o))
	return b.String()
}

func emphasis(v verdict) string {
	if v.met() {
		return v.word()
	}
	return "**" + v.word() + "**"
}

func rounds(o options) string {
	if o.rounds == 1 {
		return "1 round"
	}
	return fmt.Sprintf("%d rounds", o.rounds)
}

// String is the median and what it lies between.
func (v verdict) String() string {
	switch v.rounds {
	case 0:
		return "-"
	case 1:
		return number(v.value)
	}
	return fmt.Sprintf("%s (%s-%s)", number(v.value), number(v.least), number(v.top))
}

// line is all that a contender has shown; "": nothing.
func (res results) line(c contender, between string) string {
	var parts []string
	for _, q := range quantities {
		values := measured(res.values(c.name, q))
		if len(values) == 0 {
			continue
		}
		v := verdict{value: median(values), least: slices.Min(values), top: slices.Max(values), rounds: len(values)}
		parts = append(parts, fmt.Sprintf("%s %s", v, q))
	}
	return strings.Join(parts, between)
}

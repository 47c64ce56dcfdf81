package main

import (
	"context"
	"fmt"
	"os"
)

// quantity is what a figure counts, as its unit.
type quantity string

const (
	seconds quantity = "s"
	speed   quantity = "MB/s" // 10^6 bytes
	effort  quantity = "CPU-s/GiB"
	later   quantity = "CPU-s/GiB later" // after the file is there
	memory  quantity = "MiB"
	growth  quantity = "times"
	trips   quantity = "round trips"
	files   quantity = "files/s"
)

// quantities in the order in which they are shown.
var quantities = []quantity{seconds, speed, files, trips, effort, later, memory, growth}

// figures are what one run of a contender has shown.
type figures map[quantity]float64

// row is work that several do in turn, and what is to come of it.
type row struct {
	name, title string
	// times is how many runs of each contender a round has; 0: one.
	times int
	// once: one round is enough.
	once bool
	// field builds what the row needs on the stage, which undoes it afterwards.
	field func(s *stage, o options) []contender
	goals []goal
	// after says more, when the rounds are over.
	after func(ctx context.Context, o options) (string, error)
}

// contender is one who does a row's work.
type contender struct {
	name, title string
	// run does it once. What it does must arrive whole: it compares sums, and fails
	// the stage if it was not so.
	run func(round int) figures
	// prepare is called once before that; nil: nothing is to be prepared. Where it fails
	// the others go on.
	prepare func()
	// missing is what this machine lacks for it, such as a Debian package; "": nothing.
	missing string
	// rival: it is somebody else's program.
	rival bool
}

// results are the figures of a row: of each contender one per round, nil where a
// round failed.
type results struct {
	row        row
	contenders []contender
	figures    map[string][]figures
	notes      []string // what went wrong, what was left out
}

// maxFailures is after how many failed runs a contender is asked no more.
const maxFailures = 2

// run runs all rounds of a row.
func (r row) run(ctx context.Context, o options) results {
	s := newStage(ctx, r.name, o.dir)
	res := results{row: r, figures: make(map[string][]figures)}
	if err := s.try(func() { res.contenders = r.field(s, o) }); err != nil {
		res.note("not measured: %v", err)
	} else {
		res.rounds(s, r.count(o), o.alone)
	}
	if err := s.close(); err != nil {
		res.note("afterwards: %v", err)
	}
	return res
}

func (r row) count(o options) int {
	if r.once {
		return 1
	}
	return o.rounds * max(1, r.times)
}

func (res *results) rounds(s *stage, n int, alone bool) {
	var able []contender
	for _, c := range res.contenders {
		if !(c.rival && alone) && res.ready(s, c) {
			able = append(able, c)
		}
	}
	failures := make(map[string]int)
	for round := range n {
		for i := range able {
			c := able[(round+i)%len(able)]
			if s.ctx.Err() != nil {
				return
			}
			if failures[c.name] < maxFailures && !res.once(s, c, round, n) {
				failures[c.name]++
			}
		}
	}
}

// ready prepares a contender, and says why that was not to be.
func (res *results) ready(s *stage, c contender) bool {
	if c.missing != "" {
		res.note("%s left out: this machine has no %s", c.title, c.missing)
		return false
	}
	if c.prepare == nil {
		return true
	}
	err := s.try(c.prepare)
	if err != nil {
		res.note("%s left out: %v", c.title, err)
	}
	return err == nil
}

// once runs one contender and keeps its figures.
func (res *results) once(s *stage, c contender, round, n int) bool {
	var f figures
	err := s.try(func() { f = c.run(round) })
	if err != nil {
		f = nil
		res.note("%s, round %d: %v", c.title, round+1, err)
	}
	for len(res.figures[c.name]) < round {
		res.figures[c.name] = append(res.figures[c.name], nil)
	}
	res.figures[c.name] = append(res.figures[c.name], f)
	fmt.Fprintf(os.Stderr, "%-9s %d/%d  %-34s %s\n", res.row.name, round+1, n, c.title, f)
	return err == nil
}

func (res *results) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	res.notes = append(res.notes, text)
	fmt.Fprintf(os.Stderr, "%-9s %s\n", res.row.name, text)
}

// String lists the figures, for those who watch.
func (f figures) String() (text string) {
	for _, q := range quantities {
		if v, ok := f[q]; ok {
			text += fmt.Sprintf("%10s %s", number(v), q)
		}
	}
	if text == "" {
		return "failed"
	}
	return text
}

package faults

import (
	"slices"
	"testing"
	"time"
)

// Only what the doubted member was writing at that time does not count.
func TestDoubt(t *testing.T) {
	t.Parallel()
	ann, ben := &member{name: "ann"}, &member{name: "ben"}
	begin := time.Now()
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	c := &talk{stop: func() {}, said: []said{
		{ben, "before", at(0), at(10)}, {ben, "into", at(15), at(25)}, {ben, "within", at(21), at(29)}, {ben, "out of", at(28), at(40)},
		{ben, "around", at(12), at(45)}, {ben, "after", at(35), at(50)}, {ann, "other", at(21), at(29)},
	}}
	c.doubt(ben, at(20), at(30))
	if told := c.end(); !slices.Equal(told, []string{"before", "after", "other"}) {
		t.Errorf("%q count", told)
	}
}

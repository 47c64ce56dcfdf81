package sha3tree

import (
	"bytes"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/test/vectors"
)

// pattern is size bytes, each its position modulo 251: no two parts are equal.
func pattern(size int) []byte {
	period := make([]byte, 251)
	for i := range period {
		period[i] = byte(i)
	}
	return bytes.Repeat(period, size/len(period)+1)[:size]
}

func TestTrees(t *testing.T) {
	for _, v := range vectors.Read(t, "testdata/tree.txt") {
		size, err := strconv.Atoi(v["size"])
		if err != nil {
			t.Fatal(err)
		}
		data := pattern(size)
		for _, i := range implementations() {
			t.Run(v["comment"]+"/"+i.name, func(t *testing.T) {
				list, err := i.read(t.Context(), bytes.NewReader(data), int64(size), nil)
				if err != nil {
					t.Fatal(err)
				}
				checkVector(t, v, list)
			})
		}
	}
}

func checkVector(t *testing.T, v vectors.Vector, list List) {
	t.Helper()
	got, want := hex.EncodeToString(list.Sums), v["list"]
	if long, isLong := v["list-sha3-256"]; isLong {
		var sum Sum
		generic.sum(sum[:], [][]byte{list.Sums})
		got, want = sum.String(), long
	}
	if got != want {
		t.Errorf("list %s, want %s", got, want)
	}
	root, err := Parse(v["root"])
	if err != nil {
		t.Fatal(err)
	}
	if got := list.Root(); got != root {
		t.Errorf("root %v, want %v", got, root)
	}
	if err := list.Check(root); err != nil {
		t.Error(err)
	}
}

func TestUnits(t *testing.T) {
	for size, want := range map[int64]int64{
		0: 0, 1: 1, UnitSize - 1: 1, UnitSize: 1, UnitSize + 1: 2, 10 << 30: 10 << 10,
		math.MaxInt64: math.MaxInt64/UnitSize + 1, -1: 0,
	} {
		if got := Units(size); got != want {
			t.Errorf("Units(%d) = %d, want %d", size, got, want)
		}
	}
}

func TestUnitPanicsOnWhatIsNoUnit(t *testing.T) {
	for _, size := range []int{0, UnitSize + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Unit of %d bytes did not panic", size)
				}
			}()
			Unit(make([]byte, size))
		}()
	}
}

func TestSumHasOneSpelling(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 4)
	sum, err := Parse(text)
	if err != nil || sum.String() != text || sum.IsZero() {
		t.Errorf("%s: %v, %v, zero: %v", text, sum, err, sum.IsZero())
	}
	for _, bad := range []string{"", text[1:], text + "0", strings.ToUpper(text), text[1:] + "g", text[1:] + "\n", strings.Repeat("é", 32)} {
		if sum, err := Parse(bad); err == nil || !sum.IsZero() {
			t.Errorf("%q was parsed: %v, %v", bad, sum, err)
		}
	}
}

func TestListThatIsNotOfTheRoot(t *testing.T) {
	data := pattern(2*UnitSize + 5)
	list, err := Read(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	root := list.Root()
	if got, want := list.Unit(2), Unit(data[2*UnitSize:]); got != want {
		t.Errorf("unit 2: %v, want %v", got, want)
	}
	changed := bytes.Clone(list.Sums)
	changed[40] ^= 1
	for name, l := range map[string]List{
		"another sum":  {list.Size, changed},
		"another size": {list.Size + 1, list.Sums},
		"none":         {},
	} {
		if err := l.Check(root); err == nil {
			t.Errorf("%s: believed", name)
		}
	}
}

func TestListOfAnotherLengthThanItsSize(t *testing.T) {
	sums := pattern(3 * Size)
	for name, l := range map[string]List{
		"short":         {3 * UnitSize, sums[:2*Size]},
		"long":          {2 * UnitSize, sums},
		"odd":           {3 * UnitSize, sums[:3*Size-1]},
		"none":          {1, nil},
		"too many":      {0, sums},
		"negative size": {-1, nil},
		"endless":       {math.MaxInt64, sums},
	} {
		if err := l.Check(l.Root()); err == nil {
			t.Errorf("%s: believed", name)
		}
	}
}

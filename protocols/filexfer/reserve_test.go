package filexfer

import (
	"errors"
	"math"
	"testing"
)

func TestFreeSpace(t *testing.T) {
	if free, err := FreeSpace(t.TempDir()); err != nil || free <= 0 {
		t.Errorf("%d bytes, %v", free, err)
	}
	if _, err := FreeSpace(t.TempDir() + "/missing"); err == nil {
		t.Error("a folder that is not there has space")
	}
}

func TestWhatFits(t *testing.T) {
	for _, c := range []struct {
		free, needed, reserve int64
		fits                  bool
	}{
		{10, 10, 0, true}, {10, 11, 0, false}, {10, 5, 5, true}, {10, 6, 5, false}, {4, 1, 5, false}, {10, 10, -1, true},
		{math.MaxInt64, math.MaxInt64, 0, true}, {0, 1, math.MaxInt64, false},
	} {
		target := Target{Reserve: func() int64 { return c.reserve }}
		if err := target.fits(c.free, c.needed); (err == nil) != c.fits || err != nil && !errors.Is(err, ErrNoSpace) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := (Target{}).fits(1, 1); err != nil {
		t.Error(err)
	}
}

// What would leave less than the reserve is not begun, and one that runs ends when
// others have filled the disk.
func TestTheReserveStaysFree(t *testing.T) {
	var reserve int64
	target := wantedTarget(t.TempDir())
	target.Reserve = func() int64 { return reserve }
	opens := map[string]func() error{
		"a sink": func() error {
			s, err := NewFileSink(target)
			if err == nil {
				err = s.Abort()
			}
			return err
		},
		"a part": func() error {
			p, err := OpenPart(t.Context(), target)
			if err == nil {
				err = p.Remove()
			}
			return err
		},
	}
	for what, open := range opens {
		reserve = 0
		if err := open(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		reserve = math.MaxInt64
		if err := open(); !errors.Is(err, ErrNoSpace) {
			t.Errorf("%s with everything in reserve: %v", what, err)
		}
	}
	reserve = 0
	target.Size = 2 * lookEvery
	s, err := NewFileSink(target)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	reserve = math.MaxInt64
	if _, err := s.Write([]byte("a little")); err != nil {
		t.Error(err)
	}
	if err := s.disk.wrote(target, s.temp, lookEvery); !errors.Is(err, ErrNoSpace) {
		t.Errorf("after much more: %v", err)
	}
	wantNames(t, target.Dir, wantedPart)
}

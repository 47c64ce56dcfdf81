package filexfer

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The bytes of a sidecar, as docs/protocol.md has them.
func TestSidecarVectors(t *testing.T) {
	for _, v := range readVectors(t, "sidecar.txt") {
		t.Run(v.name(), func(t *testing.T) {
			tree := treeOf(strings.Repeat("\x00", int(v.number(t, "zeros"))))
			s := sidecarOf(t, t.TempDir(), tree)
			copy(s.era[:], unhex(t, v.fields["era"]))
			there := make([]bool, s.units)
			for i := range there {
				there[i] = v.fields["there"][i] == '1'
			}
			if err := s.write(tree.Root, tree.List, there); err != nil {
				t.Fatal(err)
			}
			want := unhex(t, v.fields["bytes"])
			if got, err := os.ReadFile(filepath.Join(s.root.Name(), s.name)); err != nil || !slices.Equal(got, want) {
				t.Errorf("wrote %x (%v), want %x", got, err, want)
			}
			if said, ok := s.parse(want); !ok || !said.certain || said.root != tree.Root || !slices.Equal(said.there, there) {
				t.Errorf("read %+v", said)
			}
		})
	}
}

func unhex(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sidecarOf gives an open sidecar for a file with this tree.
func sidecarOf(t testing.TB, dir string, tree Tree) *sidecar {
	t.Helper()
	target, root, err := Target{Dir: dir, Name: "x", ID: "0123456789abcdef", Size: tree.List.Size}.open()
	if err != nil {
		t.Fatal(err)
	}
	s, err := openSidecar(root, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	return s
}

// No damage of a sidecar, by a changed byte or a lost end, makes a unit count that
// is not there.
func TestDamagedSidecar(t *testing.T) {
	content := noise(unit + 1)
	tree := treeOf(content)
	s := sidecarOf(t, t.TempDir(), tree)
	s.era = [32]byte{1}
	if err := s.write(tree.Root, tree.List, []bool{true, false}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(s.root.Name(), s.name))
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		damaged := slices.Clone(whole)
		damaged[at] ^= 0x55
		if said, ok := s.parse(damaged); ok && said.certain {
			t.Errorf("byte %d does not matter", at)
		}
		copy(damaged[at:], make([]byte, len(whole))) // zeros, as after a crash
		if said, ok := s.parse(damaged); ok && said.certain && said.there[1] {
			t.Errorf("zeros from byte %d on: %+v", at, said)
		}
	}
}

// A sidecar that cannot be believed costs a reading, and nothing else: what is
// there is found, what is not is not claimed.
func TestPartReadsWhatIsThere(t *testing.T) {
	content := noise(2*unit + 100)
	tree := treeOf(content)
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"another era":  func(t *testing.T, dir string) { rewrite(t, dir, tree, func(s *sidecar) { s.era[0]++ }) },
		"no era":       func(t *testing.T, dir string) { rewrite(t, dir, tree, func(s *sidecar) { s.era = [32]byte{} }) },
		"another file": func(t *testing.T, dir string) { rewrite(t, dir, treeOf(content[1:]+"!"), func(*sidecar) {}) },
		"another size": func(t *testing.T, dir string) { rewrite(t, dir, treeOf(content+"!"), func(*sidecar) {}) },
		"a wrong mark": func(t *testing.T, dir string) { change(t, filepath.Join(dir, wantedUnits), -1) },
		"a wrong head": func(t *testing.T, dir string) { change(t, filepath.Join(dir, wantedUnits), 20) },
		"none":         func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, wantedUnits)) },
		"empty":        func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, wantedUnits), 0) },
		"too long":     func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, wantedUnits), 1<<40) },
		"too short":    func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, wantedUnits), 150) },
		"a short part": func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, wantedPart), 2*unit) },
	} {
		t.Run(name, func(t *testing.T) {
			target := unitsTarget(t.TempDir(), content)
			p := openUnits(t, target)
			mustFill(t, p, content, 0, target.Size)
			p.Close()
			change(t, filepath.Join(target.Dir, wantedPart), unit) // the second one is wrong now
			spoil(t, target.Dir)
			p = openUnits(t, target)
			mustFill(t, p, content, 0, 0) // the sums, if they are not there
			want := []Span{{unit, 2 * unit}}
			if name == "a short part" {
				want = []Span{{unit, target.Size}}
			}
			wantMissing(t, p, want...)
			mustFill(t, p, content, unit, target.Size)
			if err := p.Finish(); err != nil {
				t.Fatal(err)
			}
			wantContent(t, p.Path(), content)
		})
	}
}

// rewrite writes a sidecar that claims everything.
func rewrite(t *testing.T, dir string, tree Tree, change func(*sidecar)) {
	t.Helper()
	s := sidecarOf(t, dir, tree)
	change(s)
	if err := s.write(tree.Root, tree.List, slices.Repeat([]bool{true}, int(s.units))); err != nil {
		t.Fatal(err)
	}
	s.close()
}

// change changes the byte of a file at offset; -1: the last one.
func change(t *testing.T, path string, offset int64) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if offset < 0 {
		offset += int64(len(content))
	}
	content[offset]++
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A place that is gone takes the sidecar's word with it; so does a sink of the
// same ID.
func TestSidecarWithoutItsPlace(t *testing.T) {
	content := noise(2 * unit)
	target := unitsTarget(t.TempDir(), content)
	for name, lose := range map[string]func(){
		"removed": func() { os.Remove(filepath.Join(target.Dir, wantedPart)) },
		"used by a sink": func() {
			s := open(t, target)
			writeTo(t, s, strings.Repeat("s", 2*unit))
			s.temp.Close() // as if the process had died
			s.root.Close()
		},
	} {
		p := openUnits(t, target)
		mustFill(t, p, content, 0, 2*unit)
		p.Close()
		lose()
		p = openUnits(t, target)
		mustFill(t, p, content, 0, 0)
		if got := p.Missing(); !slices.Equal(got, []Span{{0, 2 * unit}}) {
			t.Errorf("%s: missing %v", name, got)
		}
		p.Remove()
	}
}

// At every step of filling a part the files are as a process that is killed leaves
// them. From each of these moments on, nothing counts that is not there, nothing is
// lost whose mark was written, and the file can be finished.
func TestPartSurvivesKill(t *testing.T) {
	content := noise(2*unit + 100)
	target := unitsTarget(t.TempDir(), content)
	var moments []string
	have := []int64{}
	var p *Part
	kill := func() {
		dir := t.TempDir()
		for _, name := range names(t, target.Dir) {
			bytes, err := os.ReadFile(filepath.Join(target.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(dir, name), string(bytes))
		}
		moments = append(moments, dir)
		have = append(have, 0)
		if p != nil {
			have[len(have)-1] = p.Have()
		}
	}
	spied := target
	spied.Place = func(ctx context.Context, t Target) (Place, error) {
		kill()
		place, err := openFilePlace(ctx, t)
		kill()
		return &spiedPlace{place, kill}, err
	}
	p = openUnits(t, spied)
	kill()
	mustFill(t, p, content, 2*unit, target.Size)
	kill()
	mustFill(t, p, content, 0, 2*unit)
	kill()
	whole, err := os.ReadFile(filepath.Join(target.Dir, wantedUnits))
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{0, listAt, listAt + 50, len(whole) - 1} { // while the sidecar is written
		kill()
		last := filepath.Join(moments[len(moments)-1], wantedUnits)
		put(t, last, strings.Repeat("\x00", min(length, listAt))+string(whole[min(length, listAt):length]))
		have[len(have)-1] = 0
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for i, dir := range moments {
		target.Dir = dir
		p := openUnits(t, target)
		if p.Have() < have[i] {
			t.Errorf("moment %d: %d bytes of %d that were there", i, p.Have(), have[i])
		}
		mustFill(t, p, content, 0, 0)
		for _, m := range p.Missing() {
			mustFill(t, p, content, m.Start, m.End)
		}
		if err := p.Finish(); err != nil {
			t.Fatal(err)
		}
		wantContent(t, p.Path(), content)
		wantNames(t, dir, "x")
	}
}

// spiedPlace is killed before, in, and after each write.
type spiedPlace struct {
	Place
	kill func()
}

func (s *spiedPlace) WriteAt(p []byte, at int64) (int, error) {
	s.kill()
	if n, err := s.Place.WriteAt(p[:len(p)/2], at); err != nil {
		return n, err
	}
	s.kill()
	n, err := s.Place.WriteAt(p[len(p)/2:], at+int64(len(p)/2))
	s.kill()
	return n + len(p)/2, err
}

// FuzzSidecar: whatever a sidecar says, a mark that nobody wrote does not count.
func FuzzSidecar(f *testing.F) {
	tree := treeOf(strings.Repeat("\x00", 2*unit+1))
	s := &sidecar{units: 3, size: tree.List.Size, era: [32]byte{1}}
	head := s.head(tree.Root, s.era)
	f.Add([]byte{}, uint16(0))
	f.Add(head, uint16(0))
	f.Add([]byte{0xff}, uint16(listAt))
	f.Add(make([]byte, 32), uint16(len(sidecarMagic)))
	f.Fuzz(func(t *testing.T, over []byte, at uint16) {
		s := sidecarOf(t, t.TempDir(), tree)
		s.era = [32]byte{1}
		if err := s.write(tree.Root, tree.List, []bool{true, false, false}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.file.WriteAt(over, int64(at)); err != nil {
			t.Fatal(err)
		}
		said, ok := s.read()
		if ok && (said.root != tree.Root || said.there[1] || said.there[2]) {
			t.Fatalf("believed %x at %d: %+v", over, at, said)
		}
	})
}

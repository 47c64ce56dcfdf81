package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/creack/pty"
)

func TestMain(m *testing.M) {
	work = 10 // what it costs to guess is not what is tested
	os.Exit(m.Run())
}

const phrase = "correct horse battery"

// folder makes a folder of files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func sealed(t *testing.T, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Seal(t.Context(), &b, dir, phrase); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var some = map[string]string{"device.key": "secret", "node.db": strings.Repeat("x", 200_000), "empty": ""}

func TestThereAndBack(t *testing.T) {
	raw := sealed(t, folder(t, some))
	if bytes.Contains(raw, []byte("device.key")) {
		t.Error("a name can be read")
	}
	into := t.TempDir()
	if err := Open(t.Context(), bytes.NewReader(raw), into, phrase); err != nil {
		t.Fatal(err)
	}
	for name, want := range some {
		got, err := os.ReadFile(filepath.Join(into, name))
		info, _ := os.Stat(filepath.Join(into, name))
		if err != nil || string(got) != want || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %d bytes, %v, %v", name, len(got), info.Mode(), err)
		}
	}
	if list, _ := os.ReadDir(into); len(list) != len(some) {
		t.Errorf("%v", list)
	}
}

func TestWrongPassphrase(t *testing.T) {
	into := t.TempDir()
	err := Open(t.Context(), bytes.NewReader(sealed(t, folder(t, some))), into, "wrong")
	if !errors.Is(err, ErrPassphrase) {
		t.Errorf("%v, want %v", err, ErrPassphrase)
	}
}

// TestDamage: a file that was cut or changed at any place is not believed.
func TestDamage(t *testing.T) {
	raw := sealed(t, folder(t, some))
	for _, cut := range []int{0, 10, 100, 300, 70_000, len(raw) - 20_000, len(raw) - 1} {
		if err := Open(t.Context(), bytes.NewReader(raw[:cut]), t.TempDir(), phrase); !errors.Is(err, ErrFormat) {
			t.Errorf("cut after %d bytes: %v", cut, err)
		}
	}
	for _, at := range []int{5, 250, 70_000, len(raw) - 5} {
		bad := bytes.Clone(raw)
		bad[at] ^= 1
		if err := Open(t.Context(), bytes.NewReader(bad), t.TempDir(), phrase); !errors.Is(err, ErrFormat) && !errors.Is(err, ErrPassphrase) {
			t.Errorf("changed at %d: %v", at, err)
		}
	}
}

// TestForAKeyIsNoHome: age's files for a key are not ours.
func TestForAKeyIsNoHome(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := Open(t.Context(), &b, t.TempDir(), phrase); !errors.Is(err, ErrFormat) {
		t.Errorf("%v", err)
	}
}

// evil seals a tar of these headers; each file has its name as content.
func evil(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	recipient, err := age.NewScryptRecipient(phrase)
	if err != nil {
		t.Fatal(err)
	}
	recipient.SetWorkFactor(work)
	w, err := age.Encrypt(&b, recipient)
	if err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(w)
	for _, h := range headers {
		if h.Typeflag == tar.TypeReg && h.Size == 0 {
			h.Size = int64(len(h.Name))
		}
		h.Mode = 0o777
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size == int64(len(h.Name)) {
			io.WriteString(tw, h.Name)
		}
	}
	tw.Close() // of a huge file it says that it is cut short
	w.Close()
	return b.Bytes()
}

func TestHostileTar(t *testing.T) {
	many := make([]tar.Header, maxFiles+1)
	for i := range many {
		many[i] = tar.Header{Typeflag: tar.TypeReg, Name: "f" + strings.Repeat("x", i%200) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)}
	}
	for name, headers := range map[string][]tar.Header{
		"up":        {{Typeflag: tar.TypeReg, Name: "../x"}},
		"absolute":  {{Typeflag: tar.TypeReg, Name: "/tmp/passeur-evil"}},
		"below":     {{Typeflag: tar.TypeReg, Name: "a/b"}},
		"dot":       {{Typeflag: tar.TypeReg, Name: "."}},
		"hidden":    {{Typeflag: tar.TypeReg, Name: ".bashrc"}},
		"backslash": {{Typeflag: tar.TypeReg, Name: `..\x`}},
		"stream":    {{Typeflag: tar.TypeReg, Name: "x:y"}},
		"bidi":      {{Typeflag: tar.TypeReg, Name: "x\u202e"}},
		"long":      {{Typeflag: tar.TypeReg, Name: strings.Repeat("x", 300)}},
		"folder":    {{Typeflag: tar.TypeDir, Name: "x"}},
		"link":      {{Typeflag: tar.TypeSymlink, Name: "x", Linkname: "/etc"}},
		"hard link": {{Typeflag: tar.TypeReg, Name: "x"}, {Typeflag: tar.TypeLink, Name: "y", Linkname: "x"}},
		"device":    {{Typeflag: tar.TypeChar, Name: "x"}},
		"twice":     {{Typeflag: tar.TypeReg, Name: "x"}, {Typeflag: tar.TypeReg, Name: "x"}},
		"huge":      {{Typeflag: tar.TypeReg, Name: "x", Size: maxBytes + 1}},
		"many":      many,
	} {
		parent := t.TempDir()
		into := filepath.Join(parent, "into")
		if err := os.Mkdir(into, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := Open(t.Context(), bytes.NewReader(evil(t, headers...)), into, phrase); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
		if list, _ := os.ReadDir(parent); len(list) != 1 {
			t.Errorf("%s: wrote outside: %v", name, list)
		}
	}
}

func TestOnlyPlainFilesAreSealed(t *testing.T) {
	dir := folder(t, some)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Seal(t.Context(), io.Discard, dir, phrase); err == nil {
		t.Error("a folder was sealed as a file")
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := folder(t, some)
	if err := Seal(ctx, io.Discard, dir, phrase); !errors.Is(err, context.Canceled) {
		t.Errorf("seal: %v", err)
	}
	if err := Open(ctx, bytes.NewReader(sealed(t, dir)), t.TempDir(), phrase); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
}

// TestAgeOpensIt: who has no passeur needs age and tar.
func TestAgeOpensIt(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "home.age"), sealed(t, folder(t, some)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "age", "--decrypt", "-o", "home.tar", "home.age")
	cmd.Dir = dir
	tty, err := pty.Start(cmd) // age reads a passphrase from a terminal only
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	var said bytes.Buffer
	for !strings.Contains(said.String(), "passphrase") {
		if _, err := io.CopyN(&said, tty, 1); err != nil {
			t.Fatalf("age said %q: %v", &said, err)
		}
	}
	if _, err := io.WriteString(tty, phrase+"\n"); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, tty) // ends with the terminal
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(ctx, "tar", "-xOf", filepath.Join(dir, "home.tar"), "node.db").Output()
	if err != nil || string(out) != some["node.db"] {
		t.Errorf("%d bytes, %v", len(out), err)
	}
}

// FuzzOpen: whatever the tar holds, nothing is written outside.
func FuzzOpen(f *testing.F) {
	for _, h := range [][]tar.Header{
		{{Typeflag: tar.TypeReg, Name: "x"}}, {{Typeflag: tar.TypeReg, Name: "../x"}}, {{Typeflag: tar.TypeSymlink, Name: "x", Linkname: ".."}},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, one := range h {
			w.WriteHeader(&one)
		}
		w.Close()
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		parent := t.TempDir()
		into := filepath.Join(parent, "into")
		if err := os.Mkdir(into, 0o700); err != nil {
			t.Fatal(err)
		}
		_ = unpack(t.Context(), bytes.NewReader(raw), into)
		if list, _ := os.ReadDir(parent); len(list) != 1 {
			t.Errorf("wrote outside: %v", list)
		}
		filepath.WalkDir(into, func(path string, d os.DirEntry, err error) error {
			if path != into && !d.Type().IsRegular() {
				t.Errorf("%s is no plain file", path)
			}
			return err
		})
	})
}

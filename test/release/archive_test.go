package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"debug/elf"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// checkArchive looks at what is in an archive, at its binary, and at the bill of
// materials beside it.
func checkArchive(t *testing.T, archive string) {
	files := unpack(t, archive)
	stem := strings.TrimSuffix(strings.TrimSuffix(archive, ".zip"), ".tar.gz")
	var names []string
	binary := ""
	for name, content := range files {
		names = append(names, strings.TrimPrefix(name, filepath.Base(stem)+"/"))
		if base := path.Base(name); base == "passeur" || base == "passeur.exe" {
			binary = filepath.Join(t.TempDir(), base)
			if err := os.WriteFile(binary, content, 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	golden(t, "archive.txt", strings.ReplaceAll(summary(names), "passeur.exe\n", "passeur\n"))
	checkBinary(t, archive, binary)
	checkBill(t, binary, stem+".cdx.json")
}

// checkBinary: it needs no library, tells no path of who built it, and knows its version.
func checkBinary(t *testing.T, archive, binary string) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if info.Main.Version != "v"+Version {
		t.Errorf("it says that it is %s, and is v%s", info.Main.Version, Version)
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{filepath.Dir(filepath.Dir(archive)), "/pkg/mod/"} {
		if bytes.Contains(content, []byte(place)) {
			t.Errorf("it tells of %s", place)
		}
	}
	if strings.Contains(archive, "linux") {
		checkStatic(t, binary)
	}
	if runsHere(archive) {
		if out := output(t, "", binary, "version"); !strings.HasPrefix(out, "passeur v"+Version+" ") {
			t.Errorf("version prints %q", out)
		}
	}
}

// checkStatic: no interpreter loads it, no library is asked for.
func checkStatic(t *testing.T, binary string) {
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it is not static: it has %v", p.Type)
		}
	}
}

// checkBill: it names what the binary was linked from, each once, and Go itself.
func checkBill(t *testing.T, binary, bill string) {
	f, err := os.Open(bill)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(f, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}
	for _, d := range info.Deps {
		want = append(want, "pkg:golang/"+d.Path+"@"+d.Version)
	}
	var got []string
	for _, c := range *bom.Components {
		got = append(got, c.PackageURL)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the bill of materials has %d parts, the binary %d", len(got), len(want))
	}
	if root := bom.Metadata.Component.PackageURL; root != "pkg:golang/github.com/passeur-p2p/passeur@v"+Version {
		t.Errorf("the bill of materials is of %s", root)
	}
}

// unpack reads an archive into memory.
func unpack(t *testing.T, archive string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	if strings.HasSuffix(archive, ".zip") {
		packed, err := zip.OpenReader(archive)
		if err != nil {
			t.Fatal(err)
		}
		defer packed.Close()
		for _, f := range packed.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			files[f.Name] = readAll(t, r)
		}
		return files
	}
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	packed := tar.NewReader(plain)
	for h, err := packed.Next(); err != io.EOF; h, err = packed.Next() {
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = readAll(t, packed)
	}
	return files
}

func readAll(t *testing.T, r io.Reader) []byte {
	t.Helper()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// kinds are files of which there are as many as there are commands or documents.
var kinds = []struct{ pattern, word string }{
	{`(man1/passeur)-[a-z-]+(\.1)`, "$1-COMMAND$2"},
	{`(man7/)[a-z-]+(\.7)`, "$1*$2"},
	{`(docs/(?:adr/)?)[A-Za-z0-9-]+(\.md)`, "$1*$2"},
	{`(docs/img/)[a-z-]+(\.png)`, "$1*$2"},
}

// summary lists names, a kind of them as one.
func summary(names []string) string {
	text := strings.Join(names, "\n")
	for _, k := range kinds {
		text = regexp.MustCompile(k.pattern).ReplaceAllString(text, k.word)
	}
	names = strings.Split(text, "\n")
	slices.Sort(names)
	return strings.Join(slices.Compact(names), "\n") + "\n"
}

// golden compares with a file of testdata; UPDATE=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not as it was (UPDATE=1 writes it anew):\n%s\nwas\n%s", name, got, want)
	}
}

package folder

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// Where the benchmarks work: FOLDER_BENCH_DIR, a fresh file system at best (ext4
// creates files slowly where many were removed), or the folder for temporary files.
func benchDir(b *testing.B) string {
	dir, err := os.MkdirTemp(os.Getenv("FOLDER_BENCH_DIR"), "folder-bench")
	check(b, err)
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// manyFiles makes 10,000 files of 4 KiB in a hundred folders.
func manyFiles(b *testing.B, dir string) (files int) {
	content := []byte(noise(4096, 1))
	for i := range 100 {
		sub := filepath.Join(dir, fmt.Sprintf("folder-%d", i))
		check(b, os.Mkdir(sub, 0o755))
		for j := range 100 {
			check(b, os.WriteFile(filepath.Join(sub, fmt.Sprintf("file-%d.txt", j)), content, 0o644))
			files++
		}
	}
	return files
}

func perSecond(b *testing.B, files int) {
	b.ReportMetric(float64(files)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
}

func BenchmarkScan(b *testing.B) {
	dir := benchDir(b)
	files := manyFiles(b, dir)
	for b.Loop() {
		_, err := Scan(b.Context(), Config{}, dir)
		check(b, err)
	}
	perSecond(b, files)
}

func BenchmarkSum(b *testing.B) {
	dir := benchDir(b)
	files := manyFiles(b, dir)
	for b.Loop() {
		f, err := Scan(b.Context(), Config{}, dir)
		check(b, err, f.Sum(b.Context(), nil))
	}
	perSecond(b, files)
}

func BenchmarkRead(b *testing.B) {
	dir := benchDir(b)
	files := manyFiles(b, dir)
	f, err := Scan(b.Context(), Config{}, dir)
	check(b, err, f.Sum(b.Context(), nil))
	b.SetBytes(f.Manifest().Size())
	buf := make([]byte, 1<<20)
	for b.Loop() {
		r, err := f.File().Open()
		check(b, err)
		for err == nil {
			_, err = r.Read(buf)
		}
		if err != io.EOF {
			b.Fatal(err)
		}
		check(b, r.Close())
	}
	perSecond(b, files)
}

// BenchmarkWrite takes the units in order and finishes; written/s is how many files
// before Finish, which flushes. What it wrote stays until the end.
func BenchmarkWrite(b *testing.B) {
	dir := benchDir(b)
	from := filepath.Join(dir, "from")
	check(b, os.Mkdir(from, 0o755))
	files := manyFiles(b, from)
	f, err := Scan(b.Context(), Config{}, from)
	check(b, err)
	data := bytesOf(b, f)
	root, err := os.OpenRoot(dir)
	check(b, err, flush(root), root.Close()) // what was made so far is not what is measured
	var written time.Duration
	for b.Loop() {
		begin := time.Now()
		p := place(b, dir, data, Accept{Manifest: f.Manifest().Length()})
		for at := 0; at < len(data); at += sha3tree.UnitSize {
			_, err := p.WriteAt(data[at:min(at+sha3tree.UnitSize, len(data))], int64(at))
			check(b, err)
		}
		written += time.Since(begin)
		finish(b, p)
	}
	perSecond(b, files)
	b.ReportMetric(float64(files)*float64(b.N)/written.Seconds(), "written/s")
}

func BenchmarkParse(b *testing.B) {
	m := &Manifest{}
	for i := range 100_000 {
		m.entries = append(m.entries, entry{kind: File, parent: top, name: fmt.Sprintf("file-%06d.txt", i), size: 4096})
	}
	text := string(m.Bytes())
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		parsed, err := Parse(text, Limits{})
		check(b, err)
		parsed.savedName(0)
	}
	b.ReportMetric(float64(len(m.entries))*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

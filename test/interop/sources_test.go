package interop

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/folder"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
	"github.com/passeur-p2p/passeur/test/lab"
)

// asked is a request that the peer granted.
type asked struct{ Start, End int64 }

func (p *peer) asked(t *testing.T) (all []asked) {
	t.Helper()
	p.do(t, order{"do": "asked"}, &all)
	return all
}

// fetch wants a file that peers hold, and has them appear.
func (a *app) fetch(t *testing.T, entry string, file filexfer.File) {
	t.Helper()
	check(t, a.again.Want(rerequest.Want{
		Conversation: club, Interaction: entry,
		Target: filexfer.Target{Dir: a.dir, Name: entry, Size: file.Size, Sum: file.Sum, Root: file.Root},
	}))
	for _, id := range a.peers {
		a.again.Appeared(id)
	}
}

// The peer ends the stream in the middle of a file and is asked for the rest: from the
// byte on that is missing, or the unit.
func peerBreaksOff(t *testing.T, p *peer, a *app) {
	a.connect(t, p)
	for sum, rest := range map[string]int64{"none": half, "tree": 1 << 20} {
		t.Run(sum, func(t *testing.T) {
			path, entry := newFile(t, large), "cut-"+sum
			p.do(t, order{"do": "hold", "conversation": club, "interaction": entry, "file": path, "sum": sum, "cut": half}, nil)
			file := summed(t, path)
			if sum == "none" {
				file.Root = ""
			}
			a.fetch(t, entry, file)
			same(t, path, a.await(t))
			if all := p.asked(t); len(all) != 2 || all[0].Start != 0 || all[1].Start != rest {
				t.Errorf("the peer was asked for %v", all)
			}
		})
	}
}

// Two peers bring one file. One that is no member asks in vain.
func shareAFile(t *testing.T, first, second *peer) {
	a := newApp(t, first, second)
	path := newFile(t, 18<<20)
	for _, p := range []*peer{first, second} {
		p.do(t, order{"do": "hold", "conversation": club, "interaction": picture, "file": path, "pause": true}, nil)
		a.connect(t, p)
	}
	a.fetch(t, picture, summed(t, path))
	lab.Eventually(t, "both are asked", func() bool { return len(first.asked(t)) > 0 && len(second.asked(t)) > 0 })
	first.do(t, order{"do": "goOn"}, nil)
	second.do(t, order{"do": "goOn"}, nil)
	same(t, path, a.await(t))

	private := newApp(t, first)
	var answer string
	second.do(t, order{"do": "ask", "to": private.addr(), "conversation": club, "interaction": picture}, &answer)
	if answer != "NO not-a-member" {
		t.Errorf("a stranger was answered %q", answer)
	}
}

// tree is a folder as the peer is told to make it, and as it tells of one.
var (
	entries = []order{
		{"name": "a.txt", "bytes": "hello"},
		{"name": "deeper", "entries": []order{{"name": "b", "bytes": ""}, {"name": "link", "target": "../a.txt"}}},
		{"name": "é", "bytes": "accents"},
	}
	contents = map[string]string{"a.txt": "hello", "deeper/b": "", "deeper/link": "-> ../a.txt", "é": "accents"}
)

func peerSendsAFolder(t *testing.T, p *peer, a *app) {
	a.wants = func(o filexfer.Offer) (filexfer.Sink, error) {
		return a.again.Adopt(t.Context(), rerequest.Want{
			Conversation: club, Interaction: o.Interaction,
			Target: filexfer.Target{
				Dir: a.dir, Name: o.Name, Size: o.Total, Root: o.Root,
				Place: folder.Accept{Manifest: o.Manifest}.Open,
			},
		}, o)
	}
	var verdict string
	p.do(t, order{
		"do": "sendFolder", "to": a.addr(), "name": "a folder", "entries": entries,
		"sum": "tree", "conversation": club, "interaction": "folder",
	}, &verdict)
	if verdict != "OK" {
		t.Fatal(verdict)
	}
	if got := read(t, a.await(t)); !maps.Equal(got, contents) {
		t.Errorf("%q", got)
	}
}

func peerReceivesAFolder(t *testing.T, p *peer, a *app) {
	a.connect(t, p)
	p.do(t, order{"do": "accept", "answer": "GO sums", "dir": a.dir}, nil)
	found, err := folder.Scan(t.Context(), folder.Config{}, write(t))
	check(t, err)
	list, err := found.List(t.Context())
	check(t, err)
	file := found.File()
	file.Root = list.Root().String()
	file.Tree = func(context.Context) (filexfer.Tree, error) { return filexfer.Tree{Root: list.Root(), List: list}, nil }
	_, err = a.files.Send(t.Context(), a.peer, file)
	check(t, err)
	var got struct {
		Verdict string
		Files   map[string]string
	}
	if p.do(t, order{"do": "received"}, &got); got.Verdict != "OK" || !maps.Equal(got.Files, contents) {
		t.Errorf("the peer: %+v", got)
	}
}

// arrow marks a link's target among contents.
const arrow = "-> "

// write makes a folder with the contents.
func write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, "deeper"), 0o700))
	for name, text := range contents {
		path := filepath.Join(dir, name)
		if target, isLink := strings.CutPrefix(text, arrow); isLink {
			check(t, os.Symlink(target, path))
		} else {
			check(t, os.WriteFile(path, []byte(text), 0o600))
		}
	}
	return dir
}

// read gives the contents of a folder.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	check(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if e.Type() == fs.ModeSymlink {
			target, err := os.Readlink(path)
			found[name] = arrow + target
			return err
		}
		text, err := os.ReadFile(path)
		found[name] = string(text)
		return err
	}))
	return found
}

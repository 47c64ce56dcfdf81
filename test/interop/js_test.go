package interop

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
)

// sizes of files: nothing, less than a part of a tree, and more than two units.
var sizes = []int64{0, 5, 2<<20 + 17}

// Two peers in JavaScript meet hosts with our protocols, and a whole node.
func TestJS(t *testing.T) {
	t.Parallel()
	peers := startPeers(t, 2)
	t.Run("files", func(t *testing.T) { exchangeFiles(t, peers[0]) })
	t.Run("sources", func(t *testing.T) { shareAFile(t, peers[0], peers[1]) })
	t.Run("node", func(t *testing.T) { joinANode(t, peers[0], peers[1]) })
}

// One peer and one host of ours, which do everything with each other.
func exchangeFiles(t *testing.T, p *peer) {
	a := newApp(t, p)
	for _, scene := range []struct {
		name string
		play func(*testing.T, *peer, *app)
	}{
		{"the peer sends without a tree", peerSendsWithoutATree},
		{"the peer sends with a tree", peerSendsWithATree},
		{"the peer is refused", peerIsRefused},
		{"the peer receives", peerReceives},
		{"the peer refuses", peerRefuses},
		{"the peer asks", peerAsks},
		{"the peer is asked", peerIsAsked},
		{"the peer breaks off", peerBreaksOff},
		{"the peer sends a wrong byte", peerSendsAWrongByte},
		{"the peer gives up", peerGivesUp},
		{"we give up", weGiveUp},
		{"the peer sends a folder", peerSendsAFolder},
		{"the peer receives a folder", peerReceivesAFolder},
	} {
		a.wants = nil
		t.Run(scene.name, func(t *testing.T) { scene.play(t, p, a) })
	}
}

// A file with its SHA3-512 in the header, after the bytes, or nowhere, as Jami sent it.
func peerSendsWithoutATree(t *testing.T, p *peer, a *app) {
	for _, size := range sizes {
		for _, sum := range []string{"header", "trailer", "none"} {
			t.Run(fmt.Sprintf("%d bytes, sum %s", size, sum), func(t *testing.T) {
				file, path := newFile(t, size), make(chan string, 1)
				a.wants = func(o filexfer.Offer) (filexfer.Sink, error) {
					sink, err := filexfer.NewFileSink(filexfer.Target{Dir: a.dir, Name: o.Name, Size: o.Size})
					if err == nil {
						path <- filepath.Join(a.dir, o.Name)
					}
					return sink, err
				}
				name := fmt.Sprintf("%d %s %%41 é", size, sum)
				var verdict string
				p.do(t, order{"do": "send", "to": a.addr(), "file": file, "name": name, "sum": sum}, &verdict)
				if verdict != "OK" {
					t.Fatal(verdict)
				}
				if got := <-path; filepath.Base(got) != name {
					t.Errorf("it arrived as %q", got)
				} else {
					same(t, file, got)
				}
			})
		}
	}
}

// A file whose units are verified as they come, announced before or after it is hashed.
func peerSendsWithATree(t *testing.T, p *peer, a *app) {
	for _, size := range sizes {
		for _, sum := range []string{"tree", "follows"} {
			t.Run(fmt.Sprintf("%d bytes, %s", size, sum), func(t *testing.T) {
				file, entry := newFile(t, size), fmt.Sprintf("%s-%d", sum, size)
				a.wants = func(o filexfer.Offer) (filexfer.Sink, error) {
					if o.Follows != (sum == "follows") || o.Total != size {
						t.Errorf("the offer: %+v", o)
					}
					return a.again.Adopt(t.Context(), rerequest.Want{
						Conversation: club, Interaction: entry,
						Target: filexfer.Target{Dir: a.dir, Name: entry, Size: size, Root: o.Root},
					}, o)
				}
				var verdict string
				p.do(t, order{"do": "send", "to": a.addr(), "file": file, "name": entry, "sum": sum, "conversation": club, "interaction": entry}, &verdict)
				if verdict != "OK" {
					t.Fatal(verdict)
				}
				same(t, file, a.await(t))
			})
		}
	}
}

func peerIsRefused(t *testing.T, p *peer, a *app) {
	for word, err := range map[string]error{
		"NGO":              filexfer.ErrRefused,
		"NGO we never met": &filexfer.Refusal{Reason: "we never met"},
		"NGO space":        filexfer.ErrNoSpace,
	} {
		a.wants = func(filexfer.Offer) (filexfer.Sink, error) { return nil, err }
		var verdict string
		p.do(t, order{"do": "send", "to": a.addr(), "file": newFile(t, 5), "name": "x", "sum": "header"}, &verdict)
		if verdict != word {
			t.Errorf("%v: %q, want %q", err, verdict, word)
		}
	}
}

// received is what the peer tells of a file that it was offered.
type received struct {
	Name, Verdict, Path, Root string
	Sum, Tree, Trailer        string
}

// offers are the ways in which a file of ours is announced.
var offers = map[string]struct {
	change func(*filexfer.File)
	answer string
}{
	"sum in the header":      {func(f *filexfer.File) { f.Root, f.Tree = "", nil }, "GO"},
	"sum after the bytes":    {func(f *filexfer.File) { f.Root, f.Tree, f.Sum = "", nil, "" }, "GO"},
	"a tree":                 {func(*filexfer.File) {}, "GO sums"},
	"a tree that follows":    {func(f *filexfer.File) { f.Root, f.Sum = "", "" }, "GO sums"},
	"a tree, nobody asks":    {func(*filexfer.File) {}, "GO"},
	"a tree without the sum": {func(f *filexfer.File) { f.Sum = "" }, "GO sums"},
}

func peerReceives(t *testing.T, p *peer, a *app) {
	a.connect(t, p)
	for _, size := range sizes {
		for name, c := range offers {
			t.Run(fmt.Sprintf("%d bytes, %s", size, name), func(t *testing.T) {
				p.do(t, order{"do": "accept", "answer": c.answer, "dir": a.dir}, nil)
				path := newFile(t, size)
				file := summed(t, path)
				root := file.Root
				c.change(&file)
				view, err := a.files.Send(t.Context(), a.peer, file)
				var got received
				p.do(t, order{"do": "received"}, &got)
				if err != nil || view.State != filexfer.Finished || got.Verdict != "OK" {
					t.Fatalf("%v, %v; the peer: %+v", view.State, err, got)
				}
				if c.answer == "GO sums" && got.Root != root {
					t.Errorf("the peer was told the root %s, not %s", got.Root, root)
				}
				same(t, path, got.Path)
			})
		}
	}
}

func peerRefuses(t *testing.T, p *peer, a *app) {
	a.connect(t, p)
	p.do(t, order{"do": "accept", "answer": "NGO not today", "dir": a.dir}, nil)
	_, err := a.files.Send(t.Context(), a.peer, summed(t, newFile(t, 5)))
	var refused *filexfer.Refusal
	if !errors.As(err, &refused) || refused.Reason != "not today" {
		t.Errorf("%v", err)
	}
	var got received
	if p.do(t, order{"do": "received"}, &got); got.Verdict != "NGO not today" {
		t.Errorf("the peer: %+v", got)
	}
}

// The peer asks us for a file, for a range, and for what it does not get.
func peerAsks(t *testing.T, p *peer, a *app) {
	path := newFile(t, 2<<20+17)
	a.held[picture] = summed(t, path)
	p.do(t, order{"do": "accept", "answer": "GO sums", "dir": a.dir}, nil)
	request := func(change order) order {
		o := order{"do": "ask", "to": a.addr(), "conversation": club, "interaction": picture}
		for k, v := range change {
			o[k] = v
		}
		return o
	}
	for name, c := range map[string]struct {
		change  order
		skip, n int64 // what comes; of dd, in bytes
	}{
		"the whole file":  {nil, 0, 2<<20 + 17},
		"a unit":          {order{"start": 1 << 20, "end": 2 << 20}, 1 << 20, 1 << 20},
		"the rest":        {order{"start": 1 << 20}, 1 << 20, 1<<20 + 17},
		"what is no unit": {order{"start": 100, "end": 300}, 100, 200},
	} {
		t.Run(name, func(t *testing.T) {
			if c.n == 200 { // it has no sums
				p.do(t, order{"do": "accept", "answer": "GO", "dir": a.dir}, nil)
				defer p.do(t, order{"do": "accept", "answer": "GO sums", "dir": a.dir}, nil)
			}
			var answer string
			var got received
			p.do(t, request(c.change), &answer)
			if answer != "OK" {
				t.Fatal(answer)
			}
			if p.do(t, order{"do": "received"}, &got); got.Verdict != "OK" {
				t.Fatalf("%+v", got)
			}
			same(t, rangeOf(t, path, c.skip, c.n), got.Path)
		})
	}
	for want, change := range map[string]order{
		"NO unknown-conversation": {"conversation": "other"},
		"NO not-here":             {"interaction": "18"},
		"NO device":               {"deviceId": a.host.ID().String()},
		"NO range":                {"start": 3 << 20},
		"NO protocol":             {"interaction": ""},
	} {
		var answer string
		if p.do(t, request(change), &answer); answer != want {
			t.Errorf("%v: %q, want %q", change, answer, want)
		}
	}
}

// We ask the peer for a file that it holds, and verify what it sends.
func peerIsAsked(t *testing.T, p *peer, a *app) {
	for _, size := range sizes {
		path := newFile(t, size)
		entry := fmt.Sprint(size)
		p.do(t, order{"do": "hold", "conversation": club, "interaction": entry, "file": path}, nil)
		file := summed(t, path)
		check(t, a.again.Want(rerequest.Want{
			Conversation: club, Interaction: entry,
			Target: filexfer.Target{Dir: a.dir, Name: entry, Size: size, Sum: file.Sum, Root: file.Root},
		}))
		a.connect(t, p)
		a.again.Appeared(a.peer)
		same(t, path, a.await(t))
	}
}

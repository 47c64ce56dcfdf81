package homes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// acquainted waits until everybody has heard of everybody, each device of each account:
// all have written, and all show it.
func acquainted(t *testing.T, parties []party) {
	t.Helper()
	parties[0].writes(parties[0].ref, parties[0].name+" is here")
	waitForConversation(t, parties)
	var texts []string
	for _, p := range parties {
		texts = append(texts, p.name+" is here")
		if len(texts) > 1 {
			p.writes(p.ref, p.name+" is here")
		}
	}
	agree(t, parties, texts...)
}

// transfer is one of the device's as it shows it now.
func (d *device) transfer(id string) api.Transfer {
	d.t.Helper()
	var all []api.Transfer
	d.Get(&all, "transfers")
	i := slices.IndexFunc(all, func(x api.Transfer) bool { return x.ID == id })
	if i < 0 {
		d.t.Fatalf("%s shows no transfer %s", d.name, id)
	}
	return all[i]
}

// waiting is an item of inbox, as far as tests look at it.
type waiting struct{ Kind, ID, Name, Entry string }

// offered waits until the device's owner is asked to take a file, and gives the offer.
func (d *device) offered(name string) waiting {
	d.t.Helper()
	return d.inbox("offer", name)
}

// misses waits until the device's owner is told that there is a file he has not got.
func (d *device) misses(name string) waiting {
	d.t.Helper()
	return d.inbox("missed", name)
}

func (d *device) inbox(kind, name string) (item waiting) {
	d.t.Helper()
	lab.Eventually(d.t, fmt.Sprintf("%s has %s (%s) in the inbox", d.name, name, kind), func() bool {
		var all []waiting
		d.Get(&all, "inbox")
		i := slices.IndexFunc(all, func(w waiting) bool { return w.Kind == kind && w.Name == name })
		if i >= 0 {
			item = all[i]
		}
		return i >= 0
	})
	return item
}

// accepts has the owner take an offered file into a folder, and waits until it is there.
func (d *device) accepts(name, folder string) people.Line {
	d.t.Helper()
	return d.Begin(d.t, "accept", d.offered(name).ID, "-o", folder).Done(0)
}

// refuses has the owner say no to an offered file.
func (d *device) refuses(name string) {
	d.t.Helper()
	d.Run("refuse", d.offered(name).ID)
}

// sends begins to send a file. It gives the sender's transfer, too.
func (d *device) sends(file, ref string) (*people.Job, string) {
	d.t.Helper()
	j := d.Begin(d.t, "send", file, ref)
	return j, j.Until(func(l people.Line) bool { return l.Event == "offer" }).ID
}

// view is what a sender shows of a file: what has become of it, and what of it with
// each device, such as "finished; phone closed-by-peer refused".
func (d *device) view(id string, receivers []*device) string {
	d.t.Helper()
	x := d.transfer(id)
	words := []string{strings.TrimSpace(fmt.Sprintf("%s %s", x.State, x.Code))}
	for _, r := range receivers {
		i := slices.IndexFunc(x.Parts, func(p api.Part) bool { return p.Device == r.Who.Device })
		if i < 0 {
			return fmt.Sprintf("%s has no part for %s: %+v", d.name, r.name, x.Parts)
		}
		words = append(words, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.name, x.Parts[i].State, x.Parts[i].Code)))
	}
	if len(x.Parts) != len(receivers) {
		words = append(words, fmt.Sprintf("and %d more", len(x.Parts)-len(receivers)))
	}
	return strings.Join(words, "; ")
}

// sees waits until the sender shows a file so.
func (d *device) sees(id string, receivers []*device, want string) {
	d.t.Helper()
	got := ""
	defer func() {
		if d.t.Failed() {
			d.t.Logf("%s shows %q, want %q", d.name, got, want)
		}
	}()
	lab.Eventually(d.t, d.name+" shows "+want, func() bool {
		got = d.view(id, receivers)
		return got == want
	})
}

// holds waits until the device says of a conversation's file that it lies here, or what
// has become of it.
func (d *device) holds(entry string, state node.HeldState) (file api.HeldFile) {
	d.t.Helper()
	lab.Eventually(d.t, fmt.Sprintf("%s's file %.8s is %s", d.name, entry, state), func() bool {
		var all []api.HeldFile
		d.Get(&all, "files")
		i := slices.IndexFunc(all, func(f api.HeldFile) bool { return f.Entry == entry })
		if i >= 0 {
			file = all[i]
		}
		return i >= 0 && file.State == state
	})
	return file
}

// arrived wants the last line of accept or get to tell of a file that has come whole.
func arrived(t *testing.T, last people.Line, original string) {
	t.Helper()
	want := people.OpenSSLSum(t, original)
	follows := last.Size > 16<<20 && last.SHA3Sum == "" // its author tells it later
	if last.Event != "done" || last.State != filexfer.Finished || last.SHA3Sum != want && !follows {
		t.Fatalf("the command ends with %+v, want %s finished, sum %s", last, original, want)
	}
	if got := people.OpenSSLSum(t, last.File); got != want {
		t.Errorf("%s has the sum %s, want %s", last.File, got, want)
	}
}

// entryOf is the entry of a file in a conversation, by its name; "" if there is none.
func (p party) entryOf(name string) string {
	p.t.Helper()
	for _, m := range p.shows(p.ref).Messages {
		if m.File != nil && m.File.Name == name {
			return m.ID
		}
	}
	return ""
}

// folder lists the files in a folder: those with names that people see, and others.
func folder(t *testing.T, dir string) (files, hidden []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); strings.HasPrefix(e.Name(), ".") {
			hidden = append(hidden, path)
		} else {
			files = append(files, path)
		}
	}
	return files, hidden
}

// served tells whether the device shows that another one got a file from it.
func (d *device) served(entry string, other *device) bool {
	d.t.Helper()
	var all []api.Transfer
	d.Get(&all, "transfers")
	return slices.ContainsFunc(all, func(x api.Transfer) bool {
		return x.Direction == node.Outgoing && x.Entry == entry && x.State == filexfer.Finished &&
			slices.ContainsFunc(x.Parts, func(p api.Part) bool { return p.Device == other.Who.Device && p.State == filexfer.Finished })
	})
}

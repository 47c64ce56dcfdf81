package load

import (
	"fmt"
	"path/filepath"
	"sync"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// transfersAtOnce has half of the files come and half of them go. A rate holds all of
// them until they run together.
func (w *world) transfersAtOnce() (thrown, outcome string) {
	w.limit(64 << 10)
	half := w.most.transfers / 2
	var arrive sync.WaitGroup
	for i := range half {
		arrive.Go(func() { w.transfer(w.contacts[i], w.most.size) })
	}
	for i := range half {
		arrive.Go(func() { w.send(w.contacts[half+i%(len(w.contacts)-half)], half+i%(len(w.contacts)-half)) })
	}
	running, over := 0, make(chan struct{})
	go func() { arrive.Wait(); close(over) }()
	together := func() bool {
		running = max(running, int(w.node.metric("passeur_transfers", `state="ongoing"`)))
		select {
		case <-over:
			return true // this machine was too slow to have all of them begin
		default:
			return running >= 2*half
		}
	}
	for i := 0; i < 4 && !await(together); i++ {
	}
	w.limit(0)
	<-over
	return fmt.Sprintf("%d files of %d KiB, half of them from here", 2*half, w.most.size>>10),
		fmt.Sprintf("%d crossed at once", running)
}

// limit bounds how fast the node's files go and come, in bytes a second; 0: not at all.
func (w *world) limit(rate int64) {
	w.t.Helper()
	if _, err := w.node.SetLimit(w.t.Context(), api.NewLimit{Up: &rate, Down: &rate}); err != nil {
		w.t.Fatal(err)
	}
}

// send has the node send a file to a contact, who must get it as it is.
func (w *world) send(to *node.Node, i int) {
	w.t.Helper()
	path := w.file(w.most.size)
	t, err := w.node.Client.Send(w.t.Context(), path, contactName(i))
	if err != nil {
		w.t.Errorf("send to %s: %v", contactName(i), err)
		return
	}
	var at string
	come := func() bool { at = whereCame(to, filepath.Base(path)); return at != "" }
	for i := 0; i < 4 && !await(come); i++ {
	}
	x, err := w.node.Transfer(w.t.Context(), t.ID)
	if at == "" {
		w.t.Errorf("a file for %s does not come: here it is %s, %s, %v", contactName(i), x.State, x.Reason, err)
	} else if err := same(path, at); err != nil {
		w.t.Errorf("a file for %s: %v", contactName(i), err)
	}
	if x.Code != "" {
		w.again.Add(1)
	}
}

// whereCame gives the file of that name that has come to a node, or "".
func whereCame(to *node.Node, name string) string {
	for _, x := range to.Transfers() {
		if x.Name == name && x.Direction == node.Incoming && x.State == filexfer.Finished {
			return x.File
		}
	}
	return ""
}

package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

const transferID = "fedcba9876543210"

// begin starts a transfer and plays what becomes of it.
func (f *fakeNode) begin(format string, args ...any) (node.Transfer, error) {
	if err := f.ask(format, args...); err != nil {
		return node.Transfer{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.course[0].Transfer
	for _, e := range f.course[1:] {
		f.transfers = []node.Transfer{*e.Transfer}
		for _, w := range f.watchers {
			w <- e
		}
	}
	return *first, nil
}

func (f *fakeNode) SendFiles(_ context.Context, paths []string, ref string) (node.Transfer, error) {
	path := paths[0]
	return f.begin("send %s %s", path[strings.LastIndexByte(path, '/')+1:], ref)
}
func (f *fakeNode) GetFile(_ context.Context, ref, file, path string) (node.Transfer, error) {
	return f.begin("get %s %s %q", ref, file, path)
}

// Cancel ends what the fake has begun, as if the user had.
func (f *fakeNode) Cancel(_ context.Context, id string) (node.Transfer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, "cancel "+id)
	t := *f.course[0].Transfer
	t.State, t.Code, t.Ended = filexfer.ClosedByHost, node.EndCancelled, true
	f.transfers = []node.Transfer{t}
	return t, nil
}
func (f *fakeNode) Files() ([]node.HeldFile, error) { return f.held, f.refuse }
func (f *fakeNode) Missed() ([]node.Message, error) { return f.missed, f.refuse }
func (f *fakeNode) Transfers() []node.Transfer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.transfers
}
func (f *fakeNode) Transfer(id string) (node.Transfer, bool) {
	for _, t := range f.Transfers() {
		if t.ID == id {
			return t, true
		}
	}
	return node.Transfer{}, false
}

// course makes events of the states of one transfer.
func course(all ...node.Transfer) (events []node.Event) {
	for _, t := range all {
		events = append(events, node.Event{Time: time.Unix(0, 0), Transfer: &t})
	}
	return events
}

// inHoliday is a file of a group as it begins.
func inHoliday(d node.Direction) node.Transfer {
	return node.Transfer{
		ID: transferID, Direction: d, Contact: "holiday", Conversation: conversation.ID{2}, Entry: conversation.ID{3},
		Name: "film.mkv", Size: 10, State: filexfer.Created, File: "/r/film.mkv",
	}
}

func testDevice(t *testing.T, n byte) peer.ID {
	t.Helper()
	id, err := peer.Decode([]string{"12D3KooWGzBZVfKQZNnKkUHGyNsJ4VTtFnvqXt4Yf3NUZp5BTLdu", "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"}[n])
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// sentToTwo is a file that bob gets and carol refuses.
func sentToTwo(t *testing.T) []node.Event {
	part := func(n byte, who string, s filexfer.State) node.Part {
		return node.Part{Device: testDevice(t, n), Account: testAccount(n + 2), Contact: who, State: s}
	}
	asked, going, done := inHoliday(node.Outgoing), inHoliday(node.Outgoing), inHoliday(node.Outgoing)
	asked.State = filexfer.AwaitingPeer
	asked.Parts = []node.Part{part(0, "bob", filexfer.AwaitingPeer), part(1, "carol", filexfer.Created)}
	going.State, going.Bytes = filexfer.Ongoing, 5
	going.Parts = []node.Part{part(0, "bob", filexfer.Ongoing), part(1, "carol", filexfer.AwaitingPeer)}
	done.State, done.Bytes, done.Ended = filexfer.Finished, 10, true
	done.Parts = []node.Part{part(0, "bob", filexfer.Finished), part(1, "carol", filexfer.ClosedByPeer)}
	done.Parts[1].Code, done.Parts[1].Reason = node.EndRefused, "await GO: refused by the receiver: no\x1b room"
	return course(inHoliday(node.Outgoing), asked, going, done)
}

func TestSendToAGroup(t *testing.T) {
	f := &fakeNode{course: sentToTwo(t)}
	serveFake(t, f)
	code, stdout, stderr := passeur(t.Context(), "send", "files_test.go", "holiday")
	if code != 0 || stdout != "sent film.mkv (10 B) to holiday (1 of 2 devices)\n" || !slices.Contains(f.asked, "send files_test.go holiday") {
		t.Errorf("exit code %d, asked %q, said\n%s", code, f.asked, stdout)
	}
	want := `film.mkv: 10 B to holiday, transfer fedcba9876543210
film.mkv: bob is asked
film.mkv: waiting for somebody in holiday to accept
film.mkv: bob accepted
film.mkv: carol is asked
film.mkv: 50 % of 10 B
film.mkv: bob has it, every byte verified
film.mkv: carol refused: no\u001b room
film.mkv: 100 % of 10 B
`
	if stderr != want {
		t.Errorf("said\n%s\nwant\n%s", stderr, want)
	}
	code, stdout, _ = passeur(t.Context(), "send", "files_test.go", "holiday", "--json")
	var parts []string
	for line := range strings.Lines(stdout) {
		if strings.HasPrefix(line, `{"event":"part","id":"`+transferID+`","device":"12D3KooW`) {
			_, rest, _ := strings.Cut(line, `"contact":"`)
			who, rest, _ := strings.Cut(rest, `","state":"`)
			state, _, _ := strings.Cut(rest, `"`)
			parts = append(parts, who+" "+state)
		}
	}
	if want := []string{"bob awaiting-peer", "carol created", "bob ongoing", "carol awaiting-peer", "bob finished", "carol closed-by-peer"}; code != 0 || !slices.Equal(parts, want) {
		t.Errorf("exit code %d, parts %q, want %q:\n%s", code, parts, want, stdout)
	}
}

// TestSendDoesNotWaitForSecondDevices: bob has the file and carol does not want it, so
// what bob's other device does is not waited for. The last event never comes.
func TestSendDoesNotWaitForSecondDevices(t *testing.T) {
	events := sentToTwo(t)
	done := events[3].Transfer
	done.Ended = false
	done.Parts = append(done.Parts, node.Part{Account: done.Parts[0].Account, Contact: "bob", State: filexfer.AwaitingPeer})
	f := &fakeNode{course: events}
	serveFake(t, f)
	code, stdout, stderr := passeur(t.Context(), "send", "files_test.go", "holiday")
	want := "sent film.mkv (10 B) to holiday (1 of 3 devices)\nthe others can get it for as long as it lies here unchanged\n"
	if code != 0 || stdout != want || strings.Contains(stderr, "waiting for the others") {
		t.Errorf("exit code %d, said\n%s%s", code, stdout, stderr)
	}
	if slices.ContainsFunc(f.asked, func(what string) bool { return strings.HasPrefix(what, "cancel") }) {
		t.Errorf("it asked %q", f.asked)
	}
}

func TestSendToThoseWhoAllRefuse(t *testing.T) {
	events := sentToTwo(t)
	done := events[3].Transfer
	no := done.Parts[1]
	done.State, done.Code, done.Reason, done.Bytes = no.State, no.Code, no.Reason, 0
	done.Parts[0].State, done.Parts[0].Code, done.Parts[0].Reason = no.State, no.Code, no.Reason
	serveFake(t, &fakeNode{course: events})
	code, stdout, stderr := passeur(t.Context(), "send", "files_test.go", "holiday")
	if code != exitRefused || stdout != "" || !strings.HasSuffix(stderr, "passeur: nobody in holiday got film.mkv: bob refused, carol refused\n") {
		t.Errorf("exit code %d, said\n%s%s", code, stdout, stderr)
	}
}

func TestTransfersShowEachDevice(t *testing.T) {
	events := sentToTwo(t)
	one := *events[3].Transfer
	one.Parts = one.Parts[:1]
	f := &fakeNode{transfers: []node.Transfer{*events[3].Transfer, one, inHoliday(node.Incoming)}}
	serveFake(t, f)
	_, stdout, _ := passeur(t.Context(), "transfers")
	want := `ID                      CONTACT  SIZE  DONE   STATE                     PATH  NAME
fedcba9876543210  to    holiday  10 B  100 %  finished                        film.mkv
  …Zp5BTLdu             bob            0 %    finished
  …yKSUKPH5             carol          0 %    closed-by-peer (refused)        await GO: refused by the receiver: no\u001b room
fedcba9876543210  to    holiday  10 B  100 %  finished                        film.mkv
fedcba9876543210  from  holiday  10 B  0 %    wanted                          film.mkv
`
	if stdout != want {
		t.Errorf("got\n%s\nwant\n%s", stdout, want)
	}
}

func TestGetWaitsUntilTheFileIsHere(t *testing.T) {
	wanted, going, done := inHoliday(node.Incoming), inHoliday(node.Incoming), inHoliday(node.Incoming)
	going.State, going.Bytes, going.Contact = filexfer.Ongoing, 4, "bob"
	again := going
	again.State = filexfer.Created
	done.Ended = true
	done.State, done.Bytes, done.Contact, done.Sum = filexfer.Finished, 10, "carol", "ab"
	events := course(wanted, going, again, done)
	ask := node.Event{Transfer: &wanted, Phase: node.PhaseAsk, Detail: "asked bob's device"}
	f := &fakeNode{course: slices.Insert(events, 1, ask)}
	serveFake(t, f)
	code, stdout, stderr := passeur(t.Context(), "get", "holiday", "film.mkv", "-o", t.TempDir())
	if code != 0 || stdout != "received film.mkv (10 B) from carol as /r/film.mkv\nSHA3-512 ab\n" || !strings.HasPrefix(f.asked[0], `get holiday film.mkv "/`) {
		t.Errorf("exit code %d, asked %q, said\n%s", code, f.asked, stdout)
	}
	const asking = "asking all members' devices; it goes on by itself when one that has the file appears (Ctrl-C gives it up)\n"
	want := "film.mkv: 10 B from holiday\nfilm.mkv: " + asking + "film.mkv: asked bob's device\n" +
		"film.mkv: 40 % of 10 B\nfilm.mkv: 4 B of 10 B are here; " + asking + "film.mkv: 100 % of 10 B\n"
	if stderr != want {
		t.Errorf("said\n%s\nwant\n%s", stderr, want)
	}
	if code, stdout, _ := passeur(t.Context(), "get", "holiday", "0300", "--no-wait"); code != 0 || stdout != transferID+"\n" {
		t.Errorf("without waiting: exit code %d, said %s", code, stdout)
	}
}

func TestGetOfAFileThatIsHere(t *testing.T) {
	done := inHoliday(node.Incoming)
	done.State, done.Bytes, done.Ended = filexfer.Finished, 10, true
	serveFake(t, &fakeNode{course: course(done)})
	if code, stdout, _ := passeur(t.Context(), "get", "holiday", "0300"); code != 0 || stdout != "film.mkv (10 B) is here already: /r/film.mkv\n" {
		t.Errorf("exit code %d, said %s", code, stdout)
	}
	code, stdout, _ := passeur(t.Context(), "get", "holiday", "0300", "--json")
	if lines := strings.Split(stdout, "\n"); code != 0 || !strings.HasPrefix(lines[len(lines)-2], `{"event":"done","id":"`+transferID+`","state":"finished"`) {
		t.Errorf("exit code %d, said %s", code, stdout)
	}
}

func TestCtrlCForgetsAWantedFile(t *testing.T) {
	f := &fakeNode{course: course(inHoliday(node.Incoming))}
	serveFake(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stderr := &cancelOn{text: "asking all members", cancel: cancel}
	var stdout strings.Builder
	code := execute(ctx, []string{"get", "holiday", "0300"}, &stdout, stderr)
	if code != exitInterrupted || !slices.Contains(f.asked, "cancel "+transferID) || !strings.HasSuffix(stderr.String(), "passeur: film.mkv was cancelled here\n") {
		t.Errorf("exit code %d, asked %q, said %s", code, f.asked, stderr)
	}
}

// TestGetHasTheExitCodesOfAccept for how it ends.
func TestGetHasTheExitCodesOfAccept(t *testing.T) {
	for code, want := range map[node.EndCode]int{
		node.EndBadSum: exitBadSum, node.EndBadPath: exitError, node.EndTimeout: exitTimeout, node.EndCancelled: exitError,
		node.EndWithdrawn: exitError,
	} {
		bad := inHoliday(node.Incoming)
		bad.State, bad.Code, bad.Ended = filexfer.ClosedByHost, code, true
		serveFake(t, &fakeNode{course: course(inHoliday(node.Incoming), bad)})
		got, stdout, _ := passeur(t.Context(), "get", "holiday", "0300", "--json")
		if got != want || !strings.Contains(stdout, `{"event":"done",`) || strings.Contains(stdout, `"event":"error"`) {
			t.Errorf("%s: exit code %d, want %d, said %s", code, got, want, stdout)
		}
	}
}

func TestErrorsOfGetAndSendSayWhatToDo(t *testing.T) {
	for _, test := range []struct {
		err  error
		line []string
		exit int
		said string
	}{
		{node.ErrUnknownConversation, []string{"get", "holiday", "x"}, 1, `there is no conversation "holiday": see 'passeur conversation list'`},
		{node.ErrUnknownEntry, []string{"get", "holiday", "x"}, 1, `there is no file "x" in this conversation: see 'passeur conversation show --all'`},
		{node.ErrNotAFile, []string{"get", "holiday", "x"}, 1, `this entry is no file: see 'passeur inbox' for files that you can get`},
		{node.ErrWithdrawn, []string{"get", "holiday", "x"}, 1, `its author has taken the file back: whoever got it before may send it again`},
		{node.ErrAmbiguous, []string{"get", "holiday", "x"}, 1, `several fit`},
		{node.ErrNotAllowed, []string{"get", "holiday", "x"}, 3, `does not allow it`},
		{node.ErrUnknownConversation, []string{"send", "files_test.go", "x"}, 1, `there is no contact or conversation "x": see 'passeur conversation list'`},
		{node.ErrUnknownContact, []string{"send", "files_test.go", "x"}, 1, `there is no contact "x": see 'passeur contact list'`},
	} {
		serveFake(t, &fakeNode{refuse: test.err})
		code, _, stderr := passeur(t.Context(), test.line...)
		if code != test.exit || !strings.Contains(stderr, test.said) {
			t.Errorf("%v: exit code %d, said %s", test.err, code, stderr)
		}
	}
	serveFake(t, &fakeNode{})
	if code, _, stderr := passeur(t.Context(), "get", "holiday", "x", "-o", "missing/"); code != exitError || !strings.Contains(stderr, "there is no folder") {
		t.Errorf("exit code %d, said %s", code, stderr)
	}
}

func missedFilm() []node.Message {
	return []node.Message{{
		ID: conversation.ID{3}, Conversation: conversation.ID{2}, Author: "carol", Type: conversation.TypeFile, Time: time.Unix(0, 0),
		File: &conversation.File{DisplayName: "../film\x1b.mkv", TotalSize: 4096},
	}}
}

func TestInboxListsWhatWasMissed(t *testing.T) {
	offer := inHoliday(node.Incoming)
	offer.State, offer.Contact, offer.Name = filexfer.AwaitingHost, "bob", "photo.jpg"
	f := &fakeNode{
		missed: missedFilm(), transfers: []node.Transfer{offer},
		conversations: []node.Conversation{{ID: conversation.ID{2}, Mode: conversation.Group, Name: "holiday"}},
	}
	f.missed[0].ID = conversation.ID{4}
	serveFake(t, f)
	code, stdout, stderr := passeur(t.Context(), "inbox", "--json")
	group, entry := conversation.ID{2}.String(), conversation.ID{4}.String()
	want := `[{"id":"fedcba9876543210","from":"bob","name":"photo.jpg","size":10,"state":"awaiting-host","kind":"offer",` +
		`"conversation":"` + group + `","conversation_name":"holiday","entry":"` + conversation.ID{3}.String() + `"},` +
		`{"id":"","from":"carol","name":"film_.mkv","size":4096,"state":"","kind":"missed",` +
		`"conversation":"` + group + `","conversation_name":"holiday","entry":"` + entry + `"}]` + "\n"
	if code != 0 || stdout != want {
		t.Errorf("exit code %d, said\n%s\nwant\n%s%s", code, stdout, want, stderr)
	}
	f.missed[0].ID = offer.Entry // what waits for an answer was not missed
	if _, stdout, _ := passeur(t.Context(), "inbox"); strings.Contains(stdout, "Missed") || !strings.Contains(stdout, "photo.jpg") {
		t.Errorf("said %s", stdout)
	}
	f.conversations, f.refuse = nil, nil
	f.missed[0].ID = conversation.ID{4}
	if code, stdout, _ := passeur(t.Context(), "inbox"); code != 0 || !strings.Contains(stdout, "passeur get CONVERSATION ENTRY") || !strings.Contains(stdout, "film_.mkv") {
		t.Errorf("exit code %d, said %s", code, stdout)
	}
	serveFake(t, &fakeNode{})
	if _, stdout, _ := passeur(t.Context(), "inbox", "--json"); stdout != "[]\n" {
		t.Errorf("an empty inbox: %s", stdout)
	}
}

func TestFilesThatLieHere(t *testing.T) {
	serveFake(t, &fakeNode{held: []node.HeldFile{{Entry: conversation.ID{3}, Talk: "holiday", Name: "film.mkv", Path: "/r/film.mkv", Size: 10, State: node.HeldGone}}})
	code, stdout, _ := passeur(t.Context(), "files")
	if code != 0 || !strings.Contains(stdout, "\n030000000000  holiday       10 B  not held: moved or removed  film.mkv  /r/film.mkv\n") {
		t.Errorf("exit code %d, said\n%s", code, stdout)
	}
	if _, stdout, _ = passeur(t.Context(), "files", "--json"); !strings.Contains(stdout, `"file":"/r/film.mkv","size":10,"sha3sum":"","sha3tree":"","source":false,"state":"gone"`) {
		t.Errorf("said %s", stdout)
	}
	serveFake(t, &fakeNode{})
	if _, stdout, _ = passeur(t.Context(), "files"); !strings.HasPrefix(stdout, "no files yet: ") {
		t.Errorf("said %s", stdout)
	}
	serveFake(t, &fakeNode{refuse: errors.New("the disk is on fire")})
	if code, _, stderr := passeur(t.Context(), "files"); code != exitError || !strings.Contains(stderr, "on fire") {
		t.Errorf("exit code %d, said %s", code, stderr)
	}
}

func TestAConversationSaysHowToGetAMissedFile(t *testing.T) {
	f := &fakeNode{missed: missedFilm(), messages: missedFilm(), conversations: []node.Conversation{{ID: conversation.ID{2}, Mode: conversation.Group, Name: "holiday"}}}
	serveFake(t, f)
	_, stdout, stderr := passeur(t.Context(), "conversation", "show", "holiday")
	if want := `(missed here: 'passeur get 020000000000 030000000000' gets it)`; !strings.Contains(stdout, want) {
		t.Errorf("no %s in %s%s", want, stdout, stderr)
	}
	f.missed = nil
	if _, stdout, _ := passeur(t.Context(), "conversation", "show", "holiday"); strings.Contains(stdout, "passeur get") || !strings.Contains(stdout, "file ") {
		t.Errorf("said %s", stdout)
	}
}

func TestTabOffersEntriesAndNoNamesOfFiles(t *testing.T) {
	serveFake(t, &fakeNode{
		missed:   missedFilm(),
		contacts: []node.Contact{{Name: "bob", Account: testAccount(2), State: node.Accepted}},
		conversations: []node.Conversation{
			{ID: conversation.ID{2}, Mode: conversation.Group, Name: "holiday", Status: "member"},
			{ID: conversation.ID{1}, Mode: conversation.OneToOne, Name: "bob", Status: "member"},
		},
	})
	for line, want := range map[string]string{
		"get":             "020000000000\tholiday bob",
		"get holiday":     "030000000000\t4.0 KiB",
		"get holiday 03 ": "",
		"send x":          "bob\taccepted 020000000000\tholiday",
	} {
		_, stdout, stderr := passeur(t.Context(), append([]string{"__complete"}, append(strings.Fields(line), "")...)...)
		words, _, _ := strings.Cut(stdout, ":")
		if got := strings.ReplaceAll(strings.TrimSpace(words), "\n", " "); got != want {
			t.Errorf("%s: %q, want %q; %s", line, got, want, stderr)
		}
	}
}

package filexfer

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func TestSendAndReceive(t *testing.T) {
	contents := map[string]string{
		"empty":           "",
		"one byte":        "x",
		"a whole piece":   strings.Repeat("p", bufferSize),
		"pieces and some": strings.Repeat("passeur", bufferSize),
	}
	for name, content := range contents {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left, right := connect(t)
				sender, sent := mount(t, left, Config{})
				sink := &memorySink{}
				_, received := mount(t, right, Config{Accept: into(sink)})

				view, err := sender.Send(t.Context(), "right", text("photo.jpg", content))
				if err != nil {
					t.Fatal(err)
				}
				wantEnd(t, "sender", view, Finished, nil)
				got := received.awaitEnd(t)
				wantEnd(t, "receiver", got, Finished, nil)

				if data, committed, aborted := sink.kept(); data != content || committed != 1 || aborted != 0 {
					t.Errorf("%d bytes kept, committed %d times, aborted %d times", len(data), committed, aborted)
				}
				for side, v := range map[string]View{"sender": view, "receiver": got} {
					if v.Sum != sumOf(content) || v.Bytes != int64(len(content)) || v.Name != "photo.jpg" || v.Conn == nil {
						t.Errorf("%s: %+v", side, v)
					}
				}
				if want := []State{Created, AwaitingPeer, Ongoing, Finished}; !slices.Equal(sent.states(), want) {
					t.Errorf("sender went through %v, want %v", sent.states(), want)
				}
				if want := []State{Created, AwaitingHost, Ongoing, Finished}; !slices.Equal(received.states(), want) {
					t.Errorf("receiver went through %v, want %v", received.states(), want)
				}
			})
		})
	}
}

// What either side shows before the receiver's user has decided, and after the
// end.
func TestDataTransferInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 64000
		left, right := connect(t)
		sender, sent := mount(t, left, Config{})
		decided := make(chan struct{})
		_, received := mount(t, right, Config{Accept: func(context.Context, Offer) (Sink, error) {
			<-decided
			return &memorySink{}, nil
		}})
		go sender.Send(t.Context(), "right", text("SEND", strings.Repeat("A", size)))
		want := func(side string, v View, bytes int64) {
			t.Helper()
			if v.Bytes != bytes || v.Size != size || v.Offset != 0 || v.Name != "SEND" {
				t.Errorf("%s: %+v", side, v)
			}
		}
		want("sender, before", sent.awaitState(t, AwaitingPeer), 0)
		want("receiver, before", received.awaitState(t, AwaitingHost), 0)
		close(decided)
		want("sender, after", sent.awaitState(t, Finished), size)
		want("receiver, after", received.awaitState(t, Finished), size)
	})
}

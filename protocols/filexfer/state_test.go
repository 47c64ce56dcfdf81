package filexfer

import "testing"

func TestStates(t *testing.T) {
	final := map[State]bool{
		Finished: true, ClosedByHost: true, ClosedByPeer: true, InvalidPath: true, Unjoinable: true, TimeoutExpired: true,
	}
	for s, name := range stateNames {
		text, err := s.MarshalText()
		if err != nil || string(text) != name || s.String() != name || s.Final() != final[s] {
			t.Errorf("%d: %q (%v), final %v", s, text, err, s.Final())
		}
		var again State
		if err := again.UnmarshalText(text); err != nil || again != s {
			t.Errorf("%q reads as %v (%v)", text, again, err)
		}
	}
	if State(2).String() != "state-2" {
		t.Errorf("state 2 is called %q", State(2))
	}
	if err := new(State).UnmarshalText([]byte("state-2")); err == nil {
		t.Error("an unknown state was read")
	}
}

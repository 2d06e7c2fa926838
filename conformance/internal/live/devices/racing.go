package devices

import (
	"fmt"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/spec/refusal"
)

// Racing makes commits of four devices for one place of the log, and brings one after the other.
func Racing(w *world.World, c world.Cast) {
	watch := watchKeys(w)
	two := w.Meet(c)
	alice, bob := two.Alice, two.Bob
	w.Send(alice[0], two.B, "start")
	w.Sync(alice, bob)
	race(w, two)
	w.Send(alice[0], two.B, "again 0")
	w.Send(alice[1], two.B, "again 1")
	w.Send(alice[2], two.B, "again 2")
	w.Sync(alice, bob)
	bothInStep(w, two)
	w.UsedOnce(watch)
	w.ReadOnce(bob[1], "start", "racer 0", "again 0", "again 1", "again 2")
}

// racer is a device with the commit that it has made, and its conversation before it made it.
type racer struct {
	*world.Member
	peer   account.ID
	before world.State
	commit []byte
}

// race lets Bob's leader win a place against all devices of Alice, which must come out as they were.
func race(w *world.World, two *world.Two) {
	winner := newRacer(w, 0, two.Bob[0], two.A)
	var losers []racer
	for i, m := range two.Alice {
		losers = append(losers, newRacer(w, i+1, m, two.B))
	}
	w.Understood(w.Office.Append(winner.commit))
	for _, r := range losers {
		r.loses(w)
	}
}

func newRacer(w *world.World, i int, m *world.Member, peer account.ID) racer {
	before := w.State(m, peer)
	commit, err := m.Device.Send(peer, fmt.Appendf(nil, "racer %d", i), nil, w.Random)
	w.Understood(err)
	return racer{m, peer, before, commit}
}

// loses brings the commit, which is too late (AMB-PST-05) and must leave no trace in the conversation (AMB-LOG-09).
func (r racer) loses(w *world.World) {
	if err := w.Office.Append(r.commit); refusal.Of(err) != refusal.Conflict {
		w.Violation(verdict.Mismatch, "a commit for a place that is taken", "conflict", fmt.Sprint(err))
	}
	r.Device.PostOfficeRefused()
	if after := w.State(r.Member, r.peer); after != r.before {
		w.Violation(verdict.StateChanged, "a refused commit has left a trace in the conversation",
			"the conversation as before", fmt.Sprintf("seq %d, digest %x", after.Seq, after.Digest))
	}
}

package hostile

import (
	"fmt"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/shim"
)

func askedBeforeRestart(w *world.World) {
	leader := w.Register(true)
	var companions []*world.Member
	for range 3 {
		companions = append(companions, w.Link(leader, false))
	}
	w.Understood(leader.Prepare(nil))
	w.Restart(leader)
	w.Understood(leader.Rotate(ambassador.Change{}))
	w.Sync(companions)
	for _, m := range companions {
		if m.Device.(*ambassador.Device).Active() { // AMB-ROT-06
			w.Violation(verdict.Mismatch, "a device that was asked and has not answered is active in the next epoch, "+
				"after a restart of the leader", "pending", "active")
		}
	}
}

func prekeyBeforeRestart(w *world.World) {
	leader := w.Register(true)
	companion := w.Link(leader, false)
	newer := w.Link(leader, false) // uses the prekey of the companion
	all := []*world.Member{leader, companion, newer}
	w.Sync(all)
	w.Understood(companion.Ack()) // with a new one
	w.Sync(all)
	w.Restart(leader)
	w.Understood(leader.Rotate(ambassador.Change{}))
	w.Sync(all)
	d := companion.Device.(*ambassador.Device)
	if p := d.List().Find(d.ID()).Prekey; p.ID != 2 {
		w.Violation(verdict.Mismatch,
			"the list does not carry the newest prekey of a device, after a restart of the leader",
			"prekey 2", fmt.Sprint("prekey ", p.ID))
	}
}

// restartUnderWay returns a test that restarts a leader while its commit is under way. When the commit comes back it
// takes effect: a start under the new keys is read.
func restartUnderWay(op shim.Op) func(w *world.World) {
	return func(w *world.World) {
		leader := w.Register(true)
		commit := w.Must(op, shim.Params{Party: leader.Target().Party()}).Message
		bob, _ := w.Bob()
		w.Restart(leader)
		w.Understood(w.Office.Append(commit))
		w.Send(bob[0], leader.Device.Account(), "a start under the new keys")
		w.Sync([]*world.Member{leader})
		w.ReadOnce(leader, "a start under the new keys")
	}
}

func answerOwedBeforeRestart(w *world.World) {
	leader := w.Register(false)
	companion := w.Link(leader, true)
	// The first question may come in a chain that the companion cannot answer in (AMB-ROT-08).
	w.Understood(companion.Ack())
	w.Sync([]*world.Member{leader, companion})
	w.Understood(leader.Prepare(nil))
	d := companion.Target()
	box, err := w.Office.Fetch(leader.Device.Account(), d.ID(), 1)
	w.Understood(err)
	d.Brings(newest(w, box.Mails), ambassador.Record)
	w.Restart(companion)
	w.Must(shim.DeviceCaughtUp, shim.Params{Party: d.Party(), Commits: box.Commits})
	if r := w.Must(shim.DeviceUpkeep, shim.Params{Party: d.Party()}); len(r.Message) == 0 {
		w.Violation(verdict.Mismatch, "the answer to the leader is forgotten in a restart", "a commit", "nothing")
	}
}

// signedBeforeRestart restarts a leader that has signed an epoch which did not come (AMB-ROT-14).
func signedBeforeRestart(w *world.World) {
	leader := w.Register(true)
	d := leader.Target()
	var before uint32
	for i := range 3 {
		c := commitOf(w, shim.DeviceRotate, shim.Params{Party: d.Party()})
		if c.Rotation == nil {
			w.Violation(verdict.Mismatch, "device.rotate gives no rotation", "a rotation", "another commit")
		}
		if epoch := c.Rotation.List.Epoch; i > 0 && epoch != before+1 {
			w.Violation(verdict.Mismatch, "the epoch of a rotation, after one that was lost", fmt.Sprint(before+1),
				fmt.Sprint(epoch))
		}
		before = c.Rotation.List.Epoch
		w.Restart(leader)
		_, err := d.CaughtUp(c.Number) // without the rotation, which is dropped
		w.Understood(err)
	}
	w.Understood(leader.Rotate(ambassador.Change{}))
}

func claimBeforeRestart(w *world.World) {
	s := newSiblingConversation(w)
	c := s.claim()
	c.Seq, c.Head.Head, c.Digest = c.Seq+1, [32]byte{1}, [32]byte{2}
	s.device.Brings(s.mail(s.ack(c)), ambassador.Record)
	w.Restart(s.leader)
	s.device.Brings(entryMail(s.nextEntry("where the histories part")), ambassador.Message, ambassador.Frozen)
}

// answerOvertaken lets a device begin a chain between the leader's question and its answer: it sends an ack instead
// (AMB-ROT-08).
func answerOvertaken(w *world.World) {
	two := w.BeginWith(false, true)
	leader, companion := two.Alice[0], two.Alice[1]
	w.Understood(companion.Ack())
	w.Sync(two.Alice)
	read := w.Count(companion)
	w.Understood(leader.Prepare(nil))
	d := companion.Target()
	for _, mail := range w.Unread(companion, read) {
		d.Brings(mail, ambassador.Record)
	}
	commit, err := d.Send(two.B, []byte("begins a chain"), nil, nil)
	w.Understood(err)
	w.Understood(w.Office.Append(commit))
	w.Understood(w.Office.Append(w.Must(shim.DeviceUpkeep, shim.Params{Party: d.Party()}).Message))
	leader.Events = nil
	w.Understood(leader.Sync())
	for _, e := range leader.Events {
		if e.Kind == ambassador.Refused {
			w.Violation(verdict.Mismatch, "an answer goes out in a chain that was begun before it", "an ack", e.Reason)
		}
	}
	w.Understood(leader.Rotate(ambassador.Change{}))
	list := leader.Device.(*ambassador.Device).List()
	if !list.Has(d.ID(), account.Pending) {
		w.Violation(verdict.Mismatch, "a device that has answered with an ack", "pending in the next epoch", "active")
	}
}

// ackOwedBeforeRestart restarts a device that owes the leader an ack: the question came after the device had begun the
// chain in which it would have to answer (AMB-ROT-08).
func ackOwedBeforeRestart(w *world.World) {
	two := w.BeginWith(false, true)
	leader, companion := two.Alice[0], two.Alice[1]
	d, read := companion.Target(), w.Count(companion)
	w.Understood(leader.Prepare(nil))
	_, err := d.Send(two.B, []byte("crosses the question"), nil, nil) // and never leaves
	w.Understood(err)
	mails := w.Unread(companion, read)
	for _, mail := range mails {
		d.Brings(mail, ambassador.Record)
	}
	w.Restart(companion)
	w.Must(shim.DeviceCaughtUp, shim.Params{Party: d.Party(), Commits: w.Commits(companion)})
	r := w.Must(shim.DeviceUpkeep, shim.Params{Party: d.Party()})
	if len(r.Message) == 0 {
		w.Violation(
			verdict.Mismatch, "the ack that is owed to the leader is forgotten in a restart", "a commit", "nothing",
		)
	}
	w.Understood(w.Office.Append(r.Message))
	leader.Events = nil
	w.Understood(leader.Sync())
	if kinds := leader.Events; len(kinds) != 1 || kinds[0].Kind != ambassador.Record {
		w.Violation(verdict.Mismatch, "the leader has to read the ack that was owed", "one record", fmt.Sprint(kinds))
	}
}

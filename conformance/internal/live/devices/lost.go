package devices

import (
	"errors"
	"fmt"

	"credence/conformance/internal/world"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// everyOtherLost is a post office to which every other commit gets lost, once it is told to lose any.
type everyOtherLost struct {
	postoffice.Service
	loses bool
	last  bool // was the last one lost?
}

var errLost = errors.New("the network has lost it")

func (o *everyOtherLost) Append(commit []byte) error {
	o.last = o.loses && !o.last
	if o.last {
		return errLost
	}
	return o.Service.Append(commit)
}

// LostCommits lets every commit be lost once, and be made anew with the next number: no key seals two messages, and
// all goes on. Then a device is set back to a time before a commit that was lost.
func LostCommits(w *world.World, c world.Cast) {
	network := &everyOtherLost{Service: w.Office}
	watch := world.NewKeyWatch(network)
	w.Office = watch
	two := w.Begin(c)
	network.loses = true
	for i, m := range two.Alice {
		w.Send(m, two.B, fmt.Sprintf("lost once, %d", i))
		w.Send(two.Bob[i%2], two.A, fmt.Sprintf("lost once, to %d", i))
		w.Understood(m.Ack())
	}
	w.Understood(two.Alice[1].Replenish(1000))
	w.Understood(two.Alice[0].Rotate(ambassador.Change{}))
	for i, m := range two.Alice {
		w.Send(m, two.B, fmt.Sprintf("in the next epoch, %d", i))
	}
	w.Sync(two.Alice, two.Bob)
	bothInStep(w, two)
	w.UsedOnce(watch)
	for _, m := range two.Alice {
		if m.Name != "" {
			setBack(w, m, two)
			return
		}
	}
}

// setBack lets a device of the target announce a commit that is lost, and starts it from the state before: it must not
// make another one (AMB-SYN-11), however often it reads its mailbox.
func setBack(w *world.World, m *world.Member, two *world.Two) {
	d := m.Target()
	before := w.Must(shim.DeviceExport, shim.Params{Party: d.Party()}).State
	encoded, err := d.Ack(nil)
	w.Understood(err)
	commit := &postoffice.Commit{}
	w.Understood(codec.Decode(encoded, commit))
	_, err = w.Office.Announce(two.A, d.ID(), commit.Number)
	w.Understood(err)
	copied := w.Import(before)
	for range 2 {
		w.Refuse(refusal.NotReady, shim.DeviceCaughtUp, shim.Params{Party: copied.Party(), Commits: w.Commits(m)})
		w.Refuse(refusal.NotReady, shim.DeviceAck, shim.Params{Party: copied.Party()})
	}
}

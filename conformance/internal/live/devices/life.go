package devices

import (
	"credence/conformance/internal/world"
	"credence/reference/account"
	"credence/reference/ambassador"
)

// life is a way in which an account can live.
type life struct {
	size    int    // devices at the beginning
	senders []int  // of the account's entries, in turn
	change  change // what the rotation in the middle does
	offline bool   // the leader reads only before it rotates
}

// change is what a rotation changes about the devices.
type change int

const (
	nothing change = iota
	adds
	removes
)

// maxSize is the largest account of a game. A smaller one rotates as often as if it had become as large, so that the
// epochs are equal.
const maxSize = 4

// viewOf lets an account of the target live a life in a world of its own, and returns what its counterparty has got.
// The random values of the target are those of coins, and those of the reference are the same in each life, unless
// coins is nil.
func viewOf(w *world.World, l life, coins func(label string) []byte) []sight {
	t := w.T
	if coins != nil {
		t = w.WithRandom(chaCha8("the counterparty's coins"))
	}
	fresh := world.New(t)
	view := &counterpartyView{Service: fresh.Office}
	fresh.Office, fresh.Coins = view, coins
	fresh.Devices = w.Devices + 100 // names that are not in use
	w.Devices += 200
	account := observe(fresh, l)
	view.of = account.id
	account.growUp()
	view.seen = nil
	account.live()
	return view.seen
}

// observed is an account that lives a life, and its counterparty.
type observed struct {
	*world.World
	life
	devices      []*world.Member
	id           account.ID
	counterparty *world.Member
	peer         account.ID
}

// observe makes the account, with one device as yet, and its counterparty.
func observe(w *world.World, l life) *observed {
	leader := w.Register(true)
	bob, b := w.Bob()
	return &observed{w, l, []*world.Member{leader}, leader.Device.Account(), bob[0], b}
}

// growUp links devices until the account has its size.
func (o *observed) growUp() {
	for len(o.devices) < o.size {
		o.link()
	}
	for range maxSize - o.size {
		o.rotate(ambassador.Change{})
	}
}

// live is what the counterparty sees.
func (o *observed) live() {
	o.says(0, "first")
	o.hears("second")
	o.says(1, "third")
	o.changes()
	o.says(2, "fourth")
	o.hears("fifth")
	o.says(0, "sixth")
	_, err := o.Office.Bundle(o.id)
	o.Understood(err)
}

func (o *observed) link() { o.devices = append(o.devices, o.Link(o.devices[0], true)) }

func (o *observed) rotate(c ambassador.Change) { o.Understood(o.devices[0].Rotate(c)) }

// says lets the sender of a turn send.
func (o *observed) says(turn int, text string) {
	o.Send(o.devices[o.senders[turn]], o.peer, text)
	if !o.offline {
		o.Sync(o.devices)
	}
}

// hears lets the counterparty send.
func (o *observed) hears(text string) { o.Send(o.counterparty, o.id, text) }

// changes rotates once, whatever changes.
func (o *observed) changes() {
	last := len(o.devices) - 1
	switch o.change {
	case adds:
		o.link()
	case removes:
		id := o.devices[last].Device.ID()
		o.devices = o.devices[:last]
		o.rotate(ambassador.Change{Remove: []account.DeviceID{id}})
	default:
		o.rotate(ambassador.Change{})
	}
}

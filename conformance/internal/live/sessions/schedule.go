package sessions

import (
	"math/rand/v2"
	"slices"

	"credence/conformance/internal/pair"
)

// network has the messages under way in both directions, and those that the target has read.
type network struct {
	*pair.Pair
	toTarget, toPeer []pair.Mail
	readByTarget     []pair.Mail
	random           *rand.Rand
}

// randomSchedule lets random things happen, within the limits in which every message must be read.
func randomSchedule(s pair.Setup) func(p *pair.Pair) {
	return func(p *pair.Pair) {
		p.OpenBoth(s)
		n := &network{Pair: p, random: rand.New(p.Random)}
		for i := range 150 {
			if i%12 == 11 {
				n.turn() // no message stays under way for more chains than are kept
			} else {
				n.event()
			}
		}
		n.drain()
		p.Turns(1)
	}
}

// event does one thing.
func (n *network) event() {
	switch n.random.IntN(9) {
	case 0, 1:
		n.toTarget = append(n.toTarget, n.FromPeer())
	case 2, 3:
		n.toPeer = append(n.toPeer, n.FromTarget())
	case 4, 5:
		n.deliverToTarget()
	case 6:
		n.deliverToPeer()
	case 7:
		n.replay()
	default:
		n.turn()
	}
}

// take takes a random message out of a queue. It reports whether there was one.
func (n *network) take(queue *[]pair.Mail) (pair.Mail, bool) {
	if len(*queue) == 0 {
		return pair.Mail{}, false
	}
	i := n.random.IntN(len(*queue))
	m := (*queue)[i]
	*queue = slices.Delete(*queue, i, i+1)
	return m, true
}

func (n *network) deliverToTarget() {
	if m, ok := n.take(&n.toTarget); ok {
		n.readByTarget = append(n.readByTarget, m)
		n.Read(m)
	}
}

func (n *network) deliverToPeer() {
	if m, ok := n.take(&n.toPeer); ok {
		n.PeerReads(m)
	}
}

// replay brings a message that the target has read to it again (AMB-RAT-11).
func (n *network) replay() {
	if len(n.readByTarget) > 0 {
		n.Refuses(n.readByTarget[n.random.IntN(len(n.readByTarget))].Envelope, "")
	}
}

// turn delivers everything that is under way but one message to the target, which is lost.
func (n *network) turn() {
	n.take(&n.toTarget)
	n.drain()
}

func (n *network) drain() {
	for len(n.toTarget) > 0 {
		n.deliverToTarget()
	}
	for len(n.toPeer) > 0 {
		n.deliverToPeer()
	}
}

package conformance

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/shim"
	"credence/spec/refusal"
)

// liveRatchet are the tests of profile ratchet in which nobody lies.
func liveRatchet(set *params.Set) []testCase {
	test := func(name, comment string, requirements []string, run func(l *live) error) testCase {
		return liveCase("ratchet", set, name, comment, requirements, needsSession, run)
	}
	cases := []testCase{
		test("headers", "ratchet keys, numbers and previous lengths of five turns", []string{"AMB-RAT-04", "AMB-RAT-05", "AMB-RAT-07"}, checksHeaders(responds)),
		test("headers-initiator", "the same, as initiator", []string{"AMB-RAT-04", "AMB-RAT-05", "AMB-RAT-07"}, checksHeaders(initiates)),
		test("plaintext-sizes", "plaintexts of many sizes in both directions, the empty one and 64 KiB included", []string{"AMB-RAT-25"}, carriesSizes),
		test("plaintext-bytes", "plaintexts with every byte value in both directions", []string{"AMB-RAT-25"}, carriesBytes),
		test("crossing", "both sides send at the same time, five times", []string{"AMB-SES-07"}, crosses),
		test("skip-limit", "MAX_SKIP lost messages are skipped, one more is refused, and the next turn is read", []string{"AMB-RAT-19", "AMB-RAT-20", "AMB-RAT-22"}, skipsUpToLimit),
		test("skip-limit-sender", "the target's message after MAX_SKIP unread ones is read by the reference", []string{"AMB-RAT-04"}, sendsManyUnread),
		test("stored-limit", "skipped keys beyond the limit of stored keys: the oldest are gone, the others are there", []string{"AMB-RAT-21"}, dropsOldestStored),
		test("losses", "more messages are lost over many turns than keys may be stored", []string{"AMB-RAT-21", "AMB-RAT-22"}, losesMany),
		test("late-four-chains", "a late message is read after four newer chains", []string{"AMB-RAT-12"}, readsLate(4)),
		test("late-all-chains", "late messages of each of the last chains", []string{"AMB-RAT-12"}, readsLateOfEach),
	}
	for i := range 3 {
		cases = append(cases,
			test(fmt.Sprintf("schedule-%d", i), "a random schedule of 150 events: sends, reads, losses and repetitions on both sides", []string{"AMB-RAT-10", "AMB-RAT-11", "AMB-RAT-12"}, schedule(responds)),
			test(fmt.Sprintf("schedule-initiator-%d", i), "a random schedule of 150 events, as initiator", []string{"AMB-RAT-10", "AMB-RAT-11", "AMB-RAT-12"}, schedule(initiates)))
	}
	if set != params.OlmV1 { // implementations of Olm differ here (SPEC.md 15)
		cases = append(cases, test("stored-limit-chains", "skipped keys of several chains: the limit is of the session, or of each chain, as the set says", []string{"AMB-RAT-21"}, storesOverChains))
	}
	if set.MaxChains > 0 {
		cases = append(cases, test("late-dropped", "the key of a late message is gone after five newer chains", []string{"AMB-RAT-23"}, dropsChains))
	}
	if set == params.AmbassadorV1 {
		perMessage := func(h hello) string {
			if missing := needsSession(h); missing != "" {
				return missing
			}
			return lacks(h.cadence("per-message"), "cadence per-message")
		}
		cases = append(cases,
			liveCase("ratchet", set, "per-message", "a ratchet key for each message", []string{"AMB-RAT-08"}, perMessage, keyPerMessage(responds)),
			liveCase("ratchet", set, "per-message-initiator", "a ratchet key for each message, as initiator", []string{"AMB-RAT-08"}, perMessage, keyPerMessage(initiates)))
	}
	return cases
}

// targetChain is what the headers of the target's messages must be.
type targetChain struct {
	l    *live
	keys map[primitive.PublicKey]bool // every ratchet key so far
	key  primitive.PublicKey          // of the chain in use
	n    uint64
	pn   uint64
}

// next checks the header of the target's next message. newTurn says that a new ratchet key is due.
func (c *targetChain) next(h wire.Header, newTurn bool) error {
	if newTurn {
		if c.keys[h.Key] {
			return c.l.fail(Mismatch, "a new turn has an old ratchet key", "a fresh ratchet key", fmt.Sprintf("%x", h.Key))
		}
		c.pn, c.n, c.key = c.n, 0, h.Key
		c.keys[h.Key] = true
	}
	if h.Key != c.key {
		return c.l.fail(Mismatch, "the ratchet key changes inside a turn", fmt.Sprintf("%x", c.key), fmt.Sprintf("%x", h.Key))
	}
	if h.N != c.n {
		return c.l.fail(Mismatch, "the number of a message differs", fmt.Sprint(c.n), fmt.Sprint(h.N))
	}
	if want := expectedPN(c.l.set, c.pn); h.PN != want {
		return c.l.fail(Mismatch, "pn in the header differs", fmt.Sprint(want), fmt.Sprint(h.PN))
	}
	c.n++
	return nil
}

// expectedPN is pn of SPEC.md 2.4.
func expectedPN(set *params.Set, length uint64) uint64 {
	switch {
	case set.PN == params.PNAbsent:
		return 0
	case set.PN == params.PNMinusOne && length > 0:
		return length - 1
	}
	return length
}

// checksHeaders reads the headers of the target's messages over five turns of different lengths.
func checksHeaders(s setup) func(l *live) error {
	return func(l *live) error {
		if err := l.open(s); err != nil {
			return err
		}
		chain := &targetChain{l: l, keys: map[primitive.PublicKey]bool{}}
		if s.role == "responder" {
			if err := l.sendToTarget(); err != nil {
				return err
			}
		}
		for _, length := range []int{1, 3, 2, 1, 4} {
			for i := range length {
				if err := l.checkedSend(chain, i == 0); err != nil {
					return err
				}
			}
			if err := l.sendToTarget(); err != nil {
				return err
			}
		}
		return nil
	}
}

// checkedSend lets the target send, checks the header, and lets the peer read.
func (l *live) checkedSend(chain *targetChain, newTurn bool) error {
	m, err := l.fromTarget()
	if err != nil {
		return err
	}
	h, err := l.header(m)
	if err != nil {
		return err
	}
	return first(func() error { return chain.next(h, newTurn) }, func() error { return l.peerReads(m) })
}

func keyPerMessage(s setup) func(l *live) error {
	return func(l *live) error {
		s.cadence = "per-message"
		if err := l.open(s); err != nil {
			return err
		}
		if s.role == "responder" {
			if err := first(l.sendToTarget, l.sendToTarget); err != nil {
				return err
			}
		}
		chain := &targetChain{l: l, keys: map[primitive.PublicKey]bool{}}
		for range 3 {
			for range 3 {
				if err := l.checkedSend(chain, true); err != nil {
					return err
				}
			}
			if err := first(l.sendToTarget, l.sendToTarget); err != nil {
				return err
			}
		}
		return nil
	}
}

// carries sends a plaintext in both directions.
func (l *live) carries(plaintext []byte) error {
	l.next = plaintext
	if err := l.sendToTarget(); err != nil {
		return err
	}
	l.next = plaintext
	return l.sendToPeer()
}

func carriesSizes(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	for _, n := range []int{0, 1, 15, 16, 17, 31, 32, 255, 256, 4095, 1 << 16} {
		if err := l.carries(bytes.Repeat([]byte("x"), n)); err != nil {
			return err
		}
	}
	return nil
}

func carriesBytes(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, plaintext := range [][]byte{{0}, []byte("a\x00b"), {0xff}, {0x80, 0x81}, all} {
		if err := l.carries(plaintext); err != nil {
			return err
		}
	}
	return nil
}

func crosses(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	for range 5 {
		fromPeer, err := l.fromPeer()
		if err != nil {
			return err
		}
		fromTarget, err := l.fromTarget()
		if err != nil {
			return err
		}
		if err := first(func() error { return l.read(fromPeer) }, func() error { return l.peerReads(fromTarget) }); err != nil {
			return err
		}
	}
	return l.turns(1)
}

func skipsUpToLimit(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	if err := first(func() error { return l.skip(l.set.MaxSkip) }, l.sendToTarget); err != nil {
		return err
	}
	within, err := l.fromPeer()
	if err != nil {
		return err
	}
	if err := l.skip(l.set.MaxSkip); err != nil { // one more with the message before
		return err
	}
	over, err := l.fromPeer()
	if err != nil {
		return err
	}
	if err := l.refuses(over.envelope, refusal.SkipLimit); err != nil {
		return err
	}
	return first(func() error { return l.read(within) }, func() error { return l.turns(2) })
}

func sendsManyUnread(l *live) error {
	if err := l.opened(initiates); err != nil {
		return err
	}
	for range l.set.MaxSkip {
		if _, err := l.fromTarget(); err != nil {
			return err
		}
	}
	return l.sendToPeer()
}

// dropsOldestStored makes the target store one key more than it may: in one chain, or over two chains where the limit
// counts the session.
// storesOverChains loses many messages in each of three chains.
func storesOverChains(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	n := l.set.MaxStored * 45 / 100
	var oldest, newer mail // the first and the last that are lost in the first chain
	for chain := range 3 {
		for i := range n {
			m, err := l.fromPeer()
			if err != nil {
				return err
			}
			if chain == 0 && i == 0 {
				oldest = m
			}
			if chain == 0 {
				newer = m
			}
		}
		if err := first(l.sendToTarget, func() error { return l.turns(1) }); err != nil {
			return err
		}
	}
	dropped := func() error { return l.refuses(oldest.envelope, refusal.Duplicate) }
	if l.set.StoredPerChain {
		dropped = func() error { return l.read(oldest) }
	}
	return first(dropped, func() error { return l.read(newer) }, func() error { return l.turns(1) })
}

func dropsOldestStored(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	oldest, err := l.fromPeer()
	if err != nil {
		return err
	}
	second, err := l.fromPeer()
	if err != nil {
		return err
	}
	left := l.set.MaxStored - 2
	for left > 0 {
		n := min(left, int(l.set.MaxSkip)-2)
		if err := first(func() error { return l.skip(uint64(n)) }, l.sendToTarget); err != nil {
			return err
		}
		left -= n
	}
	if err := first(func() error { return l.skip(1) }, l.sendToTarget); err != nil {
		return err
	}
	if err := l.refuses(oldest.envelope, refusal.Duplicate); err != nil {
		return err
	}
	return l.read(second)
}

// losesMany loses more than MaxStored messages over many turns.
func losesMany(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	each := min(int(l.set.MaxSkip), 450)
	for lost := 0; lost < l.set.MaxStored+each; lost += each {
		if err := first(func() error { return l.skip(uint64(each)) }, func() error { return l.turns(1) }); err != nil {
			return err
		}
	}
	return l.turns(2)
}

func readsLate(chains int) func(l *live) error {
	return func(l *live) error {
		if err := l.opened(responds); err != nil {
			return err
		}
		late, err := l.fromPeer()
		if err != nil {
			return err
		}
		return first(l.sendToTarget, func() error { return l.turns(chains) }, func() error { return l.read(late) }, l.sendToTarget)
	}
}

func readsLateOfEach(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	var late []mail
	for range 4 {
		m, err := l.fromPeer()
		if err != nil {
			return err
		}
		late = append(late, m)
		if err := first(l.sendToTarget, l.sendToPeer); err != nil {
			return err
		}
	}
	slices.Reverse(late)
	for _, m := range late {
		if err := l.read(m); err != nil {
			return err
		}
	}
	return l.turns(1)
}

func dropsChains(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	late, err := l.fromPeer()
	if err != nil {
		return err
	}
	if err := first(l.sendToTarget, func() error { return l.turns(5) }); err != nil {
		return err
	}
	return first(func() error { return l.refuses(late.envelope, "") }, l.sendToTarget, l.sendToPeer)
}

// network is a random schedule: messages under way in both directions, and those that the target has read.
type network struct {
	l                *live
	toTarget, toPeer []mail
	readByTarget     []mail
	random           *rand.Rand
}

// schedule lets random things happen, within the limits in which every message must be read.
func schedule(s setup) func(l *live) error {
	return func(l *live) error {
		if err := l.opened(s); err != nil {
			return err
		}
		n := &network{l: l, random: rand.New(l.random)}
		for i := range 150 {
			happens := n.event
			if i%12 == 11 {
				happens = n.turn // no message stays under way for more chains than are kept
			}
			if err := happens(); err != nil {
				return err
			}
		}
		return first(n.drain, func() error { return l.turns(1) })
	}
}

// event does one thing.
func (n *network) event() error {
	switch n.random.IntN(9) {
	case 0, 1:
		return n.send(&n.toTarget, n.l.fromPeer)
	case 2, 3:
		return n.send(&n.toPeer, n.l.fromTarget)
	case 4, 5:
		return n.deliverToTarget()
	case 6:
		return n.deliverToPeer()
	case 7:
		return n.replay()
	default:
		return n.turn()
	}
}

func (n *network) send(queue *[]mail, send func() (mail, error)) error {
	m, err := send()
	*queue = append(*queue, m)
	return err
}

// takeRandom takes a random message out of a queue, or reports that it is empty.
func (n *network) takeRandom(queue *[]mail) (mail, bool) {
	if len(*queue) == 0 {
		return mail{}, false
	}
	i := n.random.IntN(len(*queue))
	m := (*queue)[i]
	*queue = slices.Delete(*queue, i, i+1)
	return m, true
}

func (n *network) deliverToTarget() error {
	m, ok := n.takeRandom(&n.toTarget)
	if !ok {
		return nil
	}
	n.readByTarget = append(n.readByTarget, m)
	return n.l.read(m)
}

func (n *network) deliverToPeer() error {
	if m, ok := n.takeRandom(&n.toPeer); ok {
		return n.l.peerReads(m)
	}
	return nil
}

// replay gives the target a message that it has read.
func (n *network) replay() error {
	if len(n.readByTarget) == 0 {
		return nil
	}
	return n.l.refuses(n.readByTarget[n.random.IntN(len(n.readByTarget))].envelope, "")
}

// turn reads everything that is under way but one message, which is lost.
func (n *network) turn() error {
	n.takeRandom(&n.toTarget)
	return n.drain()
}

func (n *network) drain() error {
	for len(n.toTarget) > 0 {
		if err := n.deliverToTarget(); err != nil {
			return err
		}
	}
	for len(n.toPeer) > 0 {
		if err := n.deliverToPeer(); err != nil {
			return err
		}
	}
	return nil
}

// raw is an envelope of a ratchet message.
func raw(body []byte) *shim.Message { return &shim.Message{Kind: shim.RatchetMessage, Body: body} }

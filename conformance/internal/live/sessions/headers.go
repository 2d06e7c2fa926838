package sessions

import (
	"fmt"

	"credence/conformance/internal/pair"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
)

// sendingChain is what the headers of the target's messages must be.
type sendingChain struct {
	*pair.Pair
	keys map[primitive.PublicKey]bool // every ratchet key so far
	key  primitive.PublicKey          // of the chain in use
	n    uint64                       // of the next message
	pn   uint64                       // the length of the chain before
}

func newSendingChain(p *pair.Pair) *sendingChain {
	return &sendingChain{Pair: p, keys: map[primitive.PublicKey]bool{}}
}

// headers checks the headers of the target's messages over turns of these lengths.
func headers(s pair.Setup, lengths ...int) func(p *pair.Pair) {
	return func(p *pair.Pair) {
		p.Open(s)
		chain := newSendingChain(p)
		if s.Role == "responder" {
			p.SendToTarget()
		}
		for _, length := range lengths {
			for i := range length {
				chain.send(i == 0)
			}
			p.SendToTarget()
		}
	}
}

// keyPerMessage wants a new ratchet key for each message of the target.
func keyPerMessage(s pair.Setup) func(p *pair.Pair) {
	s.Cadence = "per-message"
	return func(p *pair.Pair) {
		p.Open(s)
		if s.Role == "responder" {
			p.SendToTarget()
			p.SendToTarget()
		}
		chain := newSendingChain(p)
		for range 3 {
			for range 3 {
				chain.send(true)
			}
			p.SendToTarget()
			p.SendToTarget()
		}
	}
}

// send lets the target send, checks the header, and lets the peer read. newKey says that a new ratchet key is due.
func (c *sendingChain) send(newKey bool) {
	m := c.FromTarget()
	h := c.Header(m)
	if newKey {
		c.start(h)
	}
	c.check(h)
	c.n++
	c.PeerReads(m)
}

// start starts a chain with the key of a header, which must be new.
func (c *sendingChain) start(h wire.Header) {
	if c.keys[h.Key] {
		c.Violation(verdict.Mismatch, "a new turn has an old ratchet key", "a fresh ratchet key",
			fmt.Sprintf("%x", h.Key))
	}
	c.keys[h.Key] = true
	c.key, c.pn, c.n = h.Key, c.n, 0
}

// check compares a header with what is due.
func (c *sendingChain) check(h wire.Header) {
	if h.Key != c.key {
		c.Violation(verdict.Mismatch, "the ratchet key changes inside a turn", fmt.Sprintf("%x", c.key),
			fmt.Sprintf("%x", h.Key))
	}
	if h.N != c.n {
		c.Violation(verdict.Mismatch, "the number of a message differs", fmt.Sprint(c.n), fmt.Sprint(h.N))
	}
	if pn := previousLength(c.Set, c.pn); h.PN != pn {
		c.Violation(verdict.Mismatch, "pn in the header differs", fmt.Sprint(pn), fmt.Sprint(h.PN))
	}
}

// previousLength returns pn for the length of the chain before, as the set counts it (SPEC.md 2.4).
func previousLength(set *params.Set, length uint64) uint64 {
	switch {
	case set.PN == params.PNAbsent:
		return 0
	case set.PN == params.PNMinusOne && length > 0:
		return length - 1
	}
	return length
}

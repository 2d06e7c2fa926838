package adversary

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"credence/conformance/verdict"
)

// Oracle collects the derivations of a run. It is built from the specification alone: a secret is a name here, and what
// a party holds follows from SPEC.md 5 and the parameter set.
type Oracle struct {
	rules []rule
	known map[string]bool // rules that are there
	names map[PublicKey]string
	drawn int
	steps map[Term][2]string // root key of a step -> the step before, and the other key, as its sender had them
	used  map[Term]uint64    // chain, named by the root key of its step -> derivations that are there
}

// NewOracle returns an oracle that knows of nothing yet.
func NewOracle() *Oracle {
	return &Oracle{
		known: map[string]bool{}, names: map[PublicKey]string{}, steps: map[Term][2]string{},
		used: map[Term]uint64{},
	}
}

// Key returns the name of a public key.
func (o *Oracle) Key(k PublicKey) string {
	if name, ok := o.names[k]; ok {
		return name
	}
	return hex.EncodeToString(k[:])
}

// Private returns the term of the private key of k.
func (o *Oracle) Private(k PublicKey) Term { return private(o.Key(k)) }

// Closure returns what follows from the terms.
func (o *Oracle) Closure(known []Term) map[Term]bool { return closure(known, o.rules) }

func (o *Oracle) derive(to []Term, from ...Term) {
	if name := fmt.Sprint(from, to); !o.known[name] {
		o.known[name] = true
		o.rules = append(o.rules, rule{from, to})
	}
}

// Carries says that a message has secrets in its plaintext.
func (o *Oracle) Carries(messageKey Term, secrets ...Term) { o.derive(secrets, messageKey) }

// dh returns the term of a DH output, which either private key gives.
func (o *Oracle) dh(a, b string) Term {
	t := dh(a, b)
	o.derive([]Term{t}, private(a))
	o.derive([]Term{t}, private(b))
	return t
}

// start returns the derivations of SPEC.md 4.2 and 5.2 up to the first root key.
func (o *Oracle) start(s *Session) {
	if a := s.Start; a != nil {
		spk, ek := o.Key(a.SignedPrekey), o.Key(a.Ephemeral)
		from := []Term{o.dh(o.Key(a.Initiator), spk), o.dh(ek, o.Key(a.Responder)), o.dh(ek, spk)}
		if a.OneTimePrekey != nil && s.Set.SignedPrekey { // Olm's one-time key stands for the signed prekey
			from = append(from, o.dh(ek, o.Key(*a.OneTimePrekey)))
		}
		o.derive([]Term{agreed(s.Name)}, from...)
	}
	o.derive([]Term{root(s.Name, "")}, agreed(s.Name))
}

// Endpoint is one end of a session: which secrets it holds. Its methods are those of SPEC.md 5, over names.
type Endpoint struct {
	oracle  *Oracle
	session *Session
	set     *Set
	eager   bool

	partner PublicKey  // the newest key of the other side
	last    *PublicKey // the key of the newest step, if it was seen; nil is the start

	root      string   // the key whose step gave the root key; "" is the start
	own, peer string   // ratchet keys; "" is none
	former    []string // own ratchet keys before this one
	sending   bool     // there is a sending chain: of own
	sent      uint64
	chain     string // of the sending chain
	chains    []receiving
}

type receiving struct {
	key     string
	open    bool // its chain key is kept
	next    uint64
	skipped []uint64
}

// NewInitiator returns the initiator's end; first is his first ratchet key, which the set draws at the start.
func (o *Oracle) NewInitiator(s *Session, first, signedPrekey PublicKey) *Endpoint {
	o.start(s)
	e := &Endpoint{oracle: o, session: s, set: s.Set, eager: !s.Set.Lazy, own: o.Key(first)}
	switch s.Set.Start {
	case OlmStart:
		o.derive([]Term{chainKey(s.Name, e.own, 0)}, agreed(s.Name))
		e.sending, e.chain = true, e.own
		s.stepped(first, first, nil)
		return e
	case WhisperStart:
		e.chains = []receiving{{key: o.Key(signedPrekey), open: true}}
		o.derive([]Term{chainKey(s.Name, o.Key(signedPrekey), 0)}, agreed(s.Name))
	}
	e.peer, e.partner = o.Key(signedPrekey), signedPrekey
	e.step(e.own)
	e.sending, e.chain = true, e.own
	e.seen(first)
	return e
}

// NewResponder returns the responder's end before he reads the first message, of ratchet key first.
func (o *Oracle) NewResponder(s *Session, first, signedPrekey PublicKey) *Endpoint {
	o.start(s)
	e := &Endpoint{oracle: o, session: s, set: s.Set, eager: !s.Set.Lazy, own: o.Key(signedPrekey)}
	switch s.Set.Start {
	case OlmStart:
		o.derive([]Term{chainKey(s.Name, o.Key(first), 0)}, agreed(s.Name))
		e.own, e.peer, e.partner = "", o.Key(first), first
		e.chains = []receiving{{key: e.peer, open: true}}
	case WhisperStart:
		o.derive([]Term{chainKey(s.Name, e.own, 0)}, agreed(s.Name))
		e.sending, e.chain = true, e.own
	}
	return e
}

// Clone returns a copy.
func (e *Endpoint) Clone() *Endpoint {
	c := *e
	c.chains = slices.Clone(e.chains)
	for i := range c.chains {
		c.chains[i].skipped = slices.Clone(c.chains[i].skipped)
	}
	return &c
}

// step is the DH ratchet with a new key of either side.
func (e *Endpoint) step(key string) {
	other := e.peer
	if key == e.peer {
		other = e.own
	}
	name := root(e.session.Name, key)
	e.oracle.derive(
		[]Term{name, chainKey(e.session.Name, key, 0)}, root(e.session.Name, e.root), e.oracle.dh(key, other),
	)
	if _, ok := e.oracle.steps[name]; !ok {
		e.oracle.steps[name] = [2]string{e.root, other}
	}
	e.root = key
}

// follows reports whether the step of a key of the other side goes on from where this end is. Otherwise the two root
// keys differ, and so do the message keys.
func (e *Endpoint) follows(key string) bool {
	return e.oracle.steps[root(e.session.Name, key)] == [2]string{e.root, e.own}
}

// uses notes the derivations of a chain up to message n.
func (e *Endpoint) uses(key string, n uint64) Term {
	chain := root(e.session.Name, key)
	for i := e.oracle.used[chain]; i <= n; i++ {
		e.oracle.used[chain] = i + 1
		e.oracle.derive(
			[]Term{chainKey(e.session.Name, key, i+1), messageKey(e.session.Name, key, i)},
			chainKey(e.session.Name, key, i),
		)
	}
	return messageKey(e.session.Name, key, n)
}

// ErrSent is a header that no sender may give his message (AMB-RAT-07, AMB-RAT-08): the message key or the ratchet key
// is not new.
var ErrSent = errors.New("the message goes on in a way that is not safe")

// farthest is how many messages of a chain may be passed over in its derivation.
const farthest = 1 << 16

// Send is SPEC.md 5.3 for a message with this header. It returns the term of the message key. With ErrSent the end goes
// on as the header has it, unless the number is farther away than any chain gets: then there is no term, and the end
// stays where it is.
func (e *Endpoint) Send(key PublicKey, n uint64) (mk Term, err error) {
	if e.eager && e.drawnBefore() && !slices.Contains(e.former, e.oracle.Key(key)) {
		e.oracle.names[key] = e.own // the key that was drawn when receiving is seen now
		e.seen(key)
	}
	name := e.oracle.Key(key)
	due := uint64(0)
	switch {
	case slices.Contains(e.former, name), name == e.own && !e.sending:
		err = fmt.Errorf("%w: a new ratchet key is due, and key %x is an old one", ErrSent, key)
	case name == e.own:
		due = e.sent
	}
	if err == nil && n != due {
		err = fmt.Errorf("%w: number %d is due, and not %d", ErrSent, due, n)
	}
	if n > e.oracle.used[root(e.session.Name, name)]+farthest {
		return "", err // a number that somebody made up must not keep the suite busy
	}
	if name != e.own || !e.sending {
		e.draw(name)
		e.step(name)
		e.chain = name
		e.seen(key)
	}
	e.sending, e.sent = true, n+1
	return e.uses(e.chain, n), err
}

// draw takes another own ratchet key.
func (e *Endpoint) draw(name string) { e.former, e.own = append(slices.Clip(e.former), e.own), name }

// seen notes the step of an own key that travels for the first time.
func (e *Endpoint) seen(key PublicKey) {
	e.session.stepped(key, e.partner, e.last)
	e.last = &key
}

const drawnPrefix = "drawn "

// drawnBefore reports whether the own key is one that nobody has seen yet.
func (e *Endpoint) drawnBefore() bool {
	return len(e.own) > len(drawnPrefix) && e.own[:len(drawnPrefix)] == drawnPrefix && e.sent == 0
}

// Receive is SPEC.md 5.4 for a message with this header. ok tells whether the end still has the message key; the end is
// unchanged if not.
func (e *Endpoint) Receive(key PublicKey, pn, n uint64) (mk Term, ok bool) {
	next := e.Clone()
	name := e.oracle.Key(key)
	i := slices.IndexFunc(next.chains, func(c receiving) bool { return c.key == name })
	if i < 0 {
		if next.own == "" || !next.follows(name) {
			return "", false
		}
		next.newPeerKey(name, pn)
		next.partner, next.last = key, &key
		i = len(next.chains) - 1
	}
	if !next.chains[i].take(n, e.set.MaxSkip) {
		return "", false
	}
	mk = next.uses(name, n)
	next.evict()
	*e = *next
	return mk, true
}

func (e *Endpoint) newPeerKey(name string, pn uint64) {
	if e.set.ClosesChains && len(e.chains) > 0 {
		newest := &e.chains[len(e.chains)-1]
		if newest.open && newest.next < pn && pn-newest.next <= e.set.MaxSkip {
			newest.skipTo(pn)
		}
		newest.open = false
	}
	e.peer = name
	e.step(name)
	e.chains = append(e.chains, receiving{key: name, open: true})
	if !e.eager {
		e.sending = false
		return
	}
	e.oracle.drawn++
	e.draw(fmt.Sprint(drawnPrefix, e.oracle.drawn))
	e.step(e.own)
	e.chain, e.sending, e.sent = e.own, true, 0
}

func (c *receiving) skipTo(n uint64) {
	for ; c.next < n; c.next++ {
		c.skipped = append(c.skipped, c.next)
	}
}

func (c *receiving) take(n, maxSkip uint64) bool {
	if n < c.next || !c.open {
		i := slices.Index(c.skipped, n)
		if i < 0 {
			return false
		}
		c.skipped = slices.Delete(c.skipped, i, i+1)
		return true
	}
	if n-c.next > maxSkip {
		return false
	}
	c.skipTo(n)
	c.next++
	return true
}

// evict is SPEC.md 5.5.
func (e *Endpoint) evict() {
	if e.set.MaxChains > 0 && len(e.chains) > e.set.MaxChains {
		e.chains = e.chains[len(e.chains)-e.set.MaxChains:]
	}
	if e.set.StoredPerChain {
		for i := range e.chains {
			e.chains[i].dropTo(e.set.MaxStored)
		}
		return
	}
	stored := 0
	for i := len(e.chains) - 1; i >= 0; i-- {
		e.chains[i].dropTo(e.set.MaxStored - stored)
		stored += len(e.chains[i].skipped)
	}
}

// dropTo keeps the newest keys only, up to a number.
func (c *receiving) dropTo(limit int) {
	if n := len(c.skipped) - limit; n > 0 {
		c.skipped = c.skipped[n:]
	}
}

// Holds returns the secrets that the end has.
func (e *Endpoint) Holds() []Term {
	s := e.session.Name
	terms := []Term{root(s, e.root)}
	if e.own != "" {
		terms = append(terms, private(e.own))
	}
	if e.sending {
		terms = append(terms, chainKey(s, e.chain, e.sent))
	}
	for _, c := range e.chains {
		if c.open {
			terms = append(terms, chainKey(s, c.key, c.next))
		}
		for _, n := range c.skipped {
			terms = append(terms, messageKey(s, c.key, n))
		}
	}
	return terms
}

// Key names a secret as it is seen over time: the chain key of a chain is one, however far it has moved.
type Key struct {
	Kind verdict.KeyKind
	Name string
}

// Keys returns what Holds gives, by kind.
func (e *Endpoint) Keys() []Key {
	of := func(kind verdict.KeyKind, name any) Key { return Key{kind, fmt.Sprint(e.session.Name, " ", name)} }
	keys := []Key{of(verdict.RootKey, e.root)}
	if e.own != "" {
		keys = append(keys, of(verdict.RatchetKey, e.own))
	}
	if e.sending {
		keys = append(keys, of(verdict.ChainKey, e.chain))
	}
	for _, c := range e.chains {
		if c.open {
			keys = append(keys, of(verdict.ChainKey, c.key))
		}
		for _, n := range c.skipped {
			keys = append(keys, of(verdict.MessageKey, messageKey(e.session.Name, c.key, n)))
		}
	}
	return keys
}

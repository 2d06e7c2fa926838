package adversary

import (
	"crypto/ecdh"
	"fmt"
	"maps"
	"slices"

	"filippo.io/edwards25519"
)

// Attacker reads what he can from copies of states and the traffic of a trace. What he has found out of a window is
// kept, so that many copies of much the same state cost little more than one.
type Attacker struct {
	trace   *Trace
	publics map[window]PublicKey // of every window, taken as a private key
	tried   map[window]int       // messages that were tried with the window as message key and chain key
	found   map[window][]discovery
	rooted  map[rootTry]bool // windows that were tried as the root key before a step -> whether they are
	room    []byte           // for plaintexts of trials
}

// usual is a number of bytes that most plaintexts have room in.
const usual = 4 << 10

func (a *Attacker) newOpener(mk []byte) *opener { return &opener{mk: mk, room: a.room} }

// discovery is what a window turned out to be: the key of a message, or the chain key before it.
type discovery struct {
	message *Message
	chain   bool
	number  uint64 // of the chain key
}

// NewAttacker returns an attacker who sees a trace, also what is added to it later.
func NewAttacker(t *Trace) *Attacker {
	return &Attacker{
		trace: t, publics: map[window]PublicKey{}, tried: map[window]int{}, found: map[window][]discovery{},
		rooted: map[rootTry]bool{}, room: make([]byte, 0, usual),
	}
}

// Reading is a message that was read, and how.
type Reading struct {
	Message *Message
	How     string
}

// chainID names a chain: a step of a session, or its start.
type chainID struct {
	session *Session
	key     PublicKey
}

type position struct {
	number uint64
	key    []byte
	how    string
}

// raid is one attack: what is known so far.
type raid struct {
	*Attacker
	windows  []window
	fresh    []window // windows that have not been looked at
	privates map[PublicKey]*ecdh.PrivateKey
	secrets  map[*Session][]byte
	roots    map[chainID][]byte // after the step of the key
	chains   map[chainID]position
	read     map[*Message]string
	changed  bool
}

type rootTry struct {
	w window
	c chainID
}

// Read returns what copies of states let the attacker read of everything that has travelled, before or after they were
// made, and the public keys whose private keys he has found.
func (a *Attacker) Read(copies ...[]byte) (readings []Reading, keys []PublicKey) {
	r := &raid{
		Attacker: a, privates: map[PublicKey]*ecdh.PrivateKey{}, secrets: map[*Session][]byte{},
		roots:  map[chainID][]byte{},
		chains: map[chainID]position{}, read: map[*Message]string{},
	}
	for _, c := range copies {
		r.fresh = append(r.fresh, windows(c)...)
	}
	for r.changed = true; r.changed; {
		r.changed = false
		r.lookAtWindows()
		for _, s := range a.trace.Sessions {
			r.agree(s)
			r.steps(s)
		}
		r.openChains()
	}
	for _, m := range a.trace.Messages {
		if how, ok := r.read[m]; ok {
			readings = append(readings, Reading{m, how})
		}
	}
	keys = slices.SortedFunc(
		maps.Keys(r.privates), func(a, b PublicKey) int { return slices.Compare(a[:], b[:]) },
	)
	return readings, keys
}

// lookAtWindows takes every new window as a private key, a message key and a chain key.
func (r *raid) lookAtWindows() {
	fresh := r.fresh
	r.fresh = nil
	r.windows = append(r.windows, fresh...)
	for _, w := range fresh {
		if public := r.public(w); r.trace.Publics[public] && r.privates[public] == nil {
			r.privates[public], r.changed = privateKey(w), true
		}
		r.try(w)
		for _, d := range r.found[w] {
			if d.chain {
				r.knowChain(
					chainID{d.message.Session, d.message.Header.Key},
					position{d.number, w[:], fmt.Sprintf("chain key %d of the chain is in the copy", d.number)},
				)
			} else {
				r.opened(d.message, w[:], "its message key is in the copy")
			}
		}
	}
}

// public returns the public key of a window. On the Edwards curve, whose base point has tables, that is much cheaper
// than by X25519.
func (a *Attacker) public(w window) PublicKey {
	p, ok := a.publics[w]
	if !ok {
		scalar, err := new(edwards25519.Scalar).SetBytesWithClamping(w[:])
		if err != nil {
			panic(err) // only a wrong length fails
		}
		p = PublicKey(new(edwards25519.Point).ScalarBaseMult(scalar).BytesMontgomery())
		a.publics[w] = p
	}
	return p
}

// try takes a window as the message key of every message, and as a chain key before it. A chain key opens every message
// after it, so that the last one of each chain is enough.
func (a *Attacker) try(w window) {
	messages := a.trace.Messages
	from := a.tried[w]
	a.tried[w] = len(messages)
	last := map[chainID]*Message{}
	self := a.newOpener(w[:])
	for _, m := range messages[from:] {
		if _, ok := self.opens(m); ok {
			a.found[w] = append(a.found[w], discovery{message: m})
		}
		id := chainID{m.Session, m.Header.Key}
		if l := last[id]; l == nil || m.Header.N > l.Header.N {
			last[id] = m
		}
	}
	var mks []*opener // the message keys that follow if w is a chain key
	ck := w[:]
	for _, m := range last {
		for i := uint64(0); i <= min(m.Header.N, maxSteps); i++ {
			if uint64(len(mks)) <= i {
				var mk []byte
				ck, mk = nextChain(ck)
				mks = append(mks, a.newOpener(mk))
			}
			if _, ok := mks[i].opens(m); ok {
				a.found[w] = append(a.found[w], discovery{m, true, m.Header.N - i})
				break
			}
		}
	}
}

// maxSteps bounds how far a chain key is followed.
const maxSteps = 100

func (r *raid) opened(m *Message, mk []byte, how string) {
	if _, ok := r.read[m]; ok {
		return
	}
	plaintext, ok := r.newOpener(mk).opens(m)
	if !ok {
		return
	}
	r.read[m], r.changed = how, true
	r.fresh = append(r.fresh, windows(plaintext)...)
}

func (r *raid) knowChain(id chainID, p position) {
	if old, ok := r.chains[id]; ok && old.number <= p.number {
		return
	}
	r.chains[id], r.changed = p, true
}

// openChains opens every message of the chains that are known.
func (r *raid) openChains() {
	for _, m := range r.trace.Messages {
		p, ok := r.chains[chainID{m.Session, m.Header.Key}]
		if _, done := r.read[m]; done || !ok || m.Header.N < p.number || m.Header.N-p.number > maxSteps*10 {
			continue
		}
		ck := p.key
		var mk []byte
		for range m.Header.N - p.number + 1 {
			ck, mk = nextChain(ck)
		}
		r.opened(m, mk, p.how)
	}
}

// dh returns a DH output if one of the private keys is known.
func (r *raid) dh(a, b PublicKey) []byte {
	if r.privates[a] == nil {
		a, b = b, a
	}
	if r.privates[a] == nil {
		return nil
	}
	return exchange(r.privates[a], b)
}

// agree computes the secret of a session from known private keys (SPEC.md 4.2), and the first root key and chain.
func (r *raid) agree(s *Session) {
	a := s.Start
	if a == nil || r.secrets[s] != nil {
		return
	}
	pairs := [][2]PublicKey{
		{a.Initiator, a.SignedPrekey}, {a.Ephemeral, a.Responder}, {a.Ephemeral, a.SignedPrekey},
	}
	if a.OneTimePrekey != nil && s.Set.SignedPrekey {
		pairs = append(pairs, [2]PublicKey{a.Ephemeral, *a.OneTimePrekey})
	}
	var outputs [][]byte
	for _, p := range pairs {
		out := r.dh(p[0], p[1])
		if out == nil {
			return
		}
		outputs = append(outputs, out)
	}
	secret := s.Set.agreement(outputs...)
	r.secrets[s], r.changed = secret, true
	r.roots[chainID{session: s}] = secret[:32]
	if s.Set.Start == OlmStart && len(s.Steps) > 0 {
		r.knowChain(
			chainID{s, s.Steps[0].Key}, position{0, secret[32:], "the agreement follows from private keys in the copy"},
		)
	}
}

// steps makes the DH ratchet steps whose DH output is known: from the root key before it if that is known, otherwise
// from every window.
func (r *raid) steps(s *Session) {
	for i, step := range s.Steps {
		if i == 0 && s.Set.Start == OlmStart {
			continue // the first chain comes from the agreement
		}
		id := chainID{s, step.Key}
		if _, ok := r.roots[id]; ok {
			continue
		}
		out := r.dh(step.Key, step.Partner)
		if out == nil {
			continue
		}
		before := chainID{session: s}
		if step.Previous != nil {
			before.key = *step.Previous
		}
		if rk, ok := r.roots[before]; ok {
			var ck []byte
			r.roots[id], ck = s.Set.nextRoot(rk, out)
			r.knowChain(id, position{0, ck, "root key and a private ratchet key are known"})
			r.changed = true
			continue
		}
		r.guessRoot(id, out)
	}
}

// guessRoot takes every window as the root key before a step.
func (r *raid) guessRoot(id chainID, out []byte) {
	var first *Message
	for _, m := range r.trace.Messages {
		if m.Session == id.session && m.Header.Key == id.key && (first == nil || m.Header.N < first.Header.N) {
			first = m
		}
	}
	if first == nil || first.Header.N > maxSteps {
		return
	}
	for _, w := range r.windows {
		isRoot, tried := r.rooted[rootTry{w, id}]
		if tried && !isRoot {
			continue
		}
		rk, start := id.session.Set.nextRoot(w[:], out)
		if !tried {
			isRoot = r.opensAfter(start, first)
			r.rooted[rootTry{w, id}] = isRoot
		}
		if isRoot {
			r.roots[id], r.changed = rk, true
			r.knowChain(id, position{0, start, "the root key is in the copy and a private ratchet key is known"})
			return
		}
	}
}

// opensAfter reports whether a chain that starts with ck has the key of a message.
func (a *Attacker) opensAfter(ck []byte, m *Message) bool {
	var mk []byte
	for range m.Header.N + 1 {
		ck, mk = nextChain(ck)
	}
	_, ok := a.newOpener(mk).opens(m)
	return ok
}

package conformance

import (
	"encoding/hex"
	"strings"

	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/shim"
	"credence/spec/refusal"
)

// liveForgeries are the tests of profile ratchet in which somebody lies.
func liveForgeries(set *params.Set) []testCase {
	test := func(name, comment string, requirements []string, run func(l *live) error) testCase {
		return liveCase("ratchet", set, name, comment, requirements, needsSession, run)
	}
	cases := []testCase{
		test("forged-chain", "every change of a message of the running chain is refused; the genuine one is read then", []string{"AMB-RAT-15", "AMB-CNV-01"},
			forged(responds, func(l *live) (mail, error) { return l.fromPeer() })),
		test("forged-turn", "every change of a message under a new ratchet key is refused; the genuine one is read then, and the peer reads the target's next message", []string{"AMB-RAT-15", "AMB-RAT-17", "AMB-CNV-01"},
			forged(responds, afterTurn)),
		test("forged-turn-initiator", "the same, as initiator", []string{"AMB-RAT-15", "AMB-RAT-17", "AMB-CNV-01"}, forged(initiates, afterTurn)),
		test("forged-skipped", "every change of a skipped message of the running chain is refused; the genuine one is read then", []string{"AMB-RAT-15", "AMB-RAT-18", "AMB-CNV-01"},
			forged(responds, skipped)),
		test("forged-late", "every change of a late message of an earlier chain is refused; the genuine one is read then", []string{"AMB-RAT-15", "AMB-RAT-18", "AMB-CNV-01"},
			forged(responds, lateOfEarlierChain)),
		test("forged-new-key", "forgeries under a fresh ratchet key; the conversation goes on", []string{"AMB-RAT-17", "AMB-CNV-01"}, forgesNewKey),
		test("far-number", "forged numbers up to 2^32 - 1 are refused", []string{"AMB-RAT-20"}, forgesFarNumbers),
		test("no-plaintext", "the refusal of a forged message tells nothing of the plaintext", []string{"AMB-CNV-02"}, tellsNothing),
		test("reflected", "a message of the target comes back to it", []string{"AMB-SES-06"}, reflects),
		test("low-order-ratchet-key", "a malicious peer's ratchet keys of low order are refused", []string{"AMB-KEY-01"}, lowOrderRatchetKeys),
	}
	if set.ClosesChains {
		cases = append(cases, test("closed-chain", "a malicious peer goes on with a chain that it has closed", []string{"AMB-RAT-13"}, goesOnWithClosedChain))
	}
	if set == params.SignalV3 || set == params.OlmV1 {
		cases = append(cases, test("bad-padding", "a malicious peer's message with a right tag and wrong padding", []string{"AMB-AEA-02"}, padsBadly))
	}
	return cases
}

// forged gives the target every mutation of a genuine message, then the genuine one.
func forged(s setup, genuine func(l *live) (mail, error)) func(l *live) error {
	return func(l *live) error {
		if err := l.opened(s); err != nil {
			return err
		}
		m, err := genuine(l)
		if err != nil {
			return err
		}
		for _, mutation := range malicious.Mutations(l.set, m.envelope.Body) {
			if err := l.refuses(raw(mutation.Message), ""); err != nil {
				return err
			}
		}
		return first(func() error { return l.read(m) }, l.sendToPeer, l.sendToTarget)
	}
}

// afterTurn is a message under a new ratchet key.
func afterTurn(l *live) (mail, error) {
	if err := l.sendToPeer(); err != nil {
		return mail{}, err
	}
	return l.fromPeer()
}

func skipped(l *live) (mail, error) {
	m, err := l.fromPeer()
	if err != nil {
		return m, err
	}
	return m, l.sendToTarget()
}

func lateOfEarlierChain(l *live) (mail, error) {
	m, err := skipped(l)
	if err != nil {
		return m, err
	}
	return m, l.turns(1)
}

// forgesNewKey lets a stranger send well-formed messages under ratchet keys of his own.
func forgesNewKey(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	for range 3 {
		k, err := primitive.GeneratePrivate(l.random)
		if err != nil {
			return err
		}
		mk := make([]byte, primitive.KeySize)
		l.random.Read(mk)
		message := wire.Seal(l.set, mk, nil, wire.Header{Key: primitive.Public(k)}, []byte("from a stranger"))
		if err := l.refuses(raw(message), ""); err != nil {
			return err
		}
		if err := l.turns(1); err != nil {
			return err
		}
	}
	return nil
}

func forgesFarNumbers(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	m, err := l.fromPeer()
	if err != nil {
		return err
	}
	for _, n := range []uint32{1 << 20, 1<<31 - 1, 1 << 31, 1<<32 - 2, 1<<32 - 1} {
		if err := l.refuses(raw(malicious.SetNumber(l.set, m.envelope.Body, n)), refusal.SkipLimit); err != nil {
			return err
		}
	}
	return first(func() error { return l.read(m) }, func() error { return l.turns(1) })
}

// tellsNothing looks for the plaintext in the refusal of a message whose tag is wrong.
func tellsNothing(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	plaintext := []byte("q7Zk-x0Wd-Hs93-vTbn-51Lc-Rm8e-Jy2g-Uf6p-aK4o-Ei1t")
	e, err := l.peer.Encrypt(targetName, plaintext, l.random)
	if err != nil {
		return err
	}
	e.Body[len(e.Body)-1] ^= 1
	_, err = l.call(shim.SessionDecrypt, shim.Params{Party: targetName, Peer: peerName, Envelope: raw(e.Body)})
	if err == nil {
		return l.fail(AcceptedInvalid, "a message with a wrong tag must be refused", "rejected", "a result")
	}
	said := err.Error()
	for at := 0; at+8 <= len(plaintext); at++ {
		part := plaintext[at : at+8]
		if strings.Contains(said, string(part)) || strings.Contains(strings.ToLower(said), hex.EncodeToString(part)) {
			return l.fail(Mismatch, "the refusal holds plaintext", "no plaintext", said)
		}
	}
	return nil
}

func reflects(l *live) error {
	if err := l.opened(initiates); err != nil {
		return err
	}
	own, err := l.fromTarget()
	if err != nil {
		return err
	}
	return first(func() error { return l.refuses(raw(own.envelope.Body), "") }, func() error { return l.peerReads(own) }, l.sendToTarget)
}

func lowOrderRatchetKeys(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	before, err := l.peerState()
	if err != nil {
		return err
	}
	answer, err := l.fromTarget()
	if err != nil {
		return err
	}
	h, err := l.header(answer)
	if err != nil {
		return err
	}
	if h.Key == *before.DHr { // the target is still in the turn that the peer has read
		return l.fail(Mismatch, "no new ratchet key after a turn", "a fresh ratchet key", hex.EncodeToString(h.Key[:]))
	}
	if err := l.peerReads(answer); err != nil {
		return err
	}
	for _, u := range malicious.LowOrderKeys(l.set) {
		message, err := malicious.NewChain(before, h.Key, u, make([]byte, primitive.KeySize), []byte("evil"))
		if err != nil {
			return err
		}
		if err := l.refuses(raw(message), refusal.LowOrderKey); err != nil {
			return err
		}
	}
	return first(l.sendToTarget, l.sendToPeer)
}

func goesOnWithClosedChain(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	old, err := l.peerState()
	if err != nil {
		return err
	}
	if err := l.turns(1); err != nil {
		return err
	}
	beyond, err := old.Encrypt(l.random, []byte("beyond pn"))
	if err != nil {
		return err
	}
	return first(func() error { return l.refuses(raw(beyond), "") }, l.sendToTarget, l.sendToPeer)
}

func padsBadly(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	state, err := l.peerState()
	if err != nil {
		return err
	}
	bad, err := malicious.Rewrapped(state, []byte("padded"), func(p *wire.Parts, keys primitive.CBCKeys) {
		p.Set("ciphertext", malicious.EncryptBlock(keys, "padding of 17\x11\x11\x11"))
	})
	if err != nil {
		return err
	}
	return first(func() error { return l.refuses(raw(bad), refusal.Authentication) }, l.sendToTarget, l.sendToPeer)
}

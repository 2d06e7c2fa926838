package sessions

import (
	"crypto/ecdh"
	"fmt"
	"math"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/shim"
	"credence/spec/refusal"
)

// needsLoad is a ratchet state that is given from outside.
func needsLoad(h suite.Hello) string { return suite.Lacks(h.Offers(shim.SessionLoad), "session.load") }

// largeNumbers loads sessions in which the initiator's running chain and the responder's chain before have n messages.
func largeNumbers(p *pair.Pair) (trials []suite.Trial) {
	for _, n := range []uint64{254, 255, 256, 65534, 65535, 65536, 1<<24 - 1, 1<<31 - 1, 1 << 31, 1<<32 - 3} {
		trials = append(trials,
			suite.Trial{Name: fmt.Sprint("initiator after ", n, " messages"), Try: func() { sendsFrom(p, n) }},
			suite.Trial{Name: fmt.Sprint("responder after ", n, " messages"), Try: func() { readsFrom(p, n) }},
		)
	}
	return trials
}

// sendsFrom lets the target go on with a chain of n messages, and take a turn.
func sendsFrom(p *pair.Pair, n uint64) {
	initiator, responder := statesAfter(p, n)
	load(p, initiator, responder)
	for i := range uint64(2) {
		sendsNumber(p, n+i, initiator.PN)
	}
	if n+2 == math.MaxUint32 {
		p.Refuse(refusal.Exhausted, shim.SessionEncrypt,
			shim.Params{Party: pair.Target, Peer: pair.Peer, Plaintext: []byte("too many")}) // AMB-RAT-09
	}
	p.SendToTarget()
	sendsNumber(p, 0, n+2)
}

// readsFrom lets the target read on in a chain of n messages, and take turns with the peer.
func readsFrom(p *pair.Pair, n uint64) {
	initiator, responder := statesAfter(p, n)
	load(p, responder, initiator)
	p.SendToTarget()
	lost := p.FromPeer()
	sendsNumber(p, 0, n)
	p.SendToTarget() // ends the chain, of which a message is missing
	p.Read(lost)
	p.Turns(1)
}

// sendsNumber lets the target send a message with this number, after a chain of this length.
func sendsNumber(p *pair.Pair, n, previous uint64) {
	m := p.FromTarget()
	if h, pn := p.Header(m), previousLength(p.Set, previous); h.N != n || h.PN != pn {
		p.Violation(verdict.Mismatch, "number or previous length of a message differ", fmt.Sprint(n, ", ", pn),
			fmt.Sprint(h.N, ", ", h.PN))
	}
	p.PeerReads(m)
}

// load gives the target one end of a session, and the peer the other one.
func load(p *pair.Pair, target, peer *ratchet.State) {
	p.Reset()
	p.NewPeer(pair.Initiates)
	p.NoFault(p.Peer.Start(pair.Target, peer))
	p.Must(shim.SessionLoad,
		shim.Params{Set: p.Set.Name, Party: pair.Target, Peer: pair.Peer, State: target.Marshal()})
	p.Started = true
}

// statesAfter returns both ends of a session after a message of each side, and of the initiator again. The numbers say
// that the initiator has sent n messages in the running chain, and each side n in the one before.
func statesAfter(p *pair.Pair, n uint64) (initiator, responder *ratchet.State) {
	var keys [2]*ecdh.PrivateKey
	for i := range keys {
		var err error
		keys[i], err = primitive.GeneratePrivate(p.Random)
		p.NoFault(err)
	}
	secret, ad := make([]byte, p.Set.AgreementSize), p.AssociatedData()
	p.Random.Read(secret)
	initiator, err := ratchet.StartInitiator(p.Set, secret, ad, keys[0], primitive.Public(keys[1]))
	p.NoFault(err)
	responder, err = ratchet.StartResponder(p.Set, secret, ad, keys[1], primitive.Public(keys[0]))
	p.NoFault(err)
	for _, ends := range [][2]*ratchet.State{{initiator, responder}, {responder, initiator}, {initiator, responder}} {
		message, err := ends[0].Encrypt(p.Random, nil)
		p.NoFault(err)
		_, err = ends[1].Decrypt(p.Random, message)
		p.NoFault(err)
	}
	initiator.Ns, initiator.PN = n, n
	initiator.Chains[len(initiator.Chains)-1].N = n
	responder.Chains[len(responder.Chains)-1].N = n
	if p.Set.Lazy {
		responder.Ns = n
	} else { // the next chain has begun
		responder.PN = n
	}
	return initiator, responder
}

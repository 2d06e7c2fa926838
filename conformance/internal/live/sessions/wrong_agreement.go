package sessions

import (
	"bytes"
	"fmt"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/primitive"
	"credence/reference/session"
	"credence/reference/x3dh"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
)

// withoutDH4 returns a bundle of the same prekeys, but for the one-time prekey.
func withoutDH4(b x3dh.Bundle) x3dh.Bundle {
	b.OneTimePrekey, b.OneTimePrekeyID = nil, 0
	return b
}

// wrongIDs are ids of prekeys that are not held, each close to one that is in a part of its bytes.
func wrongIDs(held uint32) []uint32 {
	return []uint32{held + 7, held + 1<<8, held + 1<<16, held + 1<<24, held | 1<<31, 1<<32 - 1}
}

// wrongPrekeys names prekeys that are not held, around an agreement that would do for whoever takes the wrong prekey or
// goes on without one (AMB-X3D-09).
func wrongPrekeys(p *pair.Pair) (trials []suite.Trial) {
	p.Open(pair.Responds)
	b := p.Bundle
	try := func(name string, agreed x3dh.Bundle, change func(named *x3dh.Bundle)) {
		named := p.Bundle
		change(&named)
		evil := fromMalicious(p, malicious.Keys{Named: &named}, agreed)
		trials = append(trials, p.Refusal(name, evil, refusal.UnknownPrekey))
	}
	for _, id := range wrongIDs(b.SignedPrekeyID) {
		if p.Set.SignedPrekey {
			try(fmt.Sprint("signed prekey ", id), b, func(named *x3dh.Bundle) { named.SignedPrekeyID = id })
		}
	}
	if p.Set.OneTimePrekeyByKey {
		for _, at := range []int{0, 16, 31} {
			try(fmt.Sprint("another one-time key, in byte ", at), b, func(named *x3dh.Bundle) {
				named.OneTimePrekey = bytes.Clone(named.OneTimePrekey)
				named.OneTimePrekey[at] ^= 1
			})
		}
		return append(trials, goesOn(p, p.FromPeer()))
	}
	ids := wrongIDs(b.OneTimePrekeyID)
	if p.Set.OneTimePrekeyRequired {
		ids = append(ids, 0)
	}
	for _, id := range ids {
		named := func(named *x3dh.Bundle) { named.OneTimePrekeyID = id }
		try(fmt.Sprint("one-time prekey ", id, " with DH4"), b, named)
		try(fmt.Sprint("one-time prekey ", id, " without DH4"), withoutDH4(b), named)
	}
	return append(trials, goesOn(p, p.FromPeer()))
}

// wrongDH4 has an agreement that is not the one of the prekeys that the message names (AMB-X3D-06).
func wrongDH4(p *pair.Pair) []suite.Trial {
	p.Open(pair.Responds)
	without := withoutDH4(p.Bundle)
	trial := func(name string, named, agreed x3dh.Bundle) suite.Trial {
		return p.Refusal(name, fromMalicious(p, malicious.Keys{Named: &named}, agreed), refusal.Authentication)
	}
	return []suite.Trial{
		trial("named, and without DH4", p.Bundle, without),
		trial("not named, and with DH4", without, p.Bundle),
		goesOn(p, p.FromPeer()),
	}
}

// manyPrekeys gives the target more one-time prekeys than a byte can number. Each of some is used, out of order, and is
// used up then, and no other (AMB-X3D-10, AMB-X3D-12).
func manyPrekeys(happens between) func(p *pair.Pair) {
	const count = 258
	return triesAll(func(p *pair.Pair) (trials []suite.Trial) {
		p.NewPeer(pair.Responds)
		var privates []shim.Bytes
		var publics [][]byte
		for range count {
			k, err := primitive.GeneratePrivate(p.Random)
			p.NoFault(err)
			privates, publics = append(privates, k.Bytes()), append(publics, p.Set.Encode(primitive.Public(k)))
		}
		p.Bundle = p.NewPartyWith(pair.Target, shim.Params{OneTimePrekeys: privates})
		p.InitiateBy(p.Peer, p.Bundle) // a bundle that nobody can start from is the target's fault
		use := func(id uint32) *shim.Message {
			b := p.Bundle
			b.OneTimePrekey = publics[id-1]
			if !p.Set.OneTimePrekeyByKey {
				b.OneTimePrekeyID = id
			}
			return fromMalicious(p, malicious.Keys{}, b)
		}
		for _, id := range []uint32{256, 2, 257, 1, 258, 255} {
			first, second := use(id), use(id)
			trials = append(trials, suite.Trial{Name: fmt.Sprint("prekey ", id), Try: func() {
				p.ReadFrom(fmt.Sprint("peer-", id), shim.SessionRespond,
					pair.Mail{Envelope: first, Plaintext: []byte("evil")})
				happens(p)
				refuseInitial(p, fmt.Sprint("again-", id), second)
			}})
		}
		return trials
	})
}

// prekeyIDs lets the target start from bundles whose prekeys have ids that do not fit into fewer bytes, or whose lower
// bytes are 0.
func prekeyIDs(p *pair.Pair) (trials []suite.Trial) {
	p.NewTarget(0, "")
	for _, id := range []uint32{1, 255, 256, 65535, 65536, 1 << 24, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
		for _, ids := range []struct {
			name            string
			signed, oneTime uint32
		}{{"signed prekey ", id, 1}, {"one-time prekey ", 1, id}} {
			name := fmt.Sprint(ids.name, id)
			trials = append(trials, suite.Trial{Name: name, Try: func() {
				peer, err := session.New(p.Set, session.Options{
					OneTimePrekeys: 1, SignedPrekeyID: ids.signed, OneTimePrekeyID: ids.oneTime,
				}, p.Random)
				p.NoFault(err)
				startsWith(p, name, peer)
			}})
		}
	}
	return trials
}

// startsWith lets the target start a session with a new peer and read the answer.
func startsWith(p *pair.Pair, name string, peer *session.Party) {
	b := peer.Bundle()
	p.Must(shim.SessionInitiate, shim.Params{Party: pair.Target, Peer: name, Bundle: adapter.ToShim(b)})
	m := p.FromTargetTo(name, []byte("to "+name))
	initial := p.Initial(m.Envelope)
	want := fmt.Sprint(b.SignedPrekeyID, b.OneTimePrekeyID, p.RegistrationID())
	if got := fmt.Sprint(initial.SignedPrekeyID, initial.OneTimePrekeyID, initial.RegistrationID); got != want {
		p.Violation(verdict.Mismatch, "prekey ids and registration id of an initial message", want, got)
	}
	p.ReadFrom(name, shim.SessionDecrypt, answer(p, name, peer, m))
}

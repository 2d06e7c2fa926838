package sessions

import (
	"fmt"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/internal/malicious"
	"credence/reference/primitive"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// between is what happens to the target in the middle of a test.
type between func(p *pair.Pair)

// The target goes on, or it restarts.
var (
	stays    between = func(*pair.Pair) {}
	restarts between = restart
)

// oftenAgain is how often what must be refused comes again.
const oftenAgain = 10

// oneTimePrekeyReuse lets others use a one-time prekey after it was used: with DH4, as who had the bundle too, and
// without it, for whoever has no key under the id any more and goes on (AMB-X3D-12).
func oneTimePrekeyReuse(happens between) func(p *pair.Pair) {
	return triesAll(func(p *pair.Pair) (trials []suite.Trial) {
		p.Open(pair.Responds)
		p.SendToTarget()
		happens(p)
		for i := range oftenAgain {
			agreed, how := p.Bundle, " with DH4"
			if i%2 == 1 && p.Set.SignedPrekey {
				agreed, how = withoutDH4(p.Bundle), " without DH4"
			}
			evil := fromMalicious(p, malicious.Keys{Named: &p.Bundle}, agreed)
			peer := []string{"second", pair.Peer}[i/2%2]
			trials = append(trials, suite.Trial{Name: fmt.Sprint("use ", i+2, " by ", peer, how), Try: func() {
				refuseInitial(p, peer, evil)
				happens(p)
			}})
		}
		return append(trials, suite.Trial{Name: "the first session", Try: p.SendToPeer})
	})
}

// refuseInitial wants the target to refuse a session with a peer of that name.
func refuseInitial(p *pair.Pair, peer string, e *shim.Message) {
	p.RefuseUnchanged("", shim.SessionRespond, shim.Params{Party: pair.Target, Peer: peer, Envelope: e})
}

// initialReplay brings the first message to the target again and again, to start a session with a peer of that name.
func initialReplay(s pair.Setup, peer string, happens between) func(p *pair.Pair) {
	return triesAll(func(p *pair.Pair) (trials []suite.Trial) {
		p.Open(s)
		m := p.FromPeer()
		p.Read(m)
		happens(p)
		for i := range oftenAgain {
			trials = append(trials, suite.Trial{Name: fmt.Sprint("time ", i+2), Try: func() {
				refuseInitial(p, peer, m.Envelope) // AMB-X3D-13
				happens(p)
			}})
		}
		return append(trials, goesOn(p, p.FromPeer()))
	})
}

// initialReplays lets peers start sessions, more than a byte can count, and then brings first messages once more.
func initialReplays(happens between) func(p *pair.Pair) {
	const peers = 260
	return triesAll(func(p *pair.Pair) (trials []suite.Trial) {
		p.Open(noOneTimePrekey)
		var mails []pair.Mail
		for i := range peers {
			if i > 0 {
				p.NewPeer(pair.Setup{NoOneTimePrekey: true})
				p.InitiateBy(p.Peer, p.Bundle)
			}
			m := p.FromPeer()
			p.ReadFrom(fmt.Sprint("peer-", i), shim.SessionRespond, m)
			mails = append(mails, m)
		}
		happens(p)
		for _, i := range []int{0, 1, 3, 4, 5, 31, 32, 127, 128, peers - 257, peers - 256, peers - 2, peers - 1} {
			trials = append(trials, suite.Trial{Name: fmt.Sprint("first message of peer ", i), Try: func() {
				refuseInitial(p, fmt.Sprint("again-", i), mails[i].Envelope) // AMB-X3D-13
			}})
		}
		return trials
	})
}

// signedAgain lets the target start a session from a good bundle, and brings bundles of the same owner with the same
// ids and a signature or a key that is changed, at once, again and after a refusal (AMB-X3D-02).
func signedAgain(happens between) func(p *pair.Pair) {
	return triesAll(func(p *pair.Pair) (trials []suite.Trial) {
		p.NewPeer(pair.Initiates)
		p.NewTarget(0, "")
		good := p.Peer.Bundle()
		p.Must(shim.SessionInitiate, shim.Params{Party: pair.Target, Peer: pair.Peer, Bundle: adapter.ToShim(good)})
		p.Started = true
		p.PeerReads(p.FromTarget())
		p.SendToTarget()
		happens(p)
		other, err := primitive.GeneratePrivate(p.Random)
		p.NoFault(err)
		for i := range oftenAgain {
			b, how := good, "signature"
			b.Signature = flipped(good.Signature, 8*i)
			if i%2 == 1 {
				b, how = good, "key"
				b.SignedPrekey = p.Set.Encode(primitive.Public(other))
			}
			peer := []string{pair.Peer, "another"}[i/2%2]
			name := fmt.Sprint("time ", i+2, ", another ", how, ", as ", peer)
			trials = append(trials, suite.Trial{Name: name, Try: func() {
				refusesBundle(p, peer, b)
				happens(p)
			}})
		}
		return append(trials, goesOn(p, p.FromPeer()))
	})
}

package sessions

import (
	"fmt"

	"credence/conformance/internal/pair"
	"credence/reference/session"
	"credence/shim"
)

// between is what happens to the target in the middle of a test.
type between func(p *pair.Pair)

// The target goes on, or it restarts.
var (
	stays    between = func(*pair.Pair) {}
	restarts between = restart
)

// oneTimePrekeyReuse lets two initiators use one one-time prekey.
func oneTimePrekeyReuse(happens between) func(p *pair.Pair) {
	return func(p *pair.Pair) {
		p.Open(pair.Responds)
		other, err := session.New(p.Set, session.Options{}, p.Random)
		p.NoFault(err)
		p.InitiateBy(other, p.Bundle)
		second, err := other.Encrypt(pair.Target, []byte("second"), p.Random)
		p.NoFault(err)
		p.SendToTarget()
		happens(p)
		refuseInitial(p, "second", &shim.Message{Kind: shim.InitialMessage, Body: second.Body}) // AMB-X3D-12
		p.SendToPeer()
	}
}

// refuseInitial wants the target to refuse a session with a peer of that name.
func refuseInitial(p *pair.Pair, peer string, e *shim.Message) {
	p.RefuseUnchanged("", shim.SessionRespond, shim.Params{Party: pair.Target, Peer: peer, Envelope: e})
}

// initialReplay brings the first message to the target again, to start a session with a peer of that name.
func initialReplay(s pair.Setup, peer string, happens between) func(p *pair.Pair) {
	return func(p *pair.Pair) {
		p.Open(s)
		m := p.FromPeer()
		p.Read(m)
		happens(p)
		refuseInitial(p, peer, m.Envelope) // AMB-X3D-13
		p.SendToPeer()
		p.SendToTarget()
	}
}

// initialReplays lets three peers start sessions, and then brings each first message once more.
func initialReplays(p *pair.Pair) {
	p.Open(noOneTimePrekey)
	var mails []pair.Mail
	for i := range 3 {
		if i > 0 {
			p.NewPeer(pair.Setup{NoOneTimePrekey: true})
			p.InitiateBy(p.Peer, p.Bundle)
		}
		m := p.FromPeer()
		p.ReadFrom(fmt.Sprint("peer-", i), shim.SessionRespond, m)
		mails = append(mails, m)
	}
	for i, m := range mails {
		refuseInitial(p, fmt.Sprint("again-", i), m.Envelope) // AMB-X3D-13
	}
}

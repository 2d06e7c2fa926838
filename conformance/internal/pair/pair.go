// Package pair is the stage of the live tests of sessions: one party of the target, and the reference as its peer.
package pair

import (
	"fmt"
	"io"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/params"
	"credence/reference/session"
	"credence/reference/x3dh"
	"credence/shim"
)

// The names of the two parties.
const (
	Target = "target"
	Peer   = "peer"
)

// Pair is a party of the target and its peer, the reference. The target uses its own randomness.
type Pair struct {
	*suite.T
	Set    *params.Set
	Peer   *session.Party
	Bundle x3dh.Bundle // of whoever responds
	Next   []byte      // the next plaintext, if it is not to be one of its own

	Started bool // the target has its session
	sent    int  // messages so far, so that each has a plaintext of its own
}

// New returns a pair without parties.
func New(t *suite.T, set *params.Set) *Pair { return &Pair{T: t, Set: set} }

// Test returns a live test of a pair in one parameter set.
func Test(
	profile string, set *params.Set, name, comment string, requirements []string, needs func(h suite.Hello) string,
	run func(p *Pair),
) suite.Test {
	return suite.Test{
		TestInfo: verdict.NewInfo(
			fmt.Sprintf("%s/%s/live/%s", profile, set.Name, name), profile, set.Name, comment, requirements,
		),
		Needs: needs,
		Run: func(t *suite.T) {
			t.Reset()
			run(New(t, set))
		},
	}
}

// Mail is a message under way, with what must be read.
type Mail struct {
	Envelope  *shim.Message
	Plaintext []byte
}

func (p *Pair) plaintext() []byte {
	if next := p.Next; next != nil {
		p.Next = nil
		return next
	}
	p.sent++
	return fmt.Appendf(nil, "plaintext number %d of a live test", p.sent)
}

// FromPeer lets the peer send, and returns the message.
func (p *Pair) FromPeer() Mail {
	plaintext := p.plaintext()
	e, err := p.Peer.Encrypt(Target, plaintext, p.Random)
	p.NoFault(err)
	kind := shim.RatchetMessage
	if e.Initial {
		kind = shim.InitialMessage
	}
	return Mail{&shim.Message{Kind: kind, Body: e.Body}, plaintext}
}

// FromTarget lets the target send, and returns the message.
func (p *Pair) FromTarget() Mail { return p.FromTargetTo(Peer, p.plaintext()) }

// FromTargetTo lets the target send a plaintext to a peer of any name, and returns the message.
func (p *Pair) FromTargetTo(peer string, plaintext []byte) Mail {
	r := p.Must(shim.SessionEncrypt, shim.Params{Party: Target, Peer: peer, Plaintext: plaintext})
	if r.Envelope == nil {
		p.Violation(verdict.Protocol, "session.encrypt gives no envelope", "an envelope", suite.Describe(r))
	}
	return Mail{r.Envelope, plaintext}
}

// Read lets the target read a message, which must give its plaintext.
func (p *Pair) Read(m Mail) {
	p.ReadFrom(Peer, p.ReadOp(m.Envelope), m)
	p.Started = true
}

// ReadFrom lets the target read a message of a peer of any name with an operation, which must give its plaintext.
func (p *Pair) ReadFrom(peer string, op shim.Op, m Mail) {
	r := p.Must(op, shim.Params{Party: Target, Peer: peer, Envelope: m.Envelope})
	if r.Plaintext == nil {
		p.Violation(verdict.Protocol, "no plaintext", "a plaintext", suite.Describe(r))
	}
	p.Equal("plaintext", m.Plaintext, *r.Plaintext)
}

// ReadOp returns the operation that reads an envelope: session.respond for the one that starts the target's session.
func (p *Pair) ReadOp(e *shim.Message) shim.Op {
	if !p.Started && e.Kind == shim.InitialMessage {
		return shim.SessionRespond
	}
	return shim.SessionDecrypt
}

// PeerReads lets the peer read a message of the target, which must succeed.
func (p *Pair) PeerReads(m Mail) {
	e := session.Envelope{Initial: m.Envelope.Kind == shim.InitialMessage, Body: m.Envelope.Body}
	decrypt := p.Peer.Decrypt
	if _, err := p.Peer.State(Target); err != nil && e.Initial {
		decrypt = func(peer string, e session.Envelope, r io.Reader) ([]byte, error) {
			return p.Peer.Respond(peer, e.Body, r)
		}
	}
	plaintext, err := decrypt(Target, e, p.Random)
	if err != nil {
		p.Violation(verdict.Mismatch, "a message of the target is refused by the reference",
			"a message that the reference reads", err.Error()+": "+suite.JSON(m.Envelope))
	}
	p.Equal("plaintext that the reference reads", m.Plaintext, plaintext)
}

// Refuses lets the target refuse a message, without a change of its state.
func (p *Pair) Refuses(e *shim.Message, class shim.Class) {
	p.RefuseUnchanged(class, p.ReadOp(e), shim.Params{Party: Target, Peer: Peer, Envelope: e})
}

// Refusal is the trial in which the target refuses a message.
func (p *Pair) Refusal(name string, e *shim.Message, class shim.Class) suite.Trial {
	return suite.Trial{Name: name, Try: func() { p.Refuses(e, class) }}
}

// TryAll is that of suite.T; every stage begins without parties.
func (p *Pair) TryAll(stage func() []suite.Trial) {
	p.T.TryAll(func() []suite.Trial {
		p.Reset()
		p.Started = false
		return stage()
	})
}

// SendToTarget lets the peer send and the target read.
func (p *Pair) SendToTarget() { p.Read(p.FromPeer()) }

// SendToPeer lets the target send and the peer read.
func (p *Pair) SendToPeer() { p.PeerReads(p.FromTarget()) }

// Turns takes n turns: the target sends, then the peer.
func (p *Pair) Turns(n int) {
	for range n {
		p.SendToPeer()
		p.SendToTarget()
	}
}

// Lose lets the peer send n messages that are lost.
func (p *Pair) Lose(n uint64) {
	for range n {
		_, err := p.Peer.Encrypt(Target, nil, p.Random)
		p.NoFault(err)
	}
}

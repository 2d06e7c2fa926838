package sessions

import (
	"fmt"
	"slices"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/reference/params"
	"credence/reference/session"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// third are the tests of a target that talks to two peers at the same time.
func third(set *params.Set) []suite.Test {
	requirements := []string{"AMB-SES-05", "AMB-SES-06", "AMB-SES-15"}
	return []suite.Test{
		pair.Test("x3dh", set, "three-parties",
			"the target has started a session with bob and answered carol's: messages of one to the session with the "+
				"other, repeated and forged ones are refused, and neither session is touched",
			requirements, suite.NeedsHandshake, threeParties(func(*trio) {})),
		pair.Test("x3dh", set, "three-parties-restart", "the same, and the target restarts after every message",
			append(requirements, "AMB-STA-01"), needsHandshakeAndExport, threeParties((*trio).restart)),
	}
}

// trio is the target with bob, with whom it has started a session, and carol, who has started one with it.
type trio struct {
	*pair.Pair
	parties map[string]*session.Party
	started []string // with whom the target has a session
	happens func(t *trio)
}

var bobAndCarol = []string{"bob", "carol"}

func threeParties(happens func(t *trio)) func(p *pair.Pair) {
	return triesAll(func(p *pair.Pair) (trials []suite.Trial) {
		t := &trio{Pair: p, parties: map[string]*session.Party{}, happens: happens}
		t.open()
		late, read := map[string]pair.Mail{}, map[string]pair.Mail{}
		for range 2 {
			for _, name := range bobAndCarol {
				late[name] = t.from(name)
				read[name] = t.from(name)
				t.read(name, read[name])
				t.to(name)
			}
		}
		next := map[string]pair.Mail{}
		for _, name := range bobAndCarol {
			next[name] = t.from(name)
		}
		for i, name := range bobAndCarol {
			other := bobAndCarol[1-i]
			body := next[name].Envelope.Body
			forged := pair.Mail{Envelope: pair.Raw(flipped(body, 8*(len(body)-1)))}
			trials = append(trials,
				t.refusal("next message of "+name, other, next[name]),
				t.refusal("late message of "+name, other, late[name]),
				t.refusal("message that was read of "+name, other, read[name]),
				t.refusal("message that was read of "+name, name, read[name]),
				t.refusal("forged message of "+name, name, forged),
				t.refusal("forged message of "+name, other, forged),
			)
		}
		for _, name := range bobAndCarol {
			trials = append(trials, suite.Trial{Name: "the conversation with " + name, Try: func() {
				t.read(name, late[name])
				t.read(name, next[name])
				t.to(name)
				t.read(name, t.from(name))
			}})
		}
		return trials
	})
}

// open starts both sessions.
func (t *trio) open() {
	bundle := t.NewParty(pair.Target, 1, "")
	for _, name := range bobAndCarol {
		party, err := session.New(
			t.Set, session.Options{OneTimePrekeys: 1, RegistrationID: t.RegistrationID()}, t.Random)
		t.NoFault(err)
		t.parties[name] = party
	}
	t.Must(shim.SessionInitiate,
		shim.Params{Party: pair.Target, Peer: "bob", Bundle: adapter.ToShim(t.parties["bob"].Bundle())})
	t.started = append(t.started, "bob")
	t.read("bob", answer(t.Pair, "bob", t.parties["bob"], t.FromTargetTo("bob", []byte("to bob"))))
	t.InitiateBy(t.parties["carol"], bundle)
	t.read("carol", t.from("carol"))
	t.to("carol")
}

// from lets a party send to the target.
func (t *trio) from(name string) pair.Mail {
	plaintext := []byte("from " + name)
	e, err := t.parties[name].Encrypt(pair.Target, plaintext, t.Random)
	t.NoFault(err)
	if e.Initial {
		return pair.Mail{Envelope: &shim.Message{Kind: shim.InitialMessage, Body: e.Body}, Plaintext: plaintext}
	}
	return pair.Mail{Envelope: pair.Raw(e.Body), Plaintext: plaintext}
}

// read lets the target read a message of a party, which may start the session.
func (t *trio) read(name string, m pair.Mail) {
	op := shim.SessionDecrypt
	if !slices.Contains(t.started, name) {
		op = shim.SessionRespond
		t.started = append(t.started, name)
	}
	t.ReadFrom(name, op, m)
	t.happens(t)
}

// to lets the target send to a party.
func (t *trio) to(name string) {
	m := t.FromTargetTo(name, []byte("to "+name))
	plaintext, err := t.parties[name].Decrypt(pair.Target, session.Envelope{Body: m.Envelope.Body}, t.Random)
	t.Understood(err)
	t.Equal("plaintext that "+name+" reads", m.Plaintext, plaintext)
	t.happens(t)
}

// refusal is the trial in which a message is brought to the target as one of a party.
func (t *trio) refusal(what, as string, m pair.Mail) suite.Trial {
	return suite.Trial{Name: fmt.Sprintf("%s as one of %s", what, as), Try: func() {
		t.RefuseUnchanged("", shim.SessionDecrypt, shim.Params{Party: pair.Target, Peer: as, Envelope: m.Envelope})
		t.happens(t)
	}}
}

// restart restarts the target. Both sessions have the same digests then.
func (t *trio) restart() {
	before := t.digests()
	restore(t.Pair, export(t.Pair))
	t.Equal("state digests after a restart", before, t.digests())
}

func (t *trio) digests() (all []byte) {
	if t.Hello.Offers(shim.SessionDigest) {
		for _, name := range t.started {
			all = append(all, t.Must(shim.SessionDigest, shim.Params{Party: pair.Target, Peer: name}).Digest...)
		}
	}
	return all
}

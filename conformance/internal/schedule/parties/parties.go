// Package parties plays scenarios of level ratchet on a target, which is both parties. What each party has to read and
// to refuse follows from the specification, as the oracle has it.
package parties

import (
	"slices"

	"credence/conformance/internal/adversary"
	"credence/conformance/internal/pair"
	"credence/conformance/internal/schedule"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/x3dh"
	"credence/shim"
)

// Options shape a play.
type Options struct {
	Tolerant bool // messages that are not read as they should be are left alone
	Attacked bool // an attacker reads what he can from the copies of states
}

// player plays one scenario.
type player struct {
	*pair.Pair // for envelopes and parameter sets; it has no peer
	options    Options
	scenario   *scenario.Scenario
	play       *verdict.Play
	event      int // the one that happens

	trace     *adversary.Trace
	oracle    *adversary.Oracle
	copies    []*schedule.Copy
	lifetimes schedule.Lifetimes

	rules    *adversary.Set // of the set, as oracle and attacker have them
	a, b     *party
	names    *scenario.Names
	sessions []*session // in the order in which they were started
	messages []*message // in the order in which they were sent
	imports  int
	fromHere *shim.Params // starts the responder, if the session comes from a shared secret
}

// party is one of the two.
type party struct {
	name     string                  // a or b
	handle   string                  // its name on the target
	ends     *adversary.Ends         // of its sessions, by the specification
	keys     map[adversary.Term]bool // its identity key and prekeys
	identity adversary.PublicKey
	bundle   *x3dh.Bundle // nil if nobody starts a session with it
	given    bool         // the one-time prekey of the bundle was used by a start of the other
}

// session is a session that one of the parties has started.
type session struct {
	adversary.Session
	initiator     *party
	signedPrekey  adversary.PublicKey // the responder's, from which the ratchet starts
	oneTimePrekey adversary.Term      // which the responder deletes; "" if there is none
	bundle        x3dh.Bundle         // from which it was started
	named         bool                // its first message was sent
	accepted      bool                // by the responder
}

// message is a message under way.
type message struct {
	schedule.Message
	session  *session
	from, to *party
	envelope *shim.Message
	event    int // in which it was sent
	arrived  bool
}

// Play plays a scenario and returns what happened, which t.Played has from the start. It stops the test at what the
// target does wrong.
func Play(t *suite.T, s *scenario.Scenario, o Options) *verdict.Play {
	t.Played = verdict.NewPlay()
	p := &player{
		Pair: pair.New(t, t.Set(s.Set)), options: o, scenario: s, play: t.Played, names: scenario.NewNames(s),
		trace: adversary.NewTrace(), oracle: adversary.NewOracle(), lifetimes: schedule.Lifetimes{},
	}
	p.rules = schedule.SetOf(p.Set)
	p.a, p.b = newParty("a", p.rules), newParty("b", p.rules)
	t.Reset()
	p.open()
	p.playEvents()
	p.judge()
	return p.play
}

func newParty(name string, set *adversary.Set) *party {
	return &party{name: name, handle: name, ends: adversary.NewEnds(set), keys: map[adversary.Term]bool{}}
}

// party returns the party of a name.
func (p *player) party(name string) *party {
	if name == "a" {
		return p.a
	}
	return p.b
}

// other returns the other party.
func (p *player) other(own *party) *party {
	if own == p.a {
		return p.b
	}
	return p.a
}

// message returns the message of a name, or nil.
func (p *player) message(name string) *message {
	i := slices.IndexFunc(p.messages, func(m *message) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return p.messages[i]
}

// playEvents plays the events, and keeps a line of each in the record, also of the one in which the test stops.
func (p *player) playEvents() {
	p.watchKeys(-1)
	for i, e := range p.scenario.Events {
		p.event = i
		var came string
		if failure := p.Attempt(func() { came = p.do(e) }); failure != nil {
			p.play.Happened(e.String() + schedule.GoesWrong)
			p.wentWrong(e)
			p.Stop(failure)
		}
		p.play.Happened(e.String() + came)
		p.watchKeys(i)
	}
}

// do performs an event and returns what came of it.
func (p *player) do(e scenario.Event) string {
	own := p.party(e.By)
	m := p.message(e.Message)
	if m != nil && m.to != own {
		m = nil
	}
	switch {
	case e.Do == scenario.Start && p.mayStart(own):
		return p.start(own)
	case e.Do == scenario.Send && !own.ends.Empty() && p.maySend(own):
		return p.send(own, e.Message)
	case e.Do == scenario.Deliver && m != nil && p.mayArrive(m):
		return p.deliver(m)
	case e.Do == scenario.Forge && m != nil && !p.options.Tolerant:
		return p.forge(m, e)
	case e.Do == scenario.Restart && p.Hello.Exports():
		return p.restart(own)
	case e.Do == scenario.Impersonate && p.Hello.Exports():
		return p.impersonate(own)
	case e.Do == scenario.Compromise && p.Hello.Exports():
		return p.compromise(own)
	}
	return schedule.DoesNotApply
}

// maySend and mayArrive keep the order that cadence per-message needs (SPEC.md 5.3): nobody sends before he has read
// everything, and messages arrive as they were sent.
func (p *player) maySend(own *party) bool {
	return !p.inOrder() || !slices.ContainsFunc(p.messages, func(m *message) bool { return m.to == own && !m.arrived })
}

func (p *player) mayArrive(m *message) bool {
	i := slices.IndexFunc(p.messages, func(m *message) bool { return !m.arrived })
	return !p.inOrder() || m.arrived || i >= 0 && p.messages[i] == m
}

func (p *player) inOrder() bool { return p.scenario.Cadence == "per-message" }

// watchKeys notes which keys there are after an event.
func (p *player) watchKeys(event int) {
	for _, own := range []*party{p.a, p.b} {
		p.lifetimes.See(&p.play.Record, event, own.name, own.ends.Keys())
	}
}

// arrived notes what came of a message that was brought to its receiver.
func (p *player) arrived(m *message, outcome verdict.Outcome) {
	p.play.Arrivals = append(p.play.Arrivals, verdict.Arrival{
		Event: p.event, To: m.to.name, From: m.from.name, Sent: m.event, Message: m.Name, Outcome: outcome,
	})
}

// wentWrong notes the message whose arrival has gone wrong.
func (p *player) wentWrong(e scenario.Event) {
	if m := p.message(e.Message); m != nil && m.to == p.party(e.By) {
		p.arrived(m, verdict.WentWrong)
	}
}

// judge lets the attacker read, if there is one, and counts what was played.
func (p *player) judge() {
	evidence := verdict.Evidence{Scenarios: 1, Messages: len(p.messages)}
	if p.options.Attacked {
		for _, c := range p.copies {
			p.readFromCopy(c)
		}
		var messages []schedule.Message
		for _, m := range p.messages {
			messages = append(messages, m.Message)
		}
		schedule.Judge(p.play, p.oracle, adversary.NewAttacker(p.trace), p.copies, messages)
		evidence.Copies, evidence.Allowed, evidence.Read = len(p.copies), p.play.Allowed, p.play.Read
	}
	p.Evidence.Add(evidence)
}

package conformance

import (
	"context"
	"fmt"
	"slices"

	"credence/conformance/adversary"
	"credence/conformance/scenario"
)

// Play is a scenario that was run: what happened, and who can read what.
type Play struct {
	Record
	Allowed  int        `json:"allowed"` // readings that the specification allows, over all compromises
	Read     int        `json:"read"`    // readings that the attacker had
	Result   TestResult `json:"result"`
	Evidence Evidence   `json:"evidence"`
}

// outcome is the result, with the record.
func (p *Play) outcome() TestResult {
	r := p.Result
	r.Record = &p.Record
	return r
}

// Replay runs a scenario on a target. It returns ErrTarget; what the target does wrong is in the result.
func Replay(ctx context.Context, o Options, s *scenario.Scenario) (*Play, error) {
	p, err := NewPlayer(ctx, o)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	return p.Play(s)
}

// replay runs a scenario, and once more to judge what can be read if its messages are not read as they should be.
func (t *tester) replay(s *scenario.Scenario) (*Play, error) {
	if s.Level == scenario.Ambassador {
		return t.playAmbassador(s, true)
	}
	p, wrong := t.playRatchet(s, false, t.hello.exports())
	if wrong == nil || !t.hello.exports() {
		return p, wrong
	}
	tolerant, err := t.playRatchet(s, true, true)
	if err != nil {
		return p, wrong
	}
	tolerant.Lines, tolerant.Arrivals = p.Lines, p.Arrivals // who tolerates forgets what was refused
	return tolerant, wrong
}

// Compromised is one copy of a state, and what follows from it.
type Compromised struct {
	Event   int        `json:"event"` // index in the scenario
	Who     string     `json:"who"`   // party or device
	Exposed []Exposure `json:"exposed"`
}

// Exposure is a message that the specification lets the attacker read, or that he has read.
type Exposure struct {
	Message   string    `json:"message"`
	Index     int       `json:"index"` // in Record.Messages; -1 is a key that should have been deleted
	Allowed   bool      `json:"allowed"`
	Read      string    `json:"read"`      // how; empty if he could not
	Guarantee Guarantee `json:"guarantee"` // that keeps it secret, if it is not allowed
}

// Guarantee is a promise of SPEC.md 13 about what stays secret from a copy of a state.
type Guarantee string

// The guarantees.
const (
	ForwardSecrecy Guarantee = "forward-secrecy" // what was sent before the copy was made
	PostCompromise Guarantee = "post-compromise" // what is sent after it, once the session has healed
	NewDevice      Guarantee = "new-device"      // what was sent before the device was linked
	Removal        Guarantee = "removal"         // what is sent in a session that began after the device was removed
	HealFirst      Guarantee = "heal-first"      // what is sent after a rotation for which the device had to heal
)

// sentence says what is wrong when a guarantee is broken.
func (g Guarantee) sentence() string {
	return map[Guarantee]string{
		ForwardSecrecy: "forward secrecy: a message from before the copy was made can be read, or a key that should be gone is there",
		PostCompromise: "post-compromise security: a message can be read that was sent after the session had healed",
		NewDevice:      "a device can read what was sent before it was linked",
		Removal:        "a removed device can read what was sent after its removal",
		HealFirst:      "a secret of the new epoch has travelled on a channel that had not healed",
	}[g]
}

// exposed gives a message that the attacker has read against a guarantee.
func (p *Play) exposed(by Guarantee) (Compromised, Exposure, bool) {
	for _, c := range p.Compromises {
		i := slices.IndexFunc(c.Exposed, func(e Exposure) bool { return e.Read != "" && !e.Allowed && e.Guarantee == by })
		if i >= 0 {
			return c, c.Exposed[i], true
		}
	}
	return Compromised{}, Exposure{}, false
}

// Missed gives an allowed reading that the attacker did not have: he is asleep, or the target keeps less than the specification
// lets it.
func (p *Play) Missed() (Compromised, Exposure, bool) {
	for _, c := range p.Compromises {
		if i := slices.IndexFunc(c.Exposed, func(e Exposure) bool { return e.Read == "" }); i >= 0 {
			return c, c.Exposed[i], true
		}
	}
	return Compromised{}, Exposure{}, false
}

// copied is a state that the attacker has.
type copied struct {
	event    int
	who      string
	state    []byte
	holds    []adversary.Term
	messages int                             // that had been sent by then
	imported map[*adversary.Message]struct{} // read by the target itself, from the copy

	endpoint *adversary.Endpoint // of the party; nil if it has no session

	linked   int // messages that had been sent when the device was linked
	removed  int // and when it was removed, or none
	prepared int // and when an epoch began for which it had been asked to heal
}

// guarantee gives the one that protects message i.
func (c *copied) guarantee(i int) Guarantee {
	switch {
	case i < c.linked:
		return NewDevice
	case i < c.messages:
		return ForwardSecrecy
	case c.removed > 0 && i >= c.removed:
		return Removal
	case c.prepared > 0 && i >= c.prepared:
		return HealFirst
	}
	return PostCompromise
}

// judged is a message with the term of its key.
type judged struct {
	message *adversary.Message
	key     adversary.Term
}

// judge compares what follows from each copy by the specification with what the attacker reads.
func (p *Play) judge(oracle *adversary.Oracle, attacker *adversary.Attacker, copies []*copied, messages []judged) {
	for _, c := range copies {
		knows := oracle.Closure(c.holds)
		read := map[*adversary.Message]string{}
		readings, keys := attacker.Read(c.state)
		for _, r := range readings {
			read[r.Message] = r.How
		}
		for m := range c.imported {
			if read[m] == "" {
				read[m] = "the target reads it from the copy"
			}
		}
		result := Compromised{Event: c.event, Who: c.who, Exposed: []Exposure{}}
		for _, k := range keys {
			if !knows[oracle.Private(k)] {
				result.Exposed = append(result.Exposed, Exposure{Message: fmt.Sprintf("the private key of %x", k), Index: -1, Read: "it is in the copy, and should have been deleted", Guarantee: ForwardSecrecy})
			}
		}
		for i, m := range messages {
			e := Exposure{Message: m.message.Name, Index: i, Allowed: knows[m.key], Read: read[m.message], Guarantee: c.guarantee(i)}
			if e.Allowed {
				p.Allowed++
			}
			if e.Read != "" {
				p.Read++
			}
			if e.Allowed || e.Read != "" {
				result.Exposed = append(result.Exposed, e)
			}
		}
		p.Compromises = append(p.Compromises, result)
	}
}

// exposure fails the test if the attacker has read what a guarantee keeps secret.
func (t *tester) exposure(p *Play, by Guarantee) error {
	c, e, found := p.exposed(by)
	if !found {
		return nil
	}
	t.sent = ""
	return t.fail(Exposed, by.sentence(), fmt.Sprintf("%s is secret from a copy of %s after event %d", e.Message, c.Who, c.Event+1), "read: "+e.Read)
}

// anyExposure fails the test if the attacker has read what any guarantee keeps secret.
func (t *tester) anyExposure(p *Play) error {
	for _, by := range []Guarantee{ForwardSecrecy, PostCompromise, NewDevice, Removal, HealFirst} {
		if err := t.exposure(p, by); err != nil {
			return err
		}
	}
	return nil
}

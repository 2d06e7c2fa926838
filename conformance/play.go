package conformance

import (
	"fmt"
	"slices"

	"credence/conformance/adversary"
)

// Play is a scenario that was run: what happened, and who can read what.
type Play struct {
	Lines       []string // an event a line, with what came of it
	Compromises []Compromised
	Allowed     int // readings that the specification allows, over all compromises
	Read        int // readings that the attacker had
}

// Compromised is one copy of a state, and what follows from it.
type Compromised struct {
	Event   int    // index in the scenario
	Who     string // party or device
	Exposed []Exposure
}

// Exposure is a message that the specification lets the attacker read, or that he has read.
type Exposure struct {
	Message string
	Allowed bool
	Read    string // how; empty if he could not
	Later   bool   // it was sent after the copy was made
}

// exposed tells whether the attacker has read what he must not: false for a message that went before the copy (forward
// secrecy), true for a later one (post-compromise security).
func (p *Play) exposed(later bool) (Compromised, Exposure, bool) {
	for _, c := range p.Compromises {
		i := slices.IndexFunc(c.Exposed, func(e Exposure) bool { return e.Read != "" && !e.Allowed && e.Later == later })
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
		for _, r := range attacker.Read(c.state) {
			read[r.Message] = r.How
		}
		for m := range c.imported {
			if read[m] == "" {
				read[m] = "the target reads it from the copy"
			}
		}
		result := Compromised{Event: c.event, Who: c.who}
		for i, m := range messages {
			e := Exposure{Message: m.message.Name, Allowed: knows[m.key], Read: read[m.message], Later: i >= c.messages}
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

// exposure fails the test if the attacker has read what he must not: a message from before the copy, or a later one.
func (t *tester) exposure(p *Play, later bool) error {
	c, e, found := p.exposed(later)
	if !found {
		return nil
	}
	guarantee := "forward secrecy: a message from before the copy was made can be read"
	if later {
		guarantee = "post-compromise security: a message can be read that was sent after the session had healed"
	}
	t.sent = ""
	return t.fail(Exposed, guarantee, fmt.Sprintf("%s is secret from a copy of %s after event %d", e.Message, c.Who, c.Event+1), "read: "+e.Read)
}

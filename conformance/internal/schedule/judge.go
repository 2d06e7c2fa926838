// Package schedule is what the players of scenarios have in common: the copies of states that the attacker gets, and
// the judgement over what he reads in them.
package schedule

import (
	"fmt"

	"credence/conformance/internal/adversary"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
)

// What an event comes to, after its name in the lines of a record.
const (
	DoesNotApply = ": does not apply"
	GoesWrong    = ": WRONG" // the target did what it must not
)

// Copy is a state that the attacker has.
type Copy struct {
	Event    int
	Who      string
	State    []byte
	Holds    []adversary.Term
	Messages int                             // that had been sent by then
	Imported map[*adversary.Message]struct{} // read by the target itself, from the copy

	Ends *adversary.Ends // of the party's sessions; nil if it is a device

	Linked   int // messages that had been sent when the device was linked
	Removed  int // and when it was removed, or none
	Prepared int // and when an epoch began for which it had been asked to heal

	Secret map[*adversary.Message]bool // must not be read, whatever follows from the copy and what the target did since
}

// guarantee returns the one that protects message i.
func (c *Copy) guarantee(i int) verdict.Guarantee {
	switch {
	case i < c.Linked:
		return verdict.NewDevice
	case i < c.Messages:
		return verdict.ForwardSecrecy
	case c.Removed > 0 && i >= c.Removed:
		return verdict.Removal
	case c.Prepared > 0 && i >= c.Prepared:
		return verdict.HealFirst
	}
	return verdict.PostCompromise
}

// Message is a message with the term of its key.
type Message struct {
	*adversary.Message
	Key adversary.Term
}

// Judge compares what follows from each copy by the specification with what the attacker reads.
func Judge(
	p *verdict.Play, oracle *adversary.Oracle, attacker *adversary.Attacker, copies []*Copy, messages []Message,
) {
	for _, c := range copies {
		knows := oracle.Closure(c.Holds)
		read, keys := readings(attacker, c)
		exposed := []verdict.Exposure{}
		for _, k := range keys {
			if !knows[oracle.Private(k)] {
				exposed = append(exposed, verdict.Exposure{
					Message: fmt.Sprintf("the private key of %x", k), Index: -1,
					Read: "it is in the copy, and should have been deleted", Guarantee: verdict.ForwardSecrecy,
				})
			}
		}
		for i, m := range messages {
			e := verdict.Exposure{
				Message: m.Name, Index: i, Allowed: knows[m.Key] && !c.Secret[m.Message], Read: read[m.Message],
				Guarantee: c.guarantee(i),
			}
			if e.Allowed {
				p.Allowed++
			}
			if e.Read != "" {
				p.Read++
			}
			if e.Allowed || e.Read != "" {
				exposed = append(exposed, e)
			}
		}
		p.Compromises = append(p.Compromises, verdict.Compromised{Event: c.Event, Who: c.Who, Exposed: exposed})
	}
}

// readings returns how each message is read from a copy, and the private keys that are in it.
func readings(a *adversary.Attacker, c *Copy) (how map[*adversary.Message]string, keys []adversary.PublicKey) {
	how = map[*adversary.Message]string{}
	found, keys := a.Read(c.State)
	for _, r := range found {
		how[r.Message] = r.How
	}
	for m := range c.Imported {
		if how[m] == "" {
			how[m] = "the target reads it from the copy"
		}
	}
	return how, keys
}

// Guarantees lists the guarantees in the order in which they are judged.
var Guarantees = []verdict.Guarantee{
	verdict.ForwardSecrecy, verdict.PostCompromise, verdict.NewDevice, verdict.Removal, verdict.HealFirst,
}

// MustHide stops the test if the attacker has read what one of the guarantees keeps secret.
func MustHide(t *suite.T, p *verdict.Play, guarantees ...verdict.Guarantee) {
	for _, by := range guarantees {
		if c, e, found := p.Exposed(by); found {
			t.ForgetSent()
			t.Violation(verdict.Exposed, by.Sentence(),
				fmt.Sprintf(
					"%s is secret from a copy of %s after event %d", e.Message, c.Who, c.Event+1,
				), "read: "+e.Read)
		}
	}
}

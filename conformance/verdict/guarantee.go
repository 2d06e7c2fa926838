package verdict

import "fmt"

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

// Sentence says what is wrong when a guarantee is broken.
func (g Guarantee) Sentence() string {
	return map[Guarantee]string{
		ForwardSecrecy: "forward secrecy: a message from before the copy was made can be read, or a key that should " +
			"be gone is there",
		PostCompromise: "post-compromise security: a message can be read that was sent after the session had healed",
		NewDevice:      "a device can read what was sent before it was linked",
		Removal:        "a removed device can read what was sent after its removal",
		HealFirst:      "a secret of the new epoch has travelled on a channel that had not healed",
	}[g]
}

// Evidence counts what a property test has run.
type Evidence struct {
	Scenarios int `json:"scenarios"`
	Messages  int `json:"messages"` // that were sent
	Copies    int `json:"copies"`   // states that the attacker had
	Allowed   int `json:"allowed"`  // readings that the specification allows
	Read      int `json:"read"`     // readings that the attacker had
}

// Add adds up what two property tests have run.
func (e *Evidence) Add(o Evidence) {
	e.Scenarios += o.Scenarios
	e.Messages += o.Messages
	e.Copies += o.Copies
	e.Allowed += o.Allowed
	e.Read += o.Read
}

// String returns the evidence in words.
func (e *Evidence) String() string {
	if e == nil {
		return ""
	}
	return fmt.Sprintf(
		"%d messages, %d stolen states: %d readings allowed, %d had", e.Messages, e.Copies, e.Allowed, e.Read,
	)
}

package world

import (
	"fmt"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/shim"
	"credence/spec/refusal"
)

// State is what a device shows of a conversation.
type State struct {
	Seq          uint64
	Head, Digest string
	Problem      string
}

// State returns what a device shows of the conversation with a peer.
func (w *World) State(m *Member, peer account.ID) State {
	if d, ok := m.Device.(*ambassador.Device); ok {
		c := d.Conversation(peer)
		head, digest := c.Head, c.Digest()
		return State{c.Seq, string(head[:]), string(digest[:]), d.Problem(peer)}
	}
	return w.StateOf(m.Device.(ofTarget), peer)
}

// StateOf is State of a device of the target that nobody runs.
func (w *World) StateOf(d ofTarget, peer account.ID) State {
	r := w.Must(shim.DeviceStatus, shim.Params{Party: d.Party(), Account: peer[:]})
	return State{r.Seq, string(r.Head), string(r.Digest), r.Problem}
}

// String returns the state without its problem.
func (s State) String() string {
	return fmt.Sprintf("seq %d, head %x, digest %x", s.Seq, s.Head, s.Digest)
}

// InStep stops the test unless all devices of an account have the same conversation with a peer, and nothing went
// wrong.
func (w *World) InStep(members []*Member, peer account.ID) {
	first := w.State(members[0], peer)
	for i, m := range members {
		s := w.State(m, peer)
		if s.Problem != "" {
			w.Violation(verdict.Mismatch, fmt.Sprintf("device %d stands still: %s", i, s.Problem), "in step", s.Problem)
		}
		if s != first {
			w.Violation(verdict.Mismatch, fmt.Sprintf("device %d differs from device 0 in the conversation", i),
				first.String(), s.String())
		}
		if e := m.trouble(); e != nil {
			w.Violation(verdict.Mismatch, fmt.Sprintf("device %d: an undisturbed conversation has trouble", i),
				"no event of kind "+string(e.Kind), fmt.Sprintf(
					"%s (%s) at entry %d: %s", e.Kind, e.Class, e.Seq, e.Reason,
				))
		}
	}
}

// InStepAgain is InStep for conversations that have had trouble and are over it.
func (w *World) InStepAgain(members []*Member, peer account.ID) {
	for _, m := range members {
		m.ForgetTrouble()
	}
	w.InStep(members, peer)
}

// ReadOnce stops the test unless a device has read each text exactly once, in this order.
func (w *World) ReadOnce(m *Member, texts ...string) {
	if got := m.Texts(); !slices.Equal(got, texts) {
		w.Violation(verdict.Mismatch, "a device has not read every text exactly once",
			fmt.Sprintf("%q", texts), fmt.Sprintf("%q", got))
	}
}

// Events lets a device of the target read one mail, and returns what it brings.
func (d *Device) Events(mail []byte) []shim.Event {
	return d.Must(shim.DeviceReceive, shim.Params{Party: d.name, Message: mail}).Events
}

// Brings stops the test unless a mail brings exactly these kinds of event, and returns the events.
func (d *Device) Brings(mail []byte, kinds ...ambassador.EventKind) []shim.Event {
	events := d.Events(mail)
	var got []ambassador.EventKind
	for _, e := range events {
		got = append(got, ambassador.EventKind(e.Kind))
	}
	if !slices.Equal(got, kinds) {
		d.Violation(verdict.Mismatch, "a mail brings other events", fmt.Sprint(kinds), suite.JSON(events))
	}
	return events
}

// Ignores stops the test unless a mail is refused, with the class, and the exported state stays as it was.
func (d *Device) Ignores(class refusal.Class, mail []byte) {
	d.Unchanged(shim.DeviceExport, d.name, "a refused mail has changed the exported state", func() {
		events := d.Events(mail)
		if len(events) != 1 || events[0].Kind != string(ambassador.Refused) {
			d.Violation(
				verdict.AcceptedInvalid, "what a mail brings must be refused", "one event: refused", suite.JSON(events),
			)
		}
		if c := events[0].Class; c != "" && !refusal.SameFamily(c, class) {
			d.Violation(verdict.Mismatch, "refused for another reason", "class "+string(class), "class "+string(c))
		}
	})
}

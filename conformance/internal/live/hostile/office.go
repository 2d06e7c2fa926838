package hostile

import (
	"bytes"
	"fmt"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// losingOffice is a post office that keeps back the records of one mail.
type losingOffice struct {
	postoffice.Service
	victim   account.DeviceID
	position uint64 // of the mail
	kept     []byte // a mail of the records alone
}

// Fetch takes the records out of the mail.
func (o *losingOffice) Fetch(id account.ID, device account.DeviceID, from uint64) (postoffice.Mailbox, error) {
	box, err := o.Service.Fetch(id, device, from)
	for i, encoded := range box.Mails {
		m := &postoffice.Mail{}
		if device != o.victim || codec.Decode(encoded, m) != nil || m.Position != o.position {
			continue
		}
		records := *m
		records.Entry = nil
		o.kept = codec.MustEncode(&records)
		m.Parcels = nil
		box.Mails[i] = codec.MustEncode(m)
	}
	return box, err
}

// beginWithLoss begins a conversation of two devices of the target, around a post office that will keep back the
// records of the companion's next mail.
func beginWithLoss(w *world.World) (*world.Two, *losingOffice) {
	office := &losingOffice{Service: w.Office}
	w.Office = office
	two := w.BeginWith(true, true)
	office.position = uint64(w.Count(two.Alice[1])) + 1
	office.victim = two.Alice[1].Device.ID()
	return two, office
}

func recordLost(w *world.World) {
	two, office := beginWithLoss(w)
	companion := two.Alice[1]
	d := companion.Target()
	w.Send(two.Alice[0], two.B, "its record is lost")
	d.Brings(w.Unread(companion, int(office.position)-1)[0], ambassador.Parked)
	// AMB-SYN-10: nothing is sent while an entry waits.
	w.RefuseUnchanged(refusal.NotReady, shim.DeviceSend, shim.Params{
		Party: d.Party(), Account: two.B[:], Plaintext: []byte("too early"),
	})
	w.Send(two.Bob[0], two.A, "waits too")
	d.Brings(w.Unread(companion, int(office.position))[0], ambassador.Parked)
	asksOnce(w, d)
	w.Sync(two.Alice, two.Alice, two.Bob)
	w.Send(companion, two.B, "in step")
	w.Sync(two.Alice, two.Bob)
	w.InStepAgain(two.Alice, two.B)
	w.ReadOnce(companion, "start", "answer", "its record is lost", "waits too")
}

// asksOnce stops the test unless the device owes its siblings one request for what it misses, however many entries wait
// (AMB-SYN-08).
func asksOnce(w *world.World, d *world.Device) {
	for _, asks := range []bool{true, false} {
		r := w.Must(shim.DeviceUpkeep, shim.Params{Party: d.Party()})
		if asks != (len(r.Message) > 0) {
			w.Violation(verdict.Mismatch, "a device that misses a record asks each sibling once",
				fmt.Sprintf("a commit: %v", asks), suite.Describe(r))
		}
		if asks {
			w.Understood(w.Office.Append(r.Message))
		}
	}
}

func recordLate(w *world.World) {
	two, office := beginWithLoss(w)
	companion := two.Alice[1]
	d := companion.Target()
	w.Send(two.Alice[0], two.B, "its record is late")
	w.Understood(companion.Sync())
	d.Brings(office.kept, ambassador.Record, ambassador.Sent)
	d.Ignores(refusal.Duplicate, office.kept)
	w.Send(companion, two.B, "in step")
	w.Sync(two.Alice, two.Bob)
	w.InStepAgain(two.Alice, two.B)
}

func mailTwice(w *world.World) {
	two := w.BeginWith(true, true)
	for _, m := range []struct {
		sender *world.Member
		to     account.ID
		text   string
	}{
		{two.Alice[0], two.B, "by the leader"},
		{two.Alice[1], two.B, "by the companion"},
		{two.Bob[0], two.A, "by Bob"},
	} {
		w.Send(m.sender, m.to, m.text)
		w.Sync(two.Alice, two.Bob)
	}
	for _, m := range two.Alice {
		readsAgain(w, m)
	}
	w.InStep(two.Alice, two.B)
}

// readsAgain lets a device of the target read its whole mailbox once more, which must bring nothing.
func readsAgain(w *world.World, m *world.Member) {
	mails := w.Unread(m, 0)
	d := m.Target()
	w.Unchanged(shim.DeviceExport, d.Party(), "mails that were read before have changed the exported state", func() {
		for _, mail := range mails {
			for _, e := range d.Events(mail) {
				if e.Kind != string(ambassador.Refused) {
					w.Violation(verdict.AcceptedInvalid, "a mail that was read before brings something",
						"nothing, or refused", suite.JSON(e))
				}
			}
		}
	})
}

func mailMalformed(w *world.World) {
	two := w.BeginWith(true, true)
	w.Send(two.Alice[0], two.B, "to be damaged")
	companion := two.Alice[1]
	mail := newest(w, w.Unread(companion, w.Count(companion)-1))
	for _, bad := range [][]byte{
		{},
		mail[:1],
		mail[:len(mail)/2],
		mail[:len(mail)-1],
		append(bytes.Clone(mail), 0),
		append([]byte{2}, mail[1:]...),     // another version
		append([]byte{1, 12}, mail[2:]...), // another structure
	} {
		w.RefuseUnchanged(refusal.Malformed, shim.DeviceReceive, shim.Params{
			Party: companion.Target().Party(), Message: bad,
		})
	}
	w.Sync(two.Alice)
	w.InStep(two.Alice, two.B)
}

// forkingOffice is a post office that damages an entry on its way to one device.
type forkingOffice struct {
	postoffice.Service
	victim account.DeviceID
	seq    uint64
}

// Fetch damages the entry.
func (o *forkingOffice) Fetch(id account.ID, device account.DeviceID, from uint64) (postoffice.Mailbox, error) {
	box, err := o.Service.Fetch(id, device, from)
	for i, encoded := range box.Mails {
		m := &postoffice.Mail{}
		if device != o.victim || codec.Decode(encoded, m) != nil || len(m.Entry) == 0 {
			continue
		}
		e, err := conversation.ParseEntry(m.Entry)
		if err == nil && e.Seq == o.seq {
			m.Entry[len(m.Entry)-1] ^= 1
			box.Mails[i] = codec.MustEncode(m)
		}
	}
	return box, err
}

func forkedLog(w *world.World) {
	office := &forkingOffice{Service: w.Office}
	w.Office = office
	two := w.BeginWith(true, true)
	leader, companion := two.Alice[0], two.Alice[1]
	office.seq = w.State(leader, two.B).Seq + 1
	office.victim = companion.Device.ID()
	w.Send(two.Bob[0], two.A, "to one of them another")
	w.Sync(two.Alice)
	w.Understood(leader.Ack())
	w.Sync(two.Alice)
	if state := w.State(companion, two.B); state.Problem == "" {
		w.Violation(verdict.Mismatch, "a device that was given another entry than its sibling goes on",
			"the conversation frozen", fmt.Sprintf("seq %d, head %x", state.Seq, state.Head))
	}
}

// falseReturn lets a commit of the target come back with another entry than it has, one that is refused and one of the
// other side: it must not count as the return (AMB-SYN-15).
func falseReturn(w *world.World) {
	s := newSiblingConversation(w)
	peer := s.counterparty.Account()
	c := commitOf(w, shim.DeviceSend, shim.Params{
		Party: s.device.Party(), Account: peer[:], Plaintext: []byte("mine"),
	})
	other := s.nextEntry("another entry for the place")
	returned := func(entry []byte) []byte {
		return codec.MustEncode(&postoffice.Mail{Position: 9, Device: s.device.ID(), Number: c.Number, Entry: entry})
	}
	s.device.Ignores(refusal.Malformed, returned(append(bytes.Clone(c.Entry), 0)))
	s.device.Brings(returned(other), ambassador.Message)
	s.says("goes on")
}

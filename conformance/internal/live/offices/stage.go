package offices

import (
	"fmt"
	"slices"

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

// stage is the post office of the target with two accounts that talk, each with two devices of the reference.
type stage struct {
	*world.World
	alice, bob []*world.Member
	a, b       account.ID
}

// begin makes the accounts and begins their conversation.
func begin(w *world.World) *stage {
	two := w.BeginWith(false, false)
	return &stage{w, two.Alice, two.Bob, two.A, two.B}
}

// change is what is wrong with a commit.
type change func(c *postoffice.Commit)

// entry lets a device make the commit of an entry and forget it, and returns the commit after the changes.
func (s *stage) entry(m *world.Member, to account.ID, changes ...change) []byte {
	commit, err := m.Device.Send(to, []byte("changed"), nil, s.Random)
	s.Understood(err)
	return s.forgotten(m, commit, changes)
}

// rotation lets the leader make a rotation and forget it, and returns the commit after the changes.
func (s *stage) rotation(leader *world.Member, changes ...change) []byte {
	commit, err := leader.Device.Rotate(ambassador.Change{}, s.Random)
	s.Understood(err)
	return s.forgotten(leader, commit, changes)
}

// forgotten lets a device forget the commit that it has made, and returns the commit after the changes.
func (s *stage) forgotten(m *world.Member, commit []byte, changes []change) []byte {
	m.Device.PostOfficeRefused()
	return s.changed(commit, changes...)
}

// changed returns a commit of the reference after the changes.
func (s *stage) changed(commit []byte, changes ...change) []byte {
	c := &postoffice.Commit{}
	s.NoFault(codec.Decode(commit, c))
	for _, change := range changes {
		change(c)
	}
	encoded, err := codec.Encode(c)
	s.NoFault(err)
	return encoded
}

// inEntry returns a change of the entry of a commit.
func (s *stage) inEntry(change func(e *conversation.Entry)) change {
	return func(c *postoffice.Commit) {
		e, err := conversation.ParseEntry(c.Entry)
		s.NoFault(err)
		change(e)
		c.Entry = codec.MustEncode(e)
	}
}

// refuses stops the test unless the post office refuses a commit, with the class, and delivers nothing of it
// (AMB-PST-01).
func (s *stage) refuses(class refusal.Class, commit []byte) {
	before := s.mailboxes()
	s.Refuse(class, shim.OfficeAppend, shim.Params{Message: commit})
	var after []string
	s.Aside(func() { after = s.mailboxes() })
	if !slices.Equal(before, after) {
		s.Violation(verdict.StateChanged, "a refused commit has changed a mailbox",
			fmt.Sprintf("%d mails as before", len(before)), fmt.Sprintf("%d mails", len(after)))
	}
}

// refusesEntry stops the test unless an entry of Alice with these changes is refused.
func (s *stage) refusesEntry(class refusal.Class, changes ...change) {
	s.refuses(class, s.entry(s.alice[0], s.b, changes...))
}

// mailboxes returns the mails of all devices.
func (s *stage) mailboxes() []string {
	var all []string
	for _, m := range slices.Concat(s.alice, s.bob) {
		for _, mail := range s.Unread(m, 0) {
			all = append(all, string(mail))
		}
	}
	return all
}

// bundle fetches the bundle of an account. It returns the error of decoding it.
func (s *stage) bundle(id account.ID) (*account.Bundle, error) {
	encoded, err := s.Office.Bundle(id)
	s.Understood(err)
	b := &account.Bundle{}
	return b, codec.Decode(encoded, b)
}

// goesOn stops the test unless the conversation goes on.
func (s *stage) goesOn() {
	s.Send(s.alice[1], s.b, "goes on")
	s.Send(s.bob[1], s.a, "it does")
	s.Sync(s.alice, s.bob)
	s.InStep(s.alice, s.b)
	s.InStep(s.bob, s.a)
}

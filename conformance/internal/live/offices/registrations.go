package offices

import (
	"credence/internal/malicious"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

func refusesRegistrations(s *stage) {
	registration, foreign := s.registration(), s.registration()
	for _, wrong := range s.wrongRegistrations(foreign) {
		s.refuses(wrong.class, s.changed(registration, wrong.change))
	}
	for _, weak := range malicious.LowOrderAccounts { // AMB-ACC-12
		s.refuses(refusal.BadSignature, s.changed(registration, func(c *postoffice.Commit) {
			c.Account, c.Rotation.List.Account, c.Rotation.Statement.Account = weak, weak, weak
			malicious.SignList(&c.Rotation.List)
			malicious.SignStatement(&c.Rotation.Statement)
		}))
	}
	s.Understood(s.Office.Append(registration))
	s.refuses(refusal.Duplicate, registration)
	s.goesOn()
}

// registration makes the commit that registers an account of the reference.
func (s *stage) registration() []byte {
	_, registration, err := ambassador.Register(s.Random)
	s.NoFault(err)
	return registration
}

// wrongRegistrations returns what can be wrong with a registration. foreign is that of another account.
func (s *stage) wrongRegistrations(foreign []byte) []wrongCommit {
	other := &postoffice.Commit{}
	s.NoFault(codec.Decode(foreign, other))
	return []wrongCommit{
		{refusal.BadSignature, func(c *postoffice.Commit) { c.Rotation.List.Signature[0] ^= 1 }},
		{refusal.BadSignature, func(c *postoffice.Commit) { c.Rotation.Statement.Signature[0] ^= 1 }},
		{refusal.Malformed, func(c *postoffice.Commit) { c.Number = 2 }},
		{refusal.Malformed, func(c *postoffice.Commit) { c.Account, c.Rotation.List.Epoch = s.a, c.Epoch+1 }},
		{refusal.Malformed, func(c *postoffice.Commit) {
			c.Parcels = []postoffice.Parcel{{Device: c.Device, Body: []byte{1}}}
		}},
		{refusal.Malformed, func(c *postoffice.Commit) {
			c.Rotation.Statement, c.Rotation.Publication = other.Rotation.Statement, other.Rotation.Publication
		}},
		{refusal.Malformed, func(c *postoffice.Commit) { c.Rotation.Publication.FirstOneTimeID = 21 }},
		{refusal.Malformed, func(c *postoffice.Commit) { c.Rotation.Publication.SignedPrekeyID = 2 }},
	}
}

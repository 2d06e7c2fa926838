package accounts

import (
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
)

// office is the post office of a play: what reaches it is seen by the attacker.
type office struct {
	postoffice.Service
	player *player
}

// Append lets the attacker see a commit, also one that is refused.
func (o *office) Append(commit []byte) error {
	p := o.player
	before := len(p.post.Sent)
	p.post.Released(commit)
	m := &postoffice.Commit{}
	if codec.Decode(commit, m) == nil {
		p.released[m.Device]++
		p.ledger.released(p.event, m, p.recipient(m.Entry), p.post.Sent[before:])
	}
	if e, err := conversation.ParseEntry(m.Entry); err == nil {
		for _, s := range p.post.Sent[before:] {
			if s.Entry {
				p.entries[s.Message] = e
			}
		}
	}
	return o.Service.Append(commit)
}

// recipient returns the name of the account that an entry is for, or "".
func (p *player) recipient(entry []byte) string {
	e, err := conversation.ParseEntry(entry)
	if err != nil {
		return ""
	}
	u := p.userWhere(func(u *user) bool { return u.id == e.Recipient })
	if u == nil {
		return ""
	}
	return u.name
}

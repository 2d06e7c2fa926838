package faults

import (
	"credence/conformance/scenario"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
)

// abuse lets a device mean harm: an entry that it has really made is changed and brought to the post office. Its own
// application takes it for refused.
func (p *player) abuse(d *device, to *user, part string) string {
	commit, err := p.entry(d, to, "abuse")
	if err != nil {
		return p.tolerate(err)
	}
	p.hostile[side{d.user.id, to.id}] = true
	changed, ok := p.abused(commit, d, part)
	if !ok {
		d.Device.PostOfficeRefused()
		return ": it has no such part"
	}
	delete(p.attempts, string(commit))
	err = p.deliver(d, changed)
	if err == nil {
		p.spoiled[pairOf(d.user.id, to.id)] = true
	}
	d.Device.PostOfficeRefused()
	if err == nil {
		return ": accepted"
	}
	return p.tolerate(err)
}

// abused returns a commit with a part of its entry changed, if it has the part.
func (p *player) abused(commit []byte, d *device, part string) ([]byte, bool) {
	m := &postoffice.Commit{}
	if codec.Decode(commit, m) != nil {
		return nil, false
	}
	e, err := conversation.ParseEntry(m.Entry)
	if err != nil {
		return nil, false
	}
	switch part {
	case scenario.OtherSeq:
		e.Seq += 7
	case scenario.OtherPrevious:
		e.Previous[0] ^= 1
	case scenario.OtherMessage:
		e.Message[len(e.Message)-1] ^= 1
	case scenario.OtherPrekey:
		if e.Start == nil {
			return nil, false
		}
		e.Start.SignedPrekeyID += 1000
	case scenario.OlderPlace: // as if it had lost the newest place in a race
		l := p.network.offices[d.side].log(e.Sender, e.Recipient)
		if e.Seq != uint64(len(l.places))+1 || e.Seq < 2 {
			return nil, false
		}
		e.Seq--
		e.Previous = l.head(pairOf(e.Sender, e.Recipient), int(e.Seq)-1)
	default:
		return nil, false
	}
	if m.Entry, err = codec.Encode(e); err != nil {
		return nil, false
	}
	changed, err := codec.Encode(m)
	return changed, err == nil
}

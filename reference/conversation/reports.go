package conversation

import (
	"fmt"
	"slices"

	"credence/reference/channel"
	"credence/reference/codec"
	"credence/spec/refusal"
)

// Content is what the message of an entry seals (SPEC.md 10.2): what the sender could not read, and the text. An entry
// without a text is an answer.
type Content struct {
	Unread []channel.Range // places of the recipient's entries
	Text   []byte
}

// Fields is SPEC.md 10.2.
func (m *Content) Fields(c *codec.Coder) {
	channel.Ranges(c, "unread", &m.Unread)
	c.Vector("text", &m.Text, 0, codec.Most)
}

// parseContent reads the content of an entry. It returns refusal.Malformed with the field.
func parseContent(plaintext []byte, e *Entry) (*Content, error) {
	m := &Content{}
	if err := codec.Decode(plaintext, m); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	if n := len(m.Unread); n > 0 && m.Unread[n-1].Last >= e.Seq {
		return nil, fmt.Errorf("%w: content: unread: places after the entry", refusal.Malformed)
	}
	return m, nil
}

// Reports is what the two accounts tell each other of entries that were not read (SPEC.md 10.6). It follows from the
// log, and is never changed: each method gives the next one.
type Reports struct {
	Unread []channel.Range `json:"unread"` // void entries of the peer, until the peer has read of it
	Listed int             `json:"listed"` // of which so many were told in an own entry of the session
	Doubt  bool            `json:"doubt"`  // an entry of the peer was void, and none was read since
	Auto   bool            `json:"auto"`   // the newest own entry is an answer, and no entry of the peer was read since
	Told   uint64          `json:"told"`   // the highest own place that the peer has told of
}

// Owes reports whether an answer is due (AMB-LOG-18).
func (r Reports) Owes() bool { return len(r.Unread) > r.Listed && !r.Auto }

// void notes an entry of the peer that cannot be read.
func (r Reports) void(seq uint64) Reports {
	r.Doubt = true
	if n := len(r.Unread); n > r.Listed && r.Unread[n-1].Last == seq-1 {
		r.Unread = slices.Clone(r.Unread)
		r.Unread[n-1].Last = seq
		return r
	}
	r.Unread = append(slices.Clip(r.Unread), channel.Range{First: seq, Last: seq})
	if len(r.Unread) > channel.MostRanges {
		r.Unread, r.Listed = r.Unread[1:], max(r.Listed-1, 0)
	}
	return r
}

// made notes an own entry.
func (r Reports) made(content *Content) Reports {
	r.Listed = min(len(content.Unread), len(r.Unread))
	r.Auto = len(content.Text) == 0
	return r
}

// heard notes an entry of the peer that was read: one in the session that this account has spoken in confirms what was
// told there. It returns what the peer could not read and has not told before.
func (r Reports) heard(e *Entry, content *Content) (Reports, []channel.Range) {
	r.Doubt, r.Auto = false, false
	if e.Start == nil {
		r.Unread = r.Unread[r.Listed:]
	}
	r.Listed = 0
	var undelivered []channel.Range
	for _, run := range content.Unread {
		if run.Last > r.Told {
			undelivered = append(undelivered, channel.Range{First: max(run.First, r.Told+1), Last: run.Last})
			r.Told = run.Last
		}
	}
	return r, undelivered
}

// cut ends the epoch.
func (r Reports) cut() Reports {
	r.Listed, r.Doubt, r.Auto = 0, false, false
	return r
}

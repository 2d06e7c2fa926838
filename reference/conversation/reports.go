package conversation

import (
	"cmp"
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

// readContent reads the content of an entry. What breaks the rules is read as empty, since the session has moved: its
// sender has sealed it (AMB-LOG-20).
func readContent(plaintext []byte, e *Entry) (m *Content, err error) {
	m = &Content{}
	if err := codec.Decode(plaintext, m); err != nil {
		return &Content{}, fmt.Errorf("content: %w", err)
	}
	if n := len(m.Unread); n > 0 && m.Unread[n-1].Last >= e.Seq {
		return &Content{}, fmt.Errorf("%w: content: unread: places after the entry", refusal.Malformed)
	}
	return m, nil
}

// Reports is what the two accounts tell each other of entries that were not read (SPEC.md 10.6). It follows from the
// log, and is never changed: each method gives the next one.
type Reports struct {
	Unread []channel.Range `json:"unread"` // of the peer's entries, until the peer has read of it
	Named  []channel.Range `json:"named"`  // by own entries of the session
	Doubt  bool            `json:"doubt"`  // an entry of the peer was void, and none was read since
	Auto   uint32          `json:"auto"`   // the newest own entry is an answer to this epoch of the peer; or 0
	AutoAt uint64          `json:"auto_at"`
	Told   []channel.Range `json:"told"` // own entries that the peer has named
}

// Owes reports whether an answer is due (AMB-LOG-18): after an answer, only for what stands before it.
func (r Reports) Owes() bool {
	owed := without(r.Unread, r.Named)
	return len(owed) > 0 && (r.Auto == 0 || owed[0].First < r.AutoAt)
}

// Missed notes places whose entries cannot be read (AMB-LOG-16).
func (r Reports) Missed(first, last uint64) Reports {
	r.Unread = with(r.Unread, channel.Range{First: first, Last: last})
	return r
}

// void notes an entry of the peer that cannot be read. In another epoch of the peer than the answer was for, one more
// answer may be due.
func (r Reports) void(e *Entry) Reports {
	r.Doubt = true
	if r.Auto != e.SenderEpoch {
		r.Auto, r.AutoAt = 0, 0
	}
	return r.Missed(e.Seq, e.Seq)
}

// made notes an own entry. A device takes over what a sibling has named: the two may know of different places, if one
// of them is new (AMB-LOG-26).
func (r Reports) made(e *Entry, content *Content) Reports {
	if e.Start != nil {
		r.Named = nil
	}
	for _, run := range content.Unread {
		r.Unread, r.Named = with(r.Unread, run), with(r.Named, run)
	}
	r.Auto, r.AutoAt = 0, 0
	if len(content.Text) == 0 {
		r.Auto, r.AutoAt = e.RecipientEpoch, e.Seq
	}
	return r
}

// heard notes an entry of the peer that was read: one in a session in which this account has spoken confirms what was
// named there (AMB-LOG-27). It returns what the peer could not read and has not named before (AMB-LOG-17).
func (r Reports) heard(e *Entry, content *Content) (Reports, []channel.Range) {
	r.Doubt, r.Auto, r.AutoAt = false, 0, 0
	if e.Start == nil {
		r.Unread = without(r.Unread, r.Named)
	}
	r.Named = nil
	undelivered := without(content.Unread, r.Told)
	for _, run := range undelivered {
		r.Told = with(r.Told, run)
	}
	return r, undelivered
}

// New returns the reports of a device that is new at a place: of the entries before it there is nothing to be told.
func (r Reports) New(seq uint64) Reports {
	return Reports{Told: []channel.Range{{First: 1, Last: seq}}}
}

// cut ends the epoch.
func (r Reports) cut() Reports {
	r.Named, r.Doubt, r.Auto, r.AutoAt = nil, false, 0, 0
	return r
}

// with returns runs of places with one more, in order. Beyond the most that an entry can name, the two oldest become
// one: rather too much is named than too little (AMB-LOG-28).
func with(runs []channel.Range, run channel.Range) []channel.Range {
	var all []channel.Range
	for _, r := range append(without(runs, []channel.Range{run}), run) {
		at, _ := slices.BinarySearchFunc(all, r, func(a, b channel.Range) int { return cmp.Compare(a.First, b.First) })
		all = slices.Insert(all, at, r)
	}
	for i := len(all) - 1; i > 0; i-- {
		if all[i-1].Last+1 == all[i].First {
			all[i-1].Last = all[i].Last
			all = slices.Delete(all, i, i+1)
		}
	}
	if len(all) > channel.MostRanges {
		all[1].First = all[0].First
		all = all[1:]
	}
	return all
}

// without returns runs of places less others.
func without(runs, less []channel.Range) []channel.Range {
	for _, l := range less {
		var left []channel.Range
		for _, r := range runs {
			if r.First < l.First {
				left = append(left, channel.Range{First: r.First, Last: min(r.Last, l.First-1)})
			}
			if r.Last > l.Last {
				left = append(left, channel.Range{First: max(r.First, l.Last+1), Last: r.Last})
			}
		}
		runs = left
	}
	return runs
}

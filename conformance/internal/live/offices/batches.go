package offices

import (
	"bytes"
	"fmt"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// shelf is what an account's bundles have to be made of.
type shelf struct {
	*puppet
	given int // one-time prekeys of the newest batch that were handed out
}

// hands stops the test unless the next bundle is that of SPEC.md 9.3: of the newest batch, with its next one-time
// prekey, or without one when none is left.
func (s *shelf) hands() *account.Bundle {
	newest := s.newest()
	want := &account.Bundle{
		Statement: s.statement, SignedPrekeyID: newest.SignedPrekeyID, SignedPrekey: newest.SignedPrekey,
		PrekeySignature: newest.PrekeySignature,
	}
	if s.given < account.Batch {
		want.OneTimePrekeyID = newest.FirstOneTimeID + uint32(s.given)
		want.OneTimePrekey = newest.OneTimePrekeys[s.given]
		s.given++
	}
	encoded, err := s.Office.Bundle(s.id)
	s.Understood(err)
	if !bytes.Equal(encoded, s.encoded(want)) {
		got := &account.Bundle{}
		err := codec.Decode(encoded, got)
		s.Violation(verdict.Mismatch, fmt.Sprintf("a bundle after %d of the newest batch", s.given), suite.JSON(want),
			fmt.Sprint(suite.JSON(got), err))
	}
	return want
}

// left stops the test unless every device of the account is told how many one-time prekeys are left (SPEC.md 9.4).
func (s *shelf) left() {
	for _, d := range s.list.Devices {
		box, err := s.Office.Fetch(s.id, d.ID, 1)
		s.Understood(err)
		if want := account.Batch - s.given; box.Prekeys != want {
			s.Violation(verdict.Mismatch, "the number of one-time prekeys that are left", fmt.Sprint(want),
				fmt.Sprint(box.Prekeys))
		}
	}
}

// replaces publishes the next batch.
func (s *shelf) replaces(device int) {
	s.publishes(device)
	s.given = 0
}

// servesInOrder takes bundles of two accounts by turns, while both publish more and rotate: whatever is left of a batch
// when the next one comes is not handed out any more.
func servesInOrder(c *crowd) {
	shelves := []*shelf{{puppet: c.puppet(account.Active)}, {puppet: c.puppet(account.Pending, account.Active)}}
	for _, taken := range []int{0, account.Batch + 2, 1, account.Batch, 3, account.Batch + 2, account.Batch - 1} {
		for i, s := range shelves {
			for range taken {
				s.hands()
				s.left()
			}
			s.replaces(2 * i) // by a companion too
			s.left()
		}
		shelves[1].hands()
	}
	for _, s := range shelves {
		s.hands()
		s.rotates(func(*account.List) {})
		s.given = 0
		s.left()
		for range account.Batch + 1 {
			s.hands()
		}
		s.replaces(0)
		s.hands()
	}
}

// wrongBatch is a change that makes a publication wrong, and the class of its refusal.
type wrongBatch struct {
	name   string
	class  refusal.Class
	change change
}

// wrongBatches are publications that must be refused, from any active device, and after which bundles go on as before.
func wrongBatches(c *crowd) {
	wrong := []wrongBatch{
		{"the batch that is there", refusal.Conflict, ids(0, 0)},
		{"its signed prekey id", refusal.Conflict, ids(0, account.Batch)},
		{"its one-time prekey ids", refusal.Conflict, ids(1, 0)},
		{"the batch before", refusal.Conflict, ids(-1, -account.Batch)},
		{"the batch after the next", refusal.Conflict, ids(2, 2*account.Batch)},
		{"one id too low", refusal.Conflict, ids(1, account.Batch-1)},
		{"one id too high", refusal.Conflict, ids(1, account.Batch+1)},
		{"no siblings", refusal.WrongDevices, func(m *postoffice.Commit) { m.Parcels = nil }},
		{"another signed prekey", refusal.BadSignature, func(m *postoffice.Commit) {
			m.Publication.SignedPrekey[3] ^= 1
		}},
		{"wrong ids, and a signature too", refusal.BadSignature, func(m *postoffice.Commit) {
			m.Publication.PrekeySignature[40] ^= 1
			m.Publication.SignedPrekeyID++
		}},
	}
	for _, off := range far32 {
		wrong = append(wrong,
			wrongBatch{fmt.Sprintf("a signed prekey id %+d", off), refusal.Conflict, ids(1+off, account.Batch)},
			wrongBatch{fmt.Sprintf("one-time prekey ids %+d", off), refusal.Conflict, ids(1, account.Batch+off)})
	}
	c.tryAll(func() (trials []suite.Trial) {
		s := &shelf{puppet: c.puppet(account.Active)}
		s.replaces(0)
		s.replaces(1)
		for i, w := range wrong {
			trials = append(trials, suite.Trial{Name: w.name, Try: func() {
				m := s.batch(i % 2)
				w.change(m)
				s.refuses(w.class, m)
				if i%3 == 0 {
					s.hands()
				}
			}})
		}
		return append(trials, suite.Trial{Name: "the next batch after all that", Try: func() {
			s.hands()
			s.replaces(1)
			s.hands()
		}})
	})
}

// ids returns a change of a publication, to ids that are so much above those of the newest batch.
func ids(signed, oneTime int64) change {
	return func(m *postoffice.Commit) {
		m.Publication.SignedPrekeyID += uint32(signed - 1)
		m.Publication.FirstOneTimeID += uint32(oneTime - account.Batch)
	}
}

// start is a start that names prekeys.
type start struct {
	name            string
	signed, oneTime uint32
	class           refusal.Class // of the refusal, or none
}

// namesPrekeys brings starts to an account that has published three batches and handed all of them out.
func namesPrekeys(c *crowd) {
	const signed, none, older, newer = 3, 0, account.Batch + 1, 2*account.Batch + 1
	const gone = refusal.UnknownPrekey
	starts := []start{
		{"the first of the newest batch", signed, newer, ""},
		{"it again", signed, newer, gone},
		{"it again, with the other signed prekey", signed - 1, newer, gone},
		{"the last of the newest batch", signed, newer + account.Batch - 1, ""},
		{"it again", signed, newer + account.Batch - 1, gone},
		{"one beyond the newest batch", signed, newer + account.Batch, gone},
		{"the first of the older batch", signed, older, ""},
		{"it again", signed - 1, older, gone},
		{"the last of the older batch, with its signed prekey", signed - 1, newer - 1, ""},
		{"it again", signed, newer - 1, gone},
		{"one of the newest batch, with the older signed prekey", signed - 1, newer + 1, ""},
		{"the last of the batch before", signed, older - 1, gone},
		{"the first of the batch before", signed, 1, gone},
		{"the signed prekey of the batch before", signed - 2, none, gone},
		{"the batch before", signed - 2, 1, gone},
		{"a signed prekey that is not there yet", signed + 1, none, gone},
		{"no one-time prekey", signed, none, ""},
		{"none again", signed, none, ""},
		{"none, with the older signed prekey", signed - 1, none, ""},
	}
	for _, off := range far32 {
		starts = append(starts,
			start{fmt.Sprintf("a signed prekey id %+d", off), uint32(signed + off), none, gone},
			start{fmt.Sprintf("a one-time prekey id %+d", off), signed, uint32(newer + 2 + off), gone})
	}
	c.tryAll(func() (trials []suite.Trial) {
		from, other, to := c.puppet(), c.puppet(), &shelf{puppet: c.puppet()}
		to.hands()
		from.starts(to.puppet, start{"", 1, 1, ""})
		for range 2 {
			to.empty()
			to.replaces(0)
		}
		to.empty()
		for i, s := range starts {
			by := []*puppet{from, other}[i%2]
			trials = append(trials, suite.Trial{
				Name: fmt.Sprintf("start %d: %s", i, s.name), Try: func() { by.starts(to.puppet, s) },
			})
		}
		return append(trials, inTheNextEpoch(from, to)...)
	})
}

// empty takes all one-time prekeys that are left.
func (s *shelf) empty() {
	for s.given < account.Batch {
		s.hands()
	}
}

// starts brings a start that names prekeys.
func (p *puppet) starts(to *puppet, s start) {
	p.gets(s.class, p.entry(0, to, func(e *conversation.Entry) {
		e.Start.SignedPrekeyID, e.Start.OneTimePrekeyID = s.signed, s.oneTime
	}))
}

// inTheNextEpoch are trials in the next epoch of the recipient: its ids are other prekeys, of which none is used.
func inTheNextEpoch(from *puppet, to *shelf) (trials []suite.Trial) {
	for i, s := range []start{
		{"a used id in the next epoch", 1, 1, ""},
		{"it again", 1, 1, refusal.UnknownPrekey},
		{"a signed prekey of the epoch before", 3, 0, refusal.UnknownPrekey},
		{"another one of the epoch before", 2, 0, refusal.UnknownPrekey},
		{"a one-time prekey of the epoch before", 1, 2*account.Batch + 5, refusal.UnknownPrekey},
		{"a fresh one", 1, 2, ""},
	} {
		trials = append(trials, suite.Trial{Name: fmt.Sprintf("later start %d: %s", i, s.name), Try: func() {
			if i == 0 {
				to.rotates(func(*account.List) {})
				to.given = 0
				to.hands()
				to.hands()
			}
			from.starts(to.puppet, s)
		}})
	}
	return trials
}

package postoffice

import (
	"fmt"
	"slices"

	"credence/reference/account"
	"credence/reference/conversation"
	"credence/spec/refusal"
)

// batch is a publication with what has become of its one-time prekeys.
type batch struct {
	account.Publication
	unused []uint32        // ids that were not handed out
	used   map[uint32]bool // ids that stand in an accepted start
}

// kept is the number of publications that a start may name: devices keep the private keys of as many (AMB-ACC-07).
const kept = 2

// newest returns the publication that bundles are made of.
func (a *accountState) newest() *batch { return &a.batches[len(a.batches)-1] }

func (a *accountState) publish(p *account.Publication) {
	b := batch{Publication: *p, used: map[uint32]bool{}}
	for i := range p.OneTimePrekeys {
		b.unused = append(b.unused, p.FirstOneTimeID+uint32(i))
	}
	a.batches = append(a.batches, b)
	a.batches = a.batches[max(0, len(a.batches)-kept):]
}

// bundle returns the bundle with the next one-time prekey, which is then handed out (AMB-PST-03).
func (b *batch) bundle(statement account.EpochStatement) account.Bundle {
	bundle := account.Bundle{
		Statement: statement, SignedPrekeyID: b.SignedPrekeyID, SignedPrekey: b.SignedPrekey,
		PrekeySignature: b.PrekeySignature,
	}
	if len(b.unused) > 0 {
		bundle.OneTimePrekeyID = b.unused[0]
		bundle.OneTimePrekey = b.OneTimePrekeys[b.unused[0]-b.FirstOneTimeID]
		b.unused = b.unused[1:]
	}
	return bundle
}

// available refuses a start that names prekeys which the recipient's devices do not hold any more (AMB-PST-13).
func (a *accountState) available(s *conversation.Start) error {
	if !slices.ContainsFunc(a.batches, func(b batch) bool { return b.SignedPrekeyID == s.SignedPrekeyID }) {
		return fmt.Errorf("%w: signed prekey %d", refusal.UnknownPrekey, s.SignedPrekeyID)
	}
	if id := s.OneTimePrekeyID; id != 0 {
		if b := a.holding(id); b == nil || b.used[id] {
			return fmt.Errorf("%w: one-time prekey %d", refusal.UnknownPrekey, id)
		}
	}
	return nil
}

// use notes that a one-time prekey stands in an accepted start; 0 is none.
func (a *accountState) use(oneTime uint32) {
	if b := a.holding(oneTime); b != nil {
		b.used[oneTime] = true
	}
}

// holding returns the publication of a one-time prekey, or nil.
func (a *accountState) holding(oneTime uint32) *batch {
	for i := range a.batches {
		if b := &a.batches[i]; oneTime >= b.FirstOneTimeID && oneTime-b.FirstOneTimeID < account.Batch {
			return b
		}
	}
	return nil
}

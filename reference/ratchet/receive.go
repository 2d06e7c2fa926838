package ratchet

import (
	"fmt"
	"io"
	"slices"

	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/spec/refusal"
)

// Decrypt is SPEC.md 5.4. Eager sets draw a ratchet key from rand when the message brings a new one; lazy sets never
// draw (AMB-RAT-14). It returns the refusals of wire.Parse, refusal.NotReady, refusal.Duplicate, refusal.SkipLimit,
// refusal.LowOrderKey, refusal.Authentication, or the error of rand; the state is then unchanged.
func (s *State) Decrypt(rand io.Reader, message []byte) ([]byte, error) {
	return s.DecryptIn(rand, nil, message)
}

// DecryptIn is Decrypt with the context of EncryptIn.
func (s *State) DecryptIn(rand io.Reader, context, message []byte) ([]byte, error) {
	m, err := wire.Parse(s.Set, message)
	if err != nil {
		return nil, err
	}
	next := *s
	next.Chains = slices.Clone(s.Chains)
	mk, err := next.messageKey(rand, m.Header)
	if err != nil {
		return nil, err
	}
	plaintext, err := m.Open(mk, s.associatedData(false, context))
	if err != nil {
		return nil, err
	}
	next.evict()
	*s = next
	return plaintext, nil
}

// Header returns the header of a message of the session, whether it was read or not, and the refusals of wire.Parse.
func (s *State) Header(message []byte) (wire.Header, error) {
	m, err := wire.Parse(s.Set, message)
	if err != nil {
		return wire.Header{}, err
	}
	return m.Header, nil
}

// messageKey moves the receiving side to the message and gives its key.
func (s *State) messageKey(rand io.Reader, h wire.Header) ([]byte, error) {
	i := slices.IndexFunc(s.Chains, func(c Chain) bool { return c.DH == h.Key })
	if i < 0 {
		if err := s.receiveRatchetKey(rand, h); err != nil {
			return nil, err
		}
		i = len(s.Chains) - 1
	}
	return s.Chains[i].messageKey(h.N, s.Set.MaxSkip)
}

// receiveRatchetKey starts the receiving chain of a new ratchet key.
func (s *State) receiveRatchetKey(rand io.Reader, h wire.Header) error {
	if s.DHs == nil {
		return fmt.Errorf("%w: a new ratchet key before anything was sent", refusal.NotReady)
	}
	s.closeNewest(h.PN)
	s.DHr = &h.Key
	ck, err := s.ratchetRoot()
	if err != nil {
		return err
	}
	s.Chains = append(s.Chains, Chain{DH: h.Key, CK: ck})
	if s.Set.Lazy {
		s.CKs = nil
		return nil
	}
	return s.newSendingChain(rand)
}

// closeNewest stores the keys up to pn of the chain that ends, and closes it. Too many are given up, not refused
// (AMB-RAT-22, AMB-RAT-27); a pn that is not above the next number stores none (AMB-RAT-26).
func (s *State) closeNewest(pn uint64) {
	if !s.Set.ClosesChains || len(s.Chains) == 0 {
		return
	}
	newest := &s.Chains[len(s.Chains)-1]
	if newest.N < pn && pn-newest.N <= s.Set.MaxSkip {
		newest.skipTo(pn)
	}
	newest.CK = nil
}

// messageKey takes the key of message n out of the chain (AMB-RAT-06).
func (c *Chain) messageKey(n, maxSkip uint64) ([]byte, error) {
	if n < c.N || c.CK == nil {
		return c.takeSkipped(n)
	}
	if n-c.N > maxSkip { // AMB-RAT-20
		return nil, fmt.Errorf("%w: %d keys", refusal.SkipLimit, n-c.N)
	}
	c.skipTo(n)
	var mk []byte
	c.CK, mk = primitive.KDFCK(c.CK)
	c.N++
	return mk, nil
}

// skipTo stores the message keys of c.N to n-1.
func (c *Chain) skipTo(n uint64) {
	if c.N >= n {
		return
	}
	c.Skipped = slices.Grow(slices.Clip(c.Skipped), int(n-c.N)) // Clip: the array may belong to the state before
	for ; c.N < n; c.N++ {
		var mk []byte
		c.CK, mk = primitive.KDFCK(c.CK)
		c.Skipped = append(c.Skipped, SkippedKey{c.N, mk})
	}
}

func (c *Chain) takeSkipped(n uint64) ([]byte, error) {
	i := slices.IndexFunc(c.Skipped, func(k SkippedKey) bool { return k.N == n })
	if i < 0 {
		return nil, fmt.Errorf("%w: message %d", refusal.Duplicate, n)
	}
	mk := c.Skipped[i].MK
	c.Skipped = slices.Concat(c.Skipped[:i], c.Skipped[i+1:])
	return mk, nil
}

// evict applies the limits of SPEC.md 5.5.
func (s *State) evict() {
	if s.Set.MaxChains > 0 && len(s.Chains) > s.Set.MaxChains { // AMB-RAT-23
		s.Chains = slices.Clone(s.Chains[len(s.Chains)-s.Set.MaxChains:])
	}
	if s.Set.MaxChains == 0 {
		s.Chains = slices.DeleteFunc(s.Chains, func(c Chain) bool { return c.CK == nil && len(c.Skipped) == 0 })
	}
	if s.Set.StoredPerChain {
		for i := range s.Chains {
			s.Chains[i].dropOldest(len(s.Chains[i].Skipped) - s.Set.MaxStored)
		}
		return
	}
	s.dropOldest(s.stored() - s.Set.MaxStored)
}

func (s *State) stored() (n int) {
	for _, c := range s.Chains {
		n += len(c.Skipped)
	}
	return n
}

// dropOldest drops n stored keys of the session, the oldest first (AMB-RAT-21).
func (s *State) dropOldest(n int) {
	for i := 0; n > 0; i++ {
		k := min(n, len(s.Chains[i].Skipped))
		s.Chains[i].dropOldest(k)
		n -= k
	}
}

func (c *Chain) dropOldest(n int) {
	if n > 0 {
		c.Skipped = slices.Clone(c.Skipped[n:])
	}
}

package ratchet

import (
	"fmt"
	"io"
	"math"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/refusal"
	"credence/reference/wire"
)

// Encrypt is SPEC.md 5.3. It draws a ratchet key from rand if one is due. It returns refusal.NotReady (AMB-RAT-03),
// refusal.Exhausted (AMB-RAT-09), or the error of rand; the state is then unchanged.
func (s *State) Encrypt(rand io.Reader, plaintext []byte) ([]byte, error) {
	next := *s
	if err := next.turn(rand); err != nil {
		return nil, err
	}
	if next.Ns >= math.MaxUint32 {
		return nil, fmt.Errorf("%w: sending chain", refusal.Exhausted)
	}
	header := wire.Header{Key: primitive.Public(next.DHs), PN: next.headerPN(), N: next.Ns}
	var mk []byte
	next.CKs, mk = primitive.KDFCK(next.CKs)
	next.Ns++
	*s = next
	return wire.Seal(s.Set, mk, s.AssociatedData(true), header, plaintext), nil
}

// turn starts a new sending chain if one is due (AMB-RAT-07, AMB-RAT-08).
func (s *State) turn(rand io.Reader) error {
	if s.CKs != nil && (s.Cadence == PerTurn || s.Ns == 0) {
		return nil
	}
	if s.DHr == nil {
		return fmt.Errorf("%w: nothing received yet", refusal.NotReady)
	}
	return s.newSendingChain(rand)
}

func (s *State) newSendingChain(rand io.Reader) (err error) {
	if s.DHs, err = primitive.GeneratePrivate(rand); err != nil {
		return err
	}
	s.PN, s.Ns = s.Ns, 0
	s.CKs, err = s.ratchetRoot()
	return err
}

// headerPN is pn as the set wants it (AMB-RAT-05).
func (s *State) headerPN() uint64 {
	if s.Set.PN == params.PNMinusOne && s.PN > 0 {
		return s.PN - 1
	}
	return s.PN
}

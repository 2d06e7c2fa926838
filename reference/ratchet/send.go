package ratchet

import (
	"bytes"
	"fmt"
	"io"
	"math"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/spec/refusal"
)

// Encrypt is SPEC.md 5.3. It draws a ratchet key from rand if one is due. It returns refusal.NotReady (AMB-RAT-03),
// refusal.Exhausted (AMB-RAT-09), or the error of rand; the state is then unchanged.
func (s *State) Encrypt(rand io.Reader, plaintext []byte) ([]byte, error) {
	return s.EncryptIn(rand, nil, plaintext)
}

// EncryptIn is Encrypt with a context: bytes that both sides know, authenticated after the associated data of the
// session and before the header (SPEC.md 5.6).
func (s *State) EncryptIn(rand io.Reader, context, plaintext []byte) ([]byte, error) {
	next := *s
	header, mk, err := next.nextMessage(rand)
	if err != nil {
		return nil, err
	}
	*s = next
	return wire.Seal(s.Set, mk, s.associatedData(true, context), header, plaintext), nil
}

// nextMessage moves the sending side to the next message and gives its header and key.
func (s *State) nextMessage(rand io.Reader) (h wire.Header, mk []byte, err error) {
	if err := s.turn(rand); err != nil {
		return h, nil, err
	}
	if s.Ns >= math.MaxUint32 {
		return h, nil, fmt.Errorf("%w: sending chain", refusal.Exhausted)
	}
	h = wire.Header{Key: primitive.Public(s.DHs), PN: s.headerPN(), N: s.Ns}
	s.CKs, mk = primitive.KDFCK(s.CKs)
	s.Ns++
	return h, mk, nil
}

// Follow makes the step of a message that another device with the same state has sent, and reads it (SPEC.md 10.4).
// private is the ratchet key of that device, which its step has drawn. It returns the refusals of wire.Parse,
// refusal.Authentication if the message does not follow from the state and the key, and those of Encrypt; the state is
// then unchanged.
func (s *State) Follow(private [primitive.KeySize]byte, context, message []byte) ([]byte, error) {
	m, err := wire.Parse(s.Set, message)
	if err != nil {
		return nil, err
	}
	next := *s
	header, mk, err := next.nextMessage(bytes.NewReader(private[:]))
	if err != nil {
		return nil, err
	}
	if header != m.Header {
		return nil, fmt.Errorf("%w: the message does not follow from the state", refusal.Authentication)
	}
	plaintext, err := m.Open(mk, s.associatedData(true, context))
	if err != nil {
		return nil, err
	}
	*s = next
	return plaintext, nil
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

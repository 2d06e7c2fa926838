package main

import (
	"crypto/ecdh"
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/session"
	"credence/reference/xeddsa"
)

// sets are the parameter sets whose messages are measured, each with what the floor needs of it.
var sets = []floorSet{
	{params.AmbassadorV1, floorChaCha, 173 + 42},
	{params.SignalV3, floorCBC("WhisperMessageKeys"), 66 + 40},
	{params.OlmV1, floorCBC("OLM_KEYS"), 40},
}

type floorSet struct {
	*params.Set
	cipher floorCipher
	adSize int // bytes that are authenticated and not encrypted
}

// plaintext is what every message carries.
var plaintext = make([]byte, 64)

// end is one end of a chain in the floor.
type end struct{ ck []byte }

func (e *end) key() (mk []byte) {
	e.ck, mk = floorChain(e.ck)
	return mk
}

// message is a message within a chain, from sealing to opening.
func (s floorSet) message(from, to *end) {
	ad := make([]byte, s.adSize)
	s.cipher.open(to.key(), ad, s.cipher.seal(from.key(), ad, plaintext))
}

func each(b *testing.B, run func(b *testing.B, s floorSet, reference bool)) {
	for _, s := range sets {
		for _, who := range []string{"floor", "reference"} {
			b.Run("set="+s.Name+"/impl="+who, func(b *testing.B) {
				b.ReportAllocs()
				run(b, s, who == "reference")
			})
		}
	}
}

// BenchmarkOneWay is a message within a chain: made by one side, read by the other.
func BenchmarkOneWay(b *testing.B) {
	each(b, func(b *testing.B, s floorSet, reference bool) {
		if reference {
			p := newPair(b, s.Set)
			for b.Loop() {
				p.message(b, 0)
			}
			return
		}
		alice, bob := &end{zeros[:]}, &end{zeros[:]}
		for b.Loop() {
			s.message(alice, bob)
		}
	})
}

// BenchmarkPingPong is a message and its answer, each with a new ratchet key.
func BenchmarkPingPong(b *testing.B) {
	each(b, func(b *testing.B, s floorSet, reference bool) {
		if reference {
			p := newPair(b, s.Set)
			for b.Loop() {
				p.message(b, 0)
				p.message(b, 1)
			}
			return
		}
		own := floorDraw()
		for b.Loop() {
			for range 2 {
				own = s.turn(own)
			}
		}
	})
}

// turn is a message with a new ratchet key, from the drawing of the key to the reading of the message.
func (s floorSet) turn(peer *ecdh.PrivateKey) (own *ecdh.PrivateKey) {
	own = floorDraw()
	_, sending := floorRoot(zeros[:], floorDH(own, peer.PublicKey().Bytes()), s.RootInfo)
	_, receiving := floorRoot(zeros[:], floorDH(peer, own.PublicKey().Bytes()), s.RootInfo)
	s.message(&end{sending}, &end{receiving})
	return own
}

// BenchmarkSetUp is a session from the bundle to the reading of the first message: the signature is verified, and a
// one-time prekey is used.
func BenchmarkSetUp(b *testing.B) {
	each(b, func(b *testing.B, s floorSet, reference bool) {
		if reference {
			alice, bob := newParty(b, s.Set, 0), newParty(b, s.Set, 1)
			for b.Loop() {
				p := pair{alice.Clone(), bob.Clone()}
				p.start(b)
			}
			return
		}
		f := s.newSetUp()
		for b.Loop() {
			f.run()
		}
	})
}

// setUp is the floor of a session's beginning.
type setUp struct {
	floorSet
	key        *ecdh.PrivateKey // stands for every key that was there before
	signed     []byte
	signature  []byte
	agreements int // DH operations of each side
}

func (s floorSet) newSetUp() setUp {
	f := setUp{floorSet: s, key: floorDraw(), agreements: 4}
	f.signed = append([]byte(s.SignatureLabel), s.Encode(primitive.Public(f.key))...)
	if s.Signature == params.NoSignature {
		f.agreements = 3
		return f
	}
	f.signature = must(xeddsa.Sign(params.Strict, f.key, f.signed, rand.Reader))
	return f
}

func (f setUp) agree(own *ecdh.PrivateKey, public []byte) (secret []byte) {
	ikm := make([]byte, 0, 160)
	for range f.agreements {
		ikm = append(ikm, floorDH(own, public)...)
	}
	return floorHKDF(zeros[:], ikm, f.AgreementInfo, f.AgreementSize)
}

func (f setUp) run() {
	public := f.key.PublicKey().Bytes()
	if f.signature != nil {
		floorVerify(public, f.signed, f.signature)
	}
	ephemeral := floorDraw()
	f.agree(ephemeral, public)
	chain := f.agree(f.key, ephemeral.PublicKey().Bytes())[:32]
	own := floorDraw()
	if f.Start == params.Olm { // the first chain comes from the agreement
		f.message(&end{chain}, &end{chain})
		return
	}
	_, sending := floorRoot(zeros[:], floorDH(own, public), f.RootInfo)
	_, receiving := floorRoot(zeros[:], floorDH(f.key, own.PublicKey().Bytes()), f.RootInfo)
	f.message(&end{sending}, &end{receiving})
	if !f.Lazy { // the responder has the key of his answer ready
		floorRoot(zeros[:], floorDH(floorDraw(), own.PublicKey().Bytes()), f.RootInfo)
	}
}

// pair is two parties of the reference.
type pair [2]*session.Party

var names = [2]string{"alice", "bob"}

func newParty(b *testing.B, set *params.Set, oneTimePrekeys int) *session.Party {
	p, err := session.New(set, session.Options{OneTimePrekeys: oneTimePrekeys}, rand.Reader)
	require.NoError(b, err)
	return p
}

// newPair returns a session in which both sides have spoken, and the first of them is to speak.
func newPair(b *testing.B, set *params.Set) pair {
	p := pair{newParty(b, set, 0), newParty(b, set, 1)}
	p.start(b)
	p.message(b, 1)
	return p
}

func (p pair) start(b *testing.B) {
	require.NoError(b, p[0].Initiate("bob", p[1].Bundle(), rand.Reader))
	m, err := p[0].Encrypt("bob", plaintext, rand.Reader)
	require.NoError(b, err)
	_, err = p[1].Respond("alice", m.Body, rand.Reader)
	require.NoError(b, err)
}

func (p pair) message(b *testing.B, from int) {
	m, err := p[from].Encrypt(names[1-from], plaintext, rand.Reader)
	require.NoError(b, err)
	_, err = p[1-from].Decrypt(names[from], m, rand.Reader)
	require.NoError(b, err)
}

package adversary_test

import (
	"bytes"
	"crypto/ecdh"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/adversary"
	"credence/conformance/internal/schedule"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/wire"
	"credence/reference/x3dh"
)

// sets are the published sets, and each with one property changed.
func sets() (all []*params.Set) {
	changes := []func(s *params.Set){
		func(s *params.Set) { s.KeyPrefix = []byte{0x17, 0x18} },
		func(s *params.Set) { s.Identity = 1 - s.Identity },
		func(s *params.Set) { s.SignedPrekey = !s.SignedPrekey },
		func(s *params.Set) { s.OneTimePrekeyRequired = !s.OneTimePrekeyRequired },
		func(s *params.Set) { s.OneTimePrekeyByKey = !s.OneTimePrekeyByKey },
		func(s *params.Set) { s.RegistrationID = !s.RegistrationID },
		func(s *params.Set) { s.SenderFirst = !s.SenderFirst },
		func(s *params.Set) { s.PN = params.PNAbsent },
		func(s *params.Set) { s.AgreementPrefix = []byte("F") },
		func(s *params.Set) { s.Start = params.Specification },
		func(s *params.Set) { s.Cipher, s.TagSize = 1-s.Cipher, 16 },
	}
	for form := params.AmbassadorWire; form <= params.OmemoWire; form++ {
		changes = append(changes, func(s *params.Set) { s.Wire = form })
	}
	for form := params.NoAD; form <= params.FullAD; form++ {
		changes = append(changes, func(s *params.Set) { s.AssociatedData = form })
	}
	for _, published := range params.Sets() {
		all = append(all, published)
		for _, change := range changes {
			s := *published
			change(&s)
			if s.Validate() == nil {
				all = append(all, &s)
			}
		}
	}
	return all
}

// Mutations of a message for each set.
const mutations = 400

// mutate changes a byte of b, takes some away, or doubles some.
func mutate(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	i := r.IntN(len(b))
	switch r.IntN(4) {
	case 0:
		b[i] ^= 1 << r.IntN(8)
	case 1:
		b[i] = byte(r.IntN(256))
	case 2:
		b = slices.Delete(b, i, min(len(b), i+1+r.IntN(3)))
	default:
		b = slices.Insert(b, i, b[i:min(len(b), i+1+r.IntN(40))]...)
	}
	return b
}

// A ratchet message is read as the reference reads it, and refused where the reference refuses it.
func TestReadMessage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	read := 0
	for _, set := range sets() {
		own, mk, ad := schedule.SetOf(set), make([]byte, 32), []byte("ad")
		for range mutations {
			h := wire.Header{Key: primitive.PublicKey{1, 31: byte(r.IntN(160))}, N: uint64(r.Uint32() >> r.IntN(32))}
			if set.PN != params.PNAbsent {
				h.PN = uint64(r.Uint32() >> r.IntN(32))
			}
			message := wire.Seal(set, mk, ad, h, make([]byte, r.IntN(20)))
			if read%4 > 0 {
				message = mutate(r, message)
			}
			want, refused := wire.Parse(set, message)
			got, err := own.ReadMessage(message)
			require.Equal(t, refused == nil, err == nil, "%+v: %x: %v, %v", set, message, refused, err)
			read++
			if err == nil {
				h = want.Header
				require.Equal(t, adversary.Header{Key: h.Key, PN: h.PN, N: h.N}, got.Header)
			}
		}
	}
}

// A tag that stands in a field of its own has the size of the set.
func TestTagSize(t *testing.T) {
	framed := slices.DeleteFunc(sets(), func(s *params.Set) bool { return !wire.TagFramed(s) })
	require.NotEmpty(t, framed)
	for _, set := range framed {
		p, err := wire.Split(set, wire.Seal(set, make([]byte, 32), nil, wire.Header{}, nil))
		require.NoError(t, err)
		for size := range 33 {
			require.True(t, p.Set("tag", make([]byte, size)))
			_, err := schedule.SetOf(set).ReadMessage(p.Bytes())
			require.Equal(t, size == set.TagSize, err == nil, "%+v: %d bytes", set, size)
		}
	}
}

// An initial message is read as the reference reads it, and refused where the reference refuses it.
func TestReadInitial(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, set := range sets() {
		own := schedule.SetOf(set)
		initial := wire.Initial{
			Identity: bytes.Repeat([]byte{2}, set.IdentitySize()), Ephemeral: bytes.Repeat([]byte{3}, set.KeySize()),
			SignedPrekeyID: 4, OneTimePrekeyID: 5, OneTimePrekey: bytes.Repeat([]byte{6}, set.KeySize()),
			RegistrationID: 7, Message: []byte("a ratchet message"),
		}
		bare := initial
		bare.OneTimePrekeyID, bare.OneTimePrekey = 0, nil
		genuine := [][]byte{wire.EncodeInitial(set, initial), wire.EncodeInitial(set, bare)}
		for i := range mutations {
			message := genuine[i%2]
			if i > 1 {
				message = mutate(r, message)
			}
			want, refused := wire.ParseInitial(set, message)
			got, err := own.ReadInitial(message)
			require.Equal(t, refused == nil, err == nil, "%+v: %x: %v, %v", set, message, refused, err)
			if err == nil {
				require.Equal(t, adversary.Initial{
					Identity: want.Identity, Ephemeral: want.Ephemeral, Message: want.Message,
				}, *got)
			}
		}
	}
}

// A public key is decoded as the reference does it.
func TestDecode(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, set := range sets() {
		own := schedule.SetOf(set)
		for range 5 {
			k := private(r)
			for _, encoded := range [][]byte{
				x3dh.EncodeIdentity(set, k), set.Encode(primitive.Public(k)),
				mutate(r, set.Encode(primitive.Public(k))),
				set.Encode(primitive.PublicKey{}), set.Encode(primitive.PublicKey{1}),
				set.Encode(atTop(0xec)), set.Encode(atTop(0xed)), set.Encode(atTop(0xff)),
			} {
				want, refused := set.Decode(encoded)
				got, err := own.Decode(encoded)
				require.Equal(t, refused == nil, err == nil, "%+v: %x: %v, %v", set, encoded, refused, err)
				if err == nil {
					require.Equal(t, [32]byte(want), got)
				}
				want, refused = x3dh.DecodeIdentity(set, encoded)
				got, err = own.DecodeIdentity(encoded)
				require.Equal(t, refused == nil, err == nil, "%+v: %x: %v, %v", set, encoded, refused, err)
				if err == nil {
					require.Equal(t, [32]byte(want), got)
				}
			}
		}
	}
}

// atTop returns a key about 2^255 - 19, by its lowest byte.
func atTop(lowest byte) (k primitive.PublicKey) {
	for i := range k {
		k[i] = 0xff
	}
	k[0], k[31] = lowest, 0x7f
	return k
}

func private(r *rand.Rand) *ecdh.PrivateKey {
	var k [32]byte
	for i := range k {
		k[i] = byte(r.IntN(256))
	}
	return primitive.PrivateKey(k)
}

// talk is a session of the reference in one set, with the private keys of its start.
type talk struct {
	identity, ephemeral, first, signed, oneTime, responder *ecdh.PrivateKey
	trace                                                  *adversary.Trace
	root                                                   []byte         // before the first step
	state                                                  *ratchet.State // the initiator's, before her first message
}

// newTalk starts a session, and lets the initiator send two messages.
func newTalk(t *testing.T, r *rand.Rand, set *params.Set) *talk {
	k := &talk{
		identity: private(r), ephemeral: private(r), first: private(r), signed: private(r), oneTime: private(r),
		responder: private(r), trace: adversary.NewTrace(),
	}
	b := x3dh.Bundle{
		Identity: x3dh.EncodeIdentity(set, k.responder), OneTimePrekey: set.Encode(primitive.Public(k.oneTime)),
	}
	start := k.oneTime
	if set.SignedPrekey {
		start = k.signed
		b.SignedPrekey = set.Encode(primitive.Public(k.signed))
		signature, err := x3dh.SignPrekey(set, k.responder, primitive.Public(k.signed), zeros{})
		require.NoError(t, err)
		b.Signature = signature
	}
	agreement, err := x3dh.Initiate(set, k.identity, k.ephemeral, b)
	require.NoError(t, err)
	k.root = agreement.Secret[:32]
	k.state, err = ratchet.StartInitiator(set, agreement.Secret, agreement.AD, k.first, primitive.Public(start))
	require.NoError(t, err)
	k.send(t, set, b, start)
	return k
}

// send sends the messages, of which the adversary sees the bytes, and the keys of the agreement.
func (k *talk) send(t *testing.T, set *params.Set, b x3dh.Bundle, start *ecdh.PrivateKey) {
	own, oneTime := schedule.SetOf(set), [32]byte(primitive.Public(k.oneTime))
	key, err := own.StartKey(b.SignedPrekey, b.OneTimePrekey)
	require.NoError(t, err)
	s := &adversary.Session{Name: "s", Set: own, Start: &adversary.Start{
		Initiator: primitive.Public(k.identity), Responder: primitive.Public(k.responder),
		Ephemeral: primitive.Public(k.ephemeral), SignedPrekey: key, OneTimePrekey: &oneTime,
	}}
	s.AD = own.AssociatedData(x3dh.EncodeIdentity(set, k.identity), b.Identity,
		set.Encode(primitive.Public(k.ephemeral)), b.SignedPrekey, b.OneTimePrekey)
	state := *k.state
	adversary.NewOracle().NewInitiator(s, primitive.Public(k.first), key)
	k.trace.Open(s)
	for _, name := range []string{"m1", "m2"} {
		body, err := state.Encrypt(zeros{}, []byte(name))
		require.NoError(t, err)
		require.NoError(t, k.trace.Add(&adversary.Message{Name: name, Session: s, Initiator: true, Body: body}))
	}
}

// zeros is a source of bytes that are all zero.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// Whoever has the private keys of one side, a root key and a private ratchet key, or the chain key, reads what the
// reference has sealed, in every set. With another bit in one of the keys he reads nothing.
func TestReads(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, set := range sets() {
		k := newTalk(t, r, set)
		for _, w := range k.ways(set) {
			require.Equal(t, 2, k.read(w.copied()), "%+v", set)
			for i := 0; i < len(w.copied()); i += 32 {
				changed := w.copied()
				changed[i+r.IntN(31)+1] ^= 8
				require.Zero(t, k.read(changed), "%+v: key %d", set, i/32)
			}
		}
	}
}

// ways are the ways to the messages. Each needs all of its keys.
func (k *talk) ways(set *params.Set) []way {
	initiator, responder := way{keys: []*ecdh.PrivateKey{k.identity, k.ephemeral}}, way{}
	ways := []way{{more: k.state.CKs}}
	if set.Start != params.Olm { // there the first message comes before the first step
		initiator.keys = append(initiator.keys, k.first)
		ways = append(ways, way{[]*ecdh.PrivateKey{k.first}, k.root})
	}
	responder.keys = []*ecdh.PrivateKey{k.responder, k.oneTime}
	if set.SignedPrekey {
		responder.keys = append(responder.keys, k.signed)
	}
	return append(ways, initiator, responder)
}

// One copy is tried on sessions of several sets.
func TestReadsSeveralSets(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	trace, copied := adversary.NewTrace(), []byte{}
	for _, set := range params.Sets() {
		k := newTalk(t, r, set)
		trace.Open(k.trace.Sessions[0])
		for _, m := range k.trace.Messages {
			require.NoError(t, trace.Add(m))
		}
		copied = append(copied, k.state.CKs...)
	}
	readings, _ := adversary.NewAttacker(trace).Read(copied)
	require.Len(t, readings, len(trace.Messages))
}

// A message key opens its message and no other.
func TestReadsOne(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, set := range sets() {
		k := newTalk(t, r, set)
		ck, first := primitive.KDFCK(k.state.CKs)
		_, second := primitive.KDFCK(ck)
		for i, mk := range [][]byte{first, second} {
			readings, _ := adversary.NewAttacker(k.trace).Read(mk)
			require.Len(t, readings, 1)
			require.Equal(t, k.trace.Messages[i], readings[0].Message)
		}
	}
}

// A message is read whatever its padding is.
func TestReadsOddPadding(t *testing.T) {
	mk := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, 2)
	for _, set := range []*params.Set{params.SignalV3, params.OlmV1, params.Omemo2} {
		trace, s := adversary.NewTrace(), &adversary.Session{Set: schedule.SetOf(set)}
		trace.Open(s)
		for last := range byte(10) {
			odd := func(p *wire.Parts) { p.Set("ciphertext", append(make([]byte, 15), last)) }
			body, err := wire.Reseal(set, mk, nil, wire.Seal(set, mk, nil, wire.Header{N: uint64(last)}, nil), odd)
			require.NoError(t, err)
			require.NoError(t, trace.Add(&adversary.Message{Session: s, Body: body}))
		}
		readings, _ := adversary.NewAttacker(trace).Read(mk)
		require.Len(t, readings, 10)
	}
}

// way is what of a session the attacker has.
type way struct {
	keys []*ecdh.PrivateKey
	more []byte
}

func (w way) copied() (b []byte) {
	for _, k := range w.keys {
		b = append(b, k.Bytes()...)
	}
	return append(b, w.more...)
}

// read returns how many messages are read from a copy.
func (k *talk) read(copied []byte) int {
	readings, _ := adversary.NewAttacker(k.trace).Read(copied)
	return len(readings)
}

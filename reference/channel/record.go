package channel

import (
	"bytes"
	"fmt"

	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/primitive"
)

// Kind is the kind of a record.
type Kind uint8

// The kinds, in the order of the table in SPEC.md 11.1.
const (
	KindSent          Kind = 1
	KindAck           Kind = 2
	KindPrekeys       Kind = 3
	KindList          Kind = 4
	KindPrepare       Kind = 5
	KindReady         Kind = 6
	KindRotate        Kind = 7
	KindResendRequest Kind = 8
)

// Record is a state-sync record: the typed envelope in which devices of one account talk (SPEC.md 8.2). Of the bodies
// exactly the one of Kind is there.
type Record struct {
	Kind     Kind
	Account  account.ID
	Epoch    uint32 // of the sender when it made the record; 0 in an introduction, whose sender is in none yet
	Sender   account.DeviceID
	Receiver account.DeviceID

	Sent    *Sent
	Ack     *Ack
	Prekeys *Prekeys
	List    *account.List
	Prepare *Prepare
	Ready   *Ready
	Rotate  *Rotate
	Resend  *ResendRequest
}

// body returns the body of the kind, which is made if it is absent, or nil for an unknown kind.
func (r *Record) body() codec.Struct {
	switch r.Kind {
	case KindSent:
		return ensure(&r.Sent)
	case KindAck:
		return ensure(&r.Ack)
	case KindPrekeys:
		return ensure(&r.Prekeys)
	case KindPrepare:
		return ensure(&r.Prepare)
	case KindReady:
		return ensure(&r.Ready)
	case KindRotate:
		return ensure(&r.Rotate)
	case KindResendRequest:
		return ensure(&r.Resend)
	case KindList:
		return ensure(&r.List)
	}
	return nil
}

func ensure[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

// Fields is SPEC.md 8.2.
func (r *Record) Fields(c *codec.Coder) {
	c.Header(codec.TypeRecord)
	c.Uint8("kind", (*uint8)(&r.Kind))
	body := r.body()
	c.Check("kind", body != nil, "unknown")
	c.Fixed("account", r.Account[:])
	c.Uint32("epoch", &r.Epoch)
	c.Fixed("sender", r.Sender[:])
	c.Fixed("receiver", r.Receiver[:])
	if body != nil {
		body.Fields(c)
	}
}

// Sent tells siblings what they need to follow an entry that this device has sent (SPEC.md 11.1). Secret and Bundle are
// there for a start entry only.
type Sent struct {
	Peer           account.ID
	Seq            uint64
	Head           [32]byte // h_seq
	Digest         [32]byte // of the conversation after the entry (SPEC.md 10.5)
	RatchetPrivate [primitive.KeySize]byte
	Secret         []byte // SK, 32 bytes or none
	Bundle         []byte // the recipient's bundle, or none
}

// Fields is SPEC.md 11.1.
func (s *Sent) Fields(c *codec.Coder) {
	c.Fixed("peer", s.Peer[:])
	c.Uint64("seq", &s.Seq)
	c.Fixed("head", s.Head[:])
	c.Fixed("digest", s.Digest[:])
	c.Fixed("ratchet_private", s.RatchetPrivate[:])
	c.Vector("secret", &s.Secret, 0, primitive.KeySize)
	c.Check("secret", len(s.Secret) == 0 || len(s.Secret) == primitive.KeySize, "neither 0 nor 32 bytes")
	c.Vector("bundle", &s.Bundle, 0, 1<<16-1)
	c.Check("bundle", (len(s.Secret) == 0) == (len(s.Bundle) == 0), "secret and bundle come together")
}

// Head is the place of a conversation in its log.
type Head struct {
	Peer account.ID
	Seq  uint64
	Head [32]byte
}

// Fields is SPEC.md 11.1.
func (h *Head) Fields(c *codec.Coder) {
	c.Fixed("peer", h.Peer[:])
	c.Uint64("seq", &h.Seq)
	c.Fixed("head", h.Head[:])
}

// Cuts is a list of heads, one for each peer (SPEC.md 9.4).
func Cuts(c *codec.Coder, heads *[]Head) {
	codec.List(c, "cuts", heads)
	c.Check("cuts", ascending(*heads, func(h Head) account.ID { return h.Peer }), "not in ascending order")
	for _, h := range *heads {
		c.Check("cuts", h.Seq > 0, "of a log without entries")
	}
}

// ascending reports whether a list is in the order of its peers, each once.
func ascending[T any](list []T, peer func(T) account.ID) bool {
	for i := 1; i < len(list); i++ {
		if x, y := peer(list[i-1]), peer(list[i]); bytes.Compare(x[:], y[:]) >= 0 {
			return false
		}
	}
	return true
}

// Claim is a head with the digest of the conversation there.
type Claim struct {
	Head
	Digest [32]byte
}

// Fields is SPEC.md 11.1.
func (m *Claim) Fields(c *codec.Coder) {
	m.Head.Fields(c)
	c.Fixed("digest", m.Digest[:])
}

// Ack tells siblings how far this device has come, and hands the leader its current prekey.
type Ack struct {
	Claims []Claim // ascending by peer
	Prekey account.Prekey
}

// Fields is SPEC.md 11.1.
func (a *Ack) Fields(c *codec.Coder) {
	codec.List(c, "claims", &a.Claims)
	c.Check("claims", ascending(a.Claims, func(m Claim) account.ID { return m.Peer }), "not in ascending order")
	a.Prekey.Fields(c)
}

// Prekeys are the private keys of a publication.
type Prekeys struct {
	SignedPrekeyID      uint32
	SignedPrekeyPrivate [primitive.KeySize]byte
	FirstOneTimeID      uint32
	OneTimePrivates     [account.Batch][primitive.KeySize]byte
}

// Fields is SPEC.md 11.1.
func (p *Prekeys) Fields(c *codec.Coder) {
	c.Uint32("signed_prekey_id", &p.SignedPrekeyID)
	c.Check("signed_prekey_id", p.SignedPrekeyID > 0, "zero")
	c.Fixed("signed_prekey_private", p.SignedPrekeyPrivate[:])
	c.Uint32("first_one_time_prekey_id", &p.FirstOneTimeID)
	c.Check("first_one_time_prekey_id", p.FirstOneTimeID > 0 && p.FirstOneTimeID <= 1<<32-account.Batch, "out of range")
	for i := range p.OneTimePrivates {
		c.Fixed(fmt.Sprintf("one_time_prekey_privates[%d]", i), p.OneTimePrivates[i][:])
	}
}

// Prepare asks a device to heal its channel to the leader (SPEC.md 12.3).
type Prepare struct{ Nonce [32]byte }

// Fields is SPEC.md 11.1.
func (p *Prepare) Fields(c *codec.Coder) { c.Fixed("nonce", p.Nonce[:]) }

// Ready answers Prepare, under a ratchet key made after it.
type Ready struct {
	Nonce  [32]byte
	Prekey account.Prekey
}

// Fields is SPEC.md 11.1.
func (r *Ready) Fields(c *codec.Coder) {
	c.Fixed("nonce", r.Nonce[:])
	r.Prekey.Fields(c)
}

// Rotate hands a device the secrets of the new epoch (SPEC.md 12.2).
type Rotate struct {
	List              account.List
	Statement         account.EpochStatement
	AmbassadorPrivate [primitive.KeySize]byte
	Prekeys           Prekeys
	Unread            []Unread // of the leader, ascending by peer
}

// Fields is SPEC.md 11.1.
func (r *Rotate) Fields(c *codec.Coder) {
	c.Nested("list", &r.List)
	c.Inner("statement", &r.Statement)
	c.Fixed("ambassador_private", r.AmbassadorPrivate[:])
	c.Inner("prekeys", &r.Prekeys)
	codec.List(c, "unread", &r.Unread)
	c.Check("unread", ascending(r.Unread, func(u Unread) account.ID { return u.Peer }), "not in ascending order")
}

// Unread tells a device what it has to report to a peer: the entries that its siblings could not read (AMB-LOG-16).
type Unread struct {
	Peer   account.ID
	Ranges []Range // not empty
}

// Fields is SPEC.md 11.1.
func (u *Unread) Fields(c *codec.Coder) {
	c.Fixed("peer", u.Peer[:])
	Ranges(c, "ranges", &u.Ranges)
	c.Check("ranges", len(u.Ranges) > 0, "none")
}

// Range is a run of places of a log.
type Range struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// Fields is SPEC.md 10.2.
func (r *Range) Fields(c *codec.Coder) {
	c.Uint64("first", &r.First)
	c.Uint64("last", &r.Last)
	c.Check("last", r.First > 0 && r.First <= r.Last, "not a run of places")
}

// MostRanges bounds the runs of places that an entry names.
const MostRanges = 100

// Ranges is a list of runs, ascending and apart (SPEC.md 10.2).
func Ranges(c *codec.Coder, name string, ranges *[]Range) {
	codec.List(c, name, ranges)
	c.Check(name, len(*ranges) <= MostRanges, "more than 100")
	for i := 1; i < len(*ranges); i++ {
		before, next := (*ranges)[i-1].Last, (*ranges)[i].First
		c.Check(name, before < next && before+1 < next, "not in ascending order, or without a place between them")
	}
}

// ResendRequest asks siblings for the Sent of an entry.
type ResendRequest struct {
	Peer account.ID
	Seq  uint64
}

// Fields is SPEC.md 11.1.
func (r *ResendRequest) Fields(c *codec.Coder) {
	c.Fixed("peer", r.Peer[:])
	c.Uint64("seq", &r.Seq)
}

// Package conversation is SPEC.md 10: the conversation between two accounts: its log with the transcript hash, and the
// ratchet session that every device of both accounts follows.
//
// A Conversation is a value: every method that moves it gives the next one and leaves the receiver as it is, so that a
// device can keep the old one until the post office has accepted (AMB-LOG-09).
package conversation

import (
	"crypto/ecdh"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/x3dh"
	"credence/spec/refusal"
)

// Conversation is the state of one account towards another one. All devices of the account have the same after the same
// entries (AMB-LOG-06).
type Conversation struct {
	Own, Peer account.ID
	Seq       uint64   // of the last entry; 0 before the first
	Head      [32]byte // h_seq

	PeerStatement *account.EpochStatement // the newest that was seen, or nil
	PeerPrekeyID  uint32                  // the highest signed prekey that was seen in that epoch

	OwnEpoch uint32         // of Session
	Session  *ratchet.State // nil before the first start of an epoch
	Spoke    bool           // there is an own entry in Session
	Settled  bool           // and one of the peer after it was read (SPEC.md 10.4)

	Reports Reports
}

// New returns a conversation before its first entry.
func New(own, peer account.ID) Conversation {
	return Conversation{Own: own, Peer: peer, Head: FirstHead(own, peer)}
}

const digestDomain = "ambassador-v1 conversation"

// Digest returns the conversation digest of SPEC.md 10.5.
func (c Conversation) Digest() [32]byte {
	b := slices.Concat([]byte(digestDomain), c.Own[:], c.Peer[:])
	b = binary.BigEndian.AppendUint64(b, c.Seq)
	b = append(b, c.Head[:]...)
	if c.Session != nil {
		b = binary.BigEndian.AppendUint32(b, c.OwnEpoch)
		b = binary.BigEndian.AppendUint32(b, c.peerEpoch())
		b = append(b, settledByte(c.Settled))
		b = append(b, c.Session.Marshal()...)
	}
	return hash(b)
}

func settledByte(settled bool) byte {
	if settled {
		return 1
	}
	return 0
}

func (c Conversation) peerEpoch() uint32 {
	if c.PeerStatement == nil {
		return 0
	}
	return c.PeerStatement.Epoch
}

// Cut ends the epoch: the session and its keys go, the place in the log and what has to be reported stay (AMB-ROT-05).
func (c Conversation) Cut() Conversation {
	c.Session, c.OwnEpoch, c.Spoke, c.Settled = nil, 0, false, false
	c.Reports = c.Reports.cut()
	return c
}

// Outgoing is an entry in the making: its bytes, the conversation after it, and what the siblings need to follow.
type Outgoing struct {
	Entry []byte
	Next  Conversation
	Sent  channel.Sent
}

// NeedsStart reports whether the next own entry has to be a start: there is no session, or it is in doubt and not
// settled (AMB-LOG-15), or the peer has a newer epoch.
func (c Conversation) NeedsStart(bundle *account.Bundle) bool {
	return c.Session == nil || c.Reports.Doubt && !c.Settled ||
		bundle != nil && bundle.Statement.Epoch > c.peerEpoch()
}

// Send makes the next entry of a session (SPEC.md 10.3); without a text it is an answer. It draws a ratchet key from
// rand. It returns refusal.NotReady without a session, and the refusals of ratchet.State.Encrypt.
func (c Conversation) Send(text []byte, rand io.Reader) (*Outgoing, error) {
	if c.Session == nil {
		return nil, fmt.Errorf("%w: no session", refusal.NotReady)
	}
	return c.outgoing(&Entry{SenderEpoch: c.OwnEpoch}, c.Session, text, rand)
}

// Start makes a start entry to the owner of a bundle (SPEC.md 10.3). It draws the ephemeral key and the ratchet key
// from rand. It returns the refusals of CheckBundle and of x3dh.Initiate.
func (c Conversation) Start(keys *account.EpochKeys, bundle *account.Bundle, text []byte, rand io.Reader) (
	*Outgoing, error,
) {
	if err := c.CheckBundle(bundle); err != nil {
		return nil, err
	}
	if c.Reports.Doubt { // AMB-LOG-21
		bundle = bundle.WithoutOneTime()
	}
	ek, err := primitive.GeneratePrivate(rand)
	if err != nil {
		return nil, err
	}
	agreement, err := x3dh.Initiate(account.Set, keys.Ambassador, ek, bundle.X3DH())
	if err != nil {
		return nil, err
	}
	t, err := primitive.GeneratePrivate(rand)
	if err != nil {
		return nil, err
	}
	session, err := startInitiator(agreement, t, bundle)
	if err != nil {
		return nil, err
	}
	e := &Entry{SenderEpoch: keys.Statement.Epoch, Start: &Start{
		Statement: keys.Statement, Ephemeral: primitive.Public(ek),
		SignedPrekeyID: bundle.SignedPrekeyID, OneTimePrekeyID: bundle.OneTimePrekeyID,
	}}
	o, err := c.meet(&bundle.Statement, bundle.SignedPrekeyID).outgoing(e, session, text, rand)
	if err != nil {
		return nil, err
	}
	o.Sent.Secret, o.Sent.Bundle = agreement.Secret, codec.MustEncode(bundle)
	return o, nil
}

func startInitiator(a x3dh.Agreement, t *ecdh.PrivateKey, bundle *account.Bundle) (*ratchet.State, error) {
	s, err := ratchet.StartInitiator(account.Set, a.Secret, a.AD, t, bundle.SignedPrekey)
	if err != nil {
		return nil, err
	}
	s.Cadence = ratchet.PerMessage
	return s, nil
}

// outgoing completes and encrypts an entry. session is not changed.
func (c Conversation) outgoing(e *Entry, session *ratchet.State, text []byte, rand io.Reader) (*Outgoing, error) {
	e.Sender, e.Recipient, e.RecipientEpoch = c.Own, c.Peer, c.peerEpoch()
	e.Seq, e.Previous = c.Seq+1, c.Head
	content := Content{c.Reports.Unread, text} // AMB-LOG-16
	plaintext, err := codec.Encode(&content)
	if err != nil {
		return nil, err
	}
	next := *session
	if e.Message, err = next.EncryptIn(rand, e.Context(), plaintext); err != nil {
		return nil, err
	}
	encoded, err := codec.Encode(e)
	if err != nil {
		return nil, err
	}
	o := &Outgoing{Entry: encoded, Next: c.advance(encoded).spoken(e, &next, &content)}
	o.Sent = channel.Sent{
		Peer: c.Peer, Seq: o.Next.Seq, Head: o.Next.Head, Digest: o.Next.Digest(),
		RatchetPrivate: [32]byte(next.DHs.Bytes()),
	}
	return o, nil
}

// Pass moves in the log past an entry, and leaves the rest as it is.
func (c Conversation) Pass(encoded []byte) Conversation { return c.advance(encoded) }

func (c Conversation) advance(encoded []byte) Conversation {
	c.Seq, c.Head = c.Seq+1, NextHead(c.Head, encoded)
	return c
}

// spoken is what an own entry changes beside the log: the session that it was sent in, and what it has reported.
func (c Conversation) spoken(e *Entry, session *ratchet.State, content *Content) Conversation {
	c.Session, c.OwnEpoch, c.Spoke = session, e.SenderEpoch, true
	c.Settled = c.Settled && e.Start == nil
	c.Reports = c.Reports.made(e, content)
	return c
}

// meet remembers an epoch of the peer.
func (c Conversation) meet(s *account.EpochStatement, signedPrekeyID uint32) Conversation {
	if s.Epoch > c.peerEpoch() {
		c.PeerPrekeyID = 0
	}
	statement := *s
	c.PeerStatement, c.PeerPrekeyID = &statement, max(c.PeerPrekeyID, signedPrekeyID)
	return c
}

// CheckBundle refuses a bundle of somebody else, an epoch or signed prekey older than one that was seen
// (refusal.StaleEpoch), another ambassador key for a known epoch (refusal.NotAllowed), and a statement that is not
// signed by the peer's account key (refusal.BadSignature).
func (c Conversation) CheckBundle(b *account.Bundle) error {
	if err := c.checkStatement(&b.Statement); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	if b.Statement.Epoch == c.peerEpoch() && b.SignedPrekeyID < c.PeerPrekeyID {
		return fmt.Errorf("bundle: %w: signed prekey %d after %d", refusal.StaleEpoch, b.SignedPrekeyID, c.PeerPrekeyID)
	}
	return nil
}

func (c Conversation) checkStatement(s *account.EpochStatement) error {
	if s.Account != c.Peer {
		return fmt.Errorf("%w: statement of another account", refusal.NotAllowed)
	}
	if err := s.Verify(); err != nil {
		return err
	}
	if s.Epoch < c.peerEpoch() {
		return fmt.Errorf("%w: epoch %d after %d", refusal.StaleEpoch, s.Epoch, c.peerEpoch())
	}
	if s.Epoch == c.peerEpoch() && s.AmbassadorKey != c.PeerStatement.AmbassadorKey {
		return fmt.Errorf("%w: two ambassador keys in epoch %d", refusal.NotAllowed, s.Epoch)
	}
	return nil
}

// Follows refuses an entry that is not the next one of this log: refusal.Duplicate for an earlier place,
// refusal.NotReady for a later one, refusal.Conflict for another history, refusal.NotAllowed for other accounts.
func (c Conversation) Follows(e *Entry) error {
	switch {
	case e.Peer(c.Own) != c.Peer || e.Peer(c.Peer) != c.Own:
		return fmt.Errorf("%w: entry of another conversation", refusal.NotAllowed)
	case e.Seq <= c.Seq:
		return fmt.Errorf("%w: entry %d after %d", refusal.Duplicate, e.Seq, c.Seq)
	case e.Seq > c.Seq+1:
		return fmt.Errorf("%w: entry %d after %d", refusal.NotReady, e.Seq, c.Seq)
	case e.Previous != c.Head:
		return fmt.Errorf("%w: entry %d follows another history", refusal.Conflict, e.Seq)
	}
	return nil
}

// Reading is what an entry of the peer says.
type Reading struct {
	Text        []byte          // nil in an answer
	Undelivered []channel.Range // places of the own account that the peer cannot read, each told once (AMB-LOG-17)
}

// Receive reads the peer's entry, which must follow (AMB-LOG-07). Keys are those of the own epoch; a one-time prekey
// that was used is not deleted here. On a refusal the entry has to be reported. If its content is refused
// (refusal.Malformed), the session has moved (AMB-LOG-20); otherwise it is void (AMB-LOG-08): only the log has moved.
// It is a function of its inputs: nothing is drawn.
func (c Conversation) Receive(keys *account.EpochKeys, e *Entry, encoded []byte) (
	next Conversation, r Reading, err error,
) {
	next = c.advance(encoded)
	read, plaintext, err := next.open(keys, e)
	if err != nil {
		next.Reports = next.Reports.void(e)
		return next, r, err
	}
	content, err := readContent(plaintext, e)
	r.Text = content.Text
	read.Reports, r.Undelivered = read.Reports.heard(e, content)
	if err != nil {
		read.Reports = read.Reports.Missed(e.Seq, e.Seq)
	}
	return read, r, err
}

// open makes the step of the peer's entry. It returns the causes of void of SPEC.md 10.4, in that order.
func (c Conversation) open(keys *account.EpochKeys, e *Entry) (Conversation, []byte, error) {
	if e.RecipientEpoch != keys.Statement.Epoch {
		return c, nil,
			fmt.Errorf("%w: entry to epoch %d in epoch %d", refusal.StaleEpoch, e.RecipientEpoch, keys.Statement.Epoch)
	}
	read, err := c.met(keys, e)
	if err != nil {
		return c, nil, err
	}
	plaintext, err := read.Session.DecryptIn(nil, e.Context(), e.Message)
	return read, plaintext, err
}

// met returns the conversation in the session of the peer's entry, a copy.
func (c Conversation) met(keys *account.EpochKeys, e *Entry) (Conversation, error) {
	var err error
	if e.Start == nil {
		c.Session, err = c.session(e)
		c.Settled = c.Spoke
		return c, err
	}
	if c.Session, err = c.respond(keys, e); err != nil {
		return c, err
	}
	c = c.meet(&e.Start.Statement, 0)
	c.OwnEpoch, c.Spoke, c.Settled = e.RecipientEpoch, false, false
	return c, nil
}

// session returns a copy of the session for the peer's message entry.
func (c Conversation) session(e *Entry) (*ratchet.State, error) {
	if c.Session == nil {
		return nil, fmt.Errorf("%w: no session", refusal.NotReady)
	}
	if e.SenderEpoch != c.peerEpoch() {
		return nil, fmt.Errorf("%w: entry of epoch %d in epoch %d", refusal.StaleEpoch, e.SenderEpoch, c.peerEpoch())
	}
	s := *c.Session
	return &s, nil
}

// respond starts the session of the peer's start entry.
func (c Conversation) respond(keys *account.EpochKeys, e *Entry) (*ratchet.State, error) {
	if err := c.checkStatement(&e.Start.Statement); err != nil {
		return nil, err
	}
	if c.Session != nil && c.Settled && e.SenderEpoch == c.peerEpoch() { // AMB-LOG-13
		return nil, fmt.Errorf("%w: the session of these epochs is settled", refusal.NotAllowed)
	}
	spk, err := keys.Signed(e.Start.SignedPrekeyID)
	if err != nil {
		return nil, err
	}
	opk, err := keys.OneTime(e.Start.OneTimePrekeyID)
	if err != nil {
		return nil, err
	}
	a, err := x3dh.Respond(
		account.Set, keys.Ambassador, spk, opk, e.Start.Statement.AmbassadorKey[:], e.Start.Ephemeral[:],
	)
	if err != nil {
		return nil, err
	}
	s, err := ratchet.StartResponder(account.Set, a.Secret, a.AD, spk, primitive.PublicKey{})
	if err != nil {
		return nil, err
	}
	s.Cadence = ratchet.PerMessage
	return s, nil
}

// Follow makes the step of an entry that a sibling has sent, which must follow (SPEC.md 10.4). own is the statement of
// the own epoch. It returns refusal.Authentication if the entry does not follow from the record, and the refusals of a
// bad record.
func (c Conversation) Follow(own *account.EpochStatement, e *Entry, encoded []byte, sent *channel.Sent) (
	next Conversation, text []byte, err error,
) {
	next = c.advance(encoded)
	session, err := next.followed(own, e, sent)
	if err != nil {
		return c, nil, err
	}
	if e.Start != nil {
		var b account.Bundle
		if err := codec.Decode(sent.Bundle, &b); err != nil {
			return c, nil, err
		}
		next = next.meet(&b.Statement, b.SignedPrekeyID)
	}
	plaintext, err := session.Follow(sent.RatchetPrivate, e.Context(), e.Message)
	if err != nil {
		return c, nil, err
	}
	content, _ := readContent(plaintext, e)
	next = next.spoken(e, session, content)
	if next.Head != sent.Head || next.Digest() != sent.Digest {
		return c, nil,
			fmt.Errorf("%w: entry %d: the sibling that sent it has another state", refusal.Authentication, e.Seq)
	}
	return next, content.Text, nil
}

// followed returns a copy of the session that the sibling used, or the one that it started.
func (c Conversation) followed(own *account.EpochStatement, e *Entry, sent *channel.Sent) (*ratchet.State, error) {
	if e.Start == nil {
		if c.Session == nil || len(sent.Secret) > 0 {
			return nil, fmt.Errorf("%w: the record does not fit the entry", refusal.Authentication)
		}
		s := *c.Session
		return &s, nil
	}
	var b account.Bundle
	if err := codec.Decode(sent.Bundle, &b); err != nil {
		return nil, err
	}
	if err := c.CheckBundle(&b); err != nil {
		return nil, err
	}
	if e.Start.Statement != *own || e.RecipientEpoch != b.Statement.Epoch ||
		e.Start.SignedPrekeyID != b.SignedPrekeyID ||
		e.Start.OneTimePrekeyID != b.OneTimePrekeyID {
		return nil, fmt.Errorf("%w: the start does not fit the bundle of the record", refusal.Authentication)
	}
	x := b.X3DH()
	ad := x3dh.AssociatedData(
		account.Set, e.Start.Statement.AmbassadorKey[:], x.Identity, e.Start.Ephemeral[:], x.SignedPrekey,
		x.OneTimePrekey,
	)
	return startInitiator(x3dh.Agreement{Secret: sent.Secret, AD: ad}, primitive.PrivateKey(sent.RatchetPrivate), &b)
}

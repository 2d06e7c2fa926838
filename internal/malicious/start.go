package malicious

import (
	"io"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/x3dh"
)

// StartAnyway makes a start of the account of keys to a bundle that nobody has looked at, with a secret that comes from
// no agreement, and the record that a sibling can follow it with: it fits entry and bundle in all that a sibling can
// see.
func StartAnyway(
	talk conversation.Conversation, keys *account.EpochKeys, b *account.Bundle, rand io.Reader,
) (*conversation.Outgoing, error) {
	var private [3][primitive.KeySize]byte // SK, T, EK
	for i := range private {
		if _, err := io.ReadFull(rand, private[i][:]); err != nil {
			return nil, err
		}
	}
	e := &conversation.Entry{
		Sender: talk.Own, Recipient: talk.Peer, SenderEpoch: keys.Statement.Epoch, RecipientEpoch: b.Statement.Epoch,
		Seq: talk.Seq + 1, Previous: talk.Head,
		Start: &conversation.Start{
			Statement: keys.Statement, Ephemeral: primitive.Public(primitive.PrivateKey(private[2])),
			SignedPrekeyID: b.SignedPrekeyID, OneTimePrekeyID: b.OneTimePrekeyID,
		},
	}
	x := b.X3DH()
	ad := x3dh.AssociatedData(
		account.Set, keys.Statement.AmbassadorKey[:], x.Identity, e.Start.Ephemeral[:], x.SignedPrekey, x.OneTimePrekey,
	)
	t := primitive.PrivateKey(private[1])
	s, err := ratchet.StartInitiator(account.Set, private[0][:], ad, t, b.SignedPrekey)
	if err != nil {
		return nil, err
	}
	s.Cadence = ratchet.PerMessage
	content := codec.MustEncode(&conversation.Content{Text: []byte("own")})
	if e.Message, err = s.EncryptIn(rand, e.Context(), content); err != nil {
		return nil, err
	}
	entry, err := codec.Encode(e)
	next := talk
	next.Session, next.OwnEpoch, next.Spoke, next.Settled = s, e.SenderEpoch, true, false
	next.PeerStatement, next.PeerPrekeyID = &b.Statement, b.SignedPrekeyID
	next.Seq, next.Head = e.Seq, conversation.NextHead(talk.Head, entry)
	return &conversation.Outgoing{Entry: entry, Next: next, Sent: channel.Sent{
		Peer: talk.Peer, Seq: next.Seq, Head: next.Head, Digest: next.Digest(), RatchetPrivate: [32]byte(s.DHs.Bytes()),
		Secret: private[0][:], Bundle: codec.MustEncode(b),
	}}, err
}

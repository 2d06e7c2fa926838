package channels

import (
	"credence/reference/account"
	"credence/reference/channel"
)

// ack returns an acknowledgement, which every device may send.
func (s *stage) ack() channel.Record {
	return channel.Record{Kind: channel.KindAck, Ack: &channel.Ack{Prekey: s.peer.Prekey()}}
}

// ackToTarget returns an acknowledgement of the peer.
func (s *stage) ackToTarget() channel.Record { return s.toTarget(s.ack()) }

// everyKind returns a record of every kind, without envelopes.
func (s *stage) everyKind() []channel.Record {
	prekey := s.peer.Prekey()
	head := channel.Head{Peer: account.ID{1}, Seq: 3, Head: [32]byte{2}}
	start := &channel.Sent{Peer: head.Peer, Seq: 3, Secret: make([]byte, 32), Bundle: []byte{1}}
	return []channel.Record{
		{Kind: channel.KindSent, Sent: &channel.Sent{Peer: head.Peer, Seq: 3}},
		{Kind: channel.KindSent, Sent: start},
		{Kind: channel.KindAck, Ack: &channel.Ack{Claims: []channel.Claim{{Head: head}}, Prekey: prekey}},
		{Kind: channel.KindPrekeys, Prekeys: &channel.Prekeys{SignedPrekeyID: 2, FirstOneTimeID: 21}},
		{Kind: channel.KindList, List: s.list},
		{Kind: channel.KindPrepare, Prepare: &channel.Prepare{Nonce: [32]byte{9}}},
		{Kind: channel.KindReady, Ready: &channel.Ready{Nonce: [32]byte{9}, Prekey: prekey}},
		{Kind: channel.KindRotate, Rotate: s.rotation(head.Peer)},
		{Kind: channel.KindResendRequest, Resend: &channel.ResendRequest{Peer: head.Peer, Seq: 3}},
	}
}

// rotation returns the body of a rotation to the next epoch, with something that a peer has to be told.
func (s *stage) rotation(peer account.ID) *channel.Rotate {
	return &channel.Rotate{
		List:      *s.list,
		Statement: account.EpochStatement{Account: s.list.Account, Epoch: s.list.Epoch + 1},
		Prekeys:   channel.Prekeys{SignedPrekeyID: 1, FirstOneTimeID: 1},
		Unread:    []channel.Unread{{Peer: peer, Ranges: []channel.Range{{First: 3, Last: 5}}}},
	}
}

// ofLeader reports whether only the leader may send records of a kind (AMB-CHN-06).
func ofLeader(k channel.Kind) bool {
	return k == channel.KindList || k == channel.KindPrepare || k == channel.KindRotate
}

// ofPending reports whether a pending device may send a record (AMB-CHN-07): an ack only if it claims nothing
// (AMB-SYN-20).
func ofPending(r channel.Record) bool {
	return r.Kind == channel.KindReady || r.Kind == channel.KindAck && len(r.Ack.Claims) == 0
}

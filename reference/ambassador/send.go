package ambassador

import (
	"fmt"
	"io"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// Send makes the commit of the next entry to a peer: the one ciphertext for all the peer's devices, and a record for
// every sibling (SPEC.md 11.2). Without a text it is an answer (10.6). bundle is the peer's, encoded; nil asks for an
// entry of the session. The state after it waits until the commit comes back as a mail. It draws what
// conversation.Start or Send draws, then the ratchet keys that are due in the channels, ascending by device, from rand.
// It returns refusal.IncompleteBundle if the entry has to be a start and there is no bundle, refusal.NotReady,
// refusal.Frozen, and the refusals of the bundle, also if no start is due (AMB-ACC-11).
func (d *Device) Send(peer account.ID, text, bundle []byte, rand io.Reader) ([]byte, error) {
	return d.try(func(next *Device) ([]byte, error) { return next.send(peer, text, bundle, rand) })
}

func (d *Device) send(peer account.ID, text, encodedBundle []byte, rand io.Reader) ([]byte, error) {
	if err := d.mayCommit(); err != nil {
		return nil, err
	}
	if peer == d.list.Account { // AMB-LOG-23
		return nil, fmt.Errorf("%w: peer: the own account", refusal.NotAllowed)
	}
	t := d.talk(peer)
	if err := t.maySend(); err != nil {
		return nil, err
	}
	bundle, err := decodeBundle(encodedBundle)
	if err != nil {
		return nil, err
	}
	o, err := d.outgoing(t, text, bundle, rand)
	if err != nil {
		return nil, err
	}
	parcels, err := d.sealAll(channel.Record{Kind: channel.KindSent, Sent: &o.Sent}, rand)
	if err != nil {
		return nil, err
	}
	commit, err := d.commit(postoffice.Commit{Kind: postoffice.KindEntry, Parcels: parcels, Entry: o.Entry})
	d.pending = &pending{Number: d.number, Entry: o.Entry, Next: &o.Next, Last: keepable(&o.Sent)}
	return commit, err
}

// outgoing makes the entry: a start if one is due, otherwise an entry of the session.
func (d *Device) outgoing(t *talk, text []byte, bundle *account.Bundle, rand io.Reader) (
	*conversation.Outgoing, error,
) {
	if t.NeedsStart(bundle) {
		if bundle == nil { // AMB-LOG-24
			return nil, fmt.Errorf("%w: a start needs the peer's bundle", refusal.IncompleteBundle)
		}
		return t.Start(d.keys, bundle, text, rand)
	}
	if bundle != nil {
		if err := t.CheckBundle(bundle); err != nil {
			return nil, err
		}
		if err := bundle.Verify(); err != nil {
			return nil, err
		}
	}
	return t.Send(text, rand)
}

// keepable returns the record if it may be kept for a resend, nil for one of a start: its secret would outlive the
// message (AMB-SYN-13).
func keepable(s *channel.Sent) *channel.Sent {
	if len(s.Secret) > 0 {
		return nil
	}
	return s
}

func decodeBundle(encoded []byte) (*account.Bundle, error) {
	if encoded == nil {
		return nil, nil
	}
	b := &account.Bundle{}
	if err := codec.Decode(encoded, b); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	return b, nil
}

// Replenish makes the commit of the next publication: a new signed prekey and new one-time prekeys, whose private keys
// go to every sibling in the same commit. It draws what account.EpochKeys.NewBatch draws, then the ratchet keys that
// are due, from rand. It returns refusal.NotReady.
func (d *Device) Replenish(rand io.Reader) ([]byte, error) {
	return d.try(func(next *Device) ([]byte, error) { return next.replenish(rand) })
}

func (d *Device) replenish(rand io.Reader) ([]byte, error) {
	if err := d.mayCommit(); err != nil {
		return nil, err
	}
	batch, publication, err := d.keys.NewBatch(rand)
	if err != nil {
		return nil, err
	}
	private := privatePrekeys(&batch)
	parcels, err := d.sealAll(channel.Record{Kind: channel.KindPrekeys, Prekeys: &private}, rand)
	if err != nil {
		return nil, err
	}
	commit, err := d.commit(postoffice.Commit{Kind: postoffice.KindPrekeys, Parcels: parcels, Publication: publication})
	d.pending = &pending{Number: d.number, Batch: &batch}
	return commit, err
}

// privatePrekeys returns the record body of a batch that nobody has used yet.
func privatePrekeys(b *account.PrekeyBatch) channel.Prekeys {
	p := channel.Prekeys{SignedPrekeyID: b.SignedID, SignedPrekeyPrivate: [32]byte(b.Signed), FirstOneTimeID: b.FirstID}
	for i, k := range b.OneTime {
		p.OneTimePrivates[i] = [32]byte(k)
	}
	return p
}

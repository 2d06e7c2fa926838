package malicious

import (
	"crypto/ed25519"
	"errors"
	"io"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/x3dh"
)

// Counterparty is an account of one device that holds its keys and its conversation in the open, and can put anything
// into an entry.
type Counterparty struct {
	Key         ed25519.PrivateKey
	Device      account.DeviceID
	Keys        *account.EpochKeys
	Talk        conversation.Conversation
	list        account.List
	publication *account.Publication
	number      uint64
	rand        io.Reader
}

// firstEpoch is a number that no count of devices explains (AMB-ACC-10).
const firstEpoch = 1000

// NewCounterparty makes an account that talks to peer, and the commit that registers it.
func NewCounterparty(peer account.ID, rand io.Reader) (*Counterparty, []byte, error) {
	channels, err := channel.New(rand)
	if err != nil {
		return nil, nil, err
	}
	key, err := account.GenerateKey(rand)
	if err != nil {
		return nil, nil, err
	}
	keys, publication, err := account.NewEpoch(key, firstEpoch, rand)
	if err != nil {
		return nil, nil, err
	}
	c := &Counterparty{
		Key: key, Device: channels.Device, Keys: keys, Talk: conversation.New(account.IDOf(key), peer), rand: rand,
	}
	list := account.List{
		Account: c.Account(), Epoch: firstEpoch, Leader: c.Device,
		Devices: []account.Device{{ID: c.Device, Status: account.Active, Prekey: channels.Prekey()}},
	}
	list.Sign(key)
	c.list, c.publication = list, publication
	return c, c.commit(&postoffice.Commit{
		Kind:     postoffice.KindRegister,
		Rotation: &postoffice.Rotation{List: list, Statement: keys.Statement, Publication: *publication},
	}), nil
}

// Account names the account.
func (c *Counterparty) Account() account.ID { return account.IDOf(c.Key) }

func (c *Counterparty) commit(m *postoffice.Commit) []byte {
	c.number++
	m.Account, m.Device, m.Epoch, m.Number = c.Account(), c.Device, c.Keys.Statement.Epoch, c.number
	return codec.MustEncode(m)
}

// Bundle returns the bundle of the account, with its first one-time prekey.
func (c *Counterparty) Bundle() *account.Bundle { return bundleOf(c.Keys, c.publication) }

func bundleOf(keys *account.EpochKeys, p *account.Publication) *account.Bundle {
	return &account.Bundle{
		Statement: keys.Statement, SignedPrekeyID: p.SignedPrekeyID, SignedPrekey: p.SignedPrekey,
		PrekeySignature: p.PrekeySignature,
		OneTimePrekeyID: p.FirstOneTimeID, OneTimePrekey: p.OneTimePrekeys[0],
	}
}

// Rotation makes a rotation to any epoch, rightly signed, with introductions that nobody made.
func (c *Counterparty) Rotation(epoch uint32, introductions []postoffice.Parcel) ([]byte, error) {
	keys, publication, err := account.NewEpoch(c.Key, epoch, c.rand)
	if err != nil {
		return nil, err
	}
	list := c.list
	list.Epoch = epoch
	list.Sign(c.Key)
	return c.commit(&postoffice.Commit{Kind: postoffice.KindRotate, Rotation: &postoffice.Rotation{
		List: list, Statement: keys.Statement, Publication: *publication, Introductions: introductions,
	}}), nil
}

// NextEpoch makes the commit of the next epoch, which the account goes on in.
func (c *Counterparty) NextEpoch() ([]byte, error) {
	keys, publication, err := account.NewEpoch(c.Key, c.Keys.Statement.Epoch+1, c.rand)
	if err != nil {
		return nil, err
	}
	list := c.list
	list.Epoch = keys.Statement.Epoch
	list.Sign(c.Key)
	commit := c.commit(&postoffice.Commit{Kind: postoffice.KindRotate, Rotation: &postoffice.Rotation{
		List: list, Statement: keys.Statement, Publication: *publication,
	}})
	c.Keys, c.list, c.publication, c.Talk = keys, list, publication, c.Talk.Cut()
	return commit, nil
}

// Publication makes the commit of a batch after a change; its signature is made anew under the ambassador key of keys.
func (c *Counterparty) Publication(keys *account.EpochKeys, change func(p *account.Publication)) ([]byte, error) {
	_, p, err := keys.NewBatch(c.rand)
	if err != nil {
		return nil, err
	}
	change(p)
	return c.commit(&postoffice.Commit{Kind: postoffice.KindPrekeys, Publication: p}), nil
}

// Commit makes the commit of an entry.
func (c *Counterparty) Commit(entry []byte) []byte {
	return c.commit(&postoffice.Commit{Kind: postoffice.KindEntry, Entry: entry})
}

// Say makes the next entry: a start if there is a bundle.
func (c *Counterparty) Say(text string, bundle *account.Bundle) (*conversation.Outgoing, error) {
	if bundle != nil {
		return c.Talk.Start(c.Keys, bundle, []byte(text), c.rand)
	}
	return c.Talk.Send([]byte(text), c.rand)
}

// Seal makes the next message entry with any content, well-formed or not.
func (c *Counterparty) Seal(content []byte) (*conversation.Outgoing, error) {
	return c.SealIn(c.Talk, content)
}

// SealIn is Seal in any conversation.
func (c *Counterparty) SealIn(talk conversation.Conversation, content []byte) (*conversation.Outgoing, error) {
	if talk.Session == nil {
		return nil, errors.New("no session")
	}
	e := &conversation.Entry{
		Sender: talk.Own, Recipient: talk.Peer, SenderEpoch: talk.OwnEpoch,
		RecipientEpoch: talk.PeerStatement.Epoch, Seq: talk.Seq + 1, Previous: talk.Head,
	}
	next, s := talk, *talk.Session
	var err error
	if e.Message, err = s.EncryptIn(c.rand, e.Context(), content); err != nil {
		return nil, err
	}
	encoded, err := codec.Encode(e)
	next.Session, next.Seq, next.Head = &s, e.Seq, conversation.NextHead(next.Head, encoded)
	return &conversation.Outgoing{Entry: encoded, Next: next}, err
}

// StartTo makes a start to a bundle that names another epoch of the recipient, and is right in everything else.
func (c *Counterparty) StartTo(epoch uint32, b *account.Bundle, text string) ([]byte, error) {
	return c.StartWith(b, text, func(e *conversation.Entry) { e.RecipientEpoch = epoch })
}

// StartWith makes a start to a bundle, with a change of the entry before its message is sealed: whoever does not look
// at what was changed can read it.
func (c *Counterparty) StartWith(b *account.Bundle, text string, change func(e *conversation.Entry)) ([]byte, error) {
	ek, err := primitive.GeneratePrivate(c.rand)
	if err != nil {
		return nil, err
	}
	t, err := primitive.GeneratePrivate(c.rand)
	if err != nil {
		return nil, err
	}
	x := b.X3DH()
	a, err := x3dh.Initiate(account.Set, c.Keys.Ambassador, ek, x)
	if err != nil {
		return nil, err
	}
	e := &conversation.Entry{
		Sender: c.Account(), Recipient: c.Talk.Peer, SenderEpoch: c.Keys.Statement.Epoch,
		RecipientEpoch: b.Statement.Epoch, Seq: c.Talk.Seq + 1, Previous: c.Talk.Head,
		Start: &conversation.Start{
			Statement: c.Keys.Statement, Ephemeral: primitive.Public(ek), SignedPrekeyID: b.SignedPrekeyID,
			OneTimePrekeyID: b.OneTimePrekeyID,
		},
	}
	change(e)
	ad := x3dh.AssociatedData(
		account.Set, e.Start.Statement.AmbassadorKey[:], x.Identity, e.Start.Ephemeral[:], x.SignedPrekey,
		x.OneTimePrekey,
	)
	s, err := ratchet.StartInitiator(account.Set, a.Secret, ad, t, b.SignedPrekey)
	if err != nil {
		return nil, err
	}
	content := codec.MustEncode(&conversation.Content{Text: []byte(text)})
	if e.Message, err = s.EncryptIn(c.rand, e.Context(), content); err != nil {
		return nil, err
	}
	return codec.Encode(e)
}

// Secret returns SK of a start entry that the account has got.
func (c *Counterparty) Secret(start []byte) ([]byte, error) {
	e, err := conversation.ParseEntry(start)
	if err != nil {
		return nil, err
	}
	if e.Start == nil {
		return nil, errors.New("an entry that is no start")
	}
	spk, err := c.Keys.Signed(e.Start.SignedPrekeyID)
	if err != nil {
		return nil, err
	}
	opk, err := c.Keys.OneTime(e.Start.OneTimePrekeyID)
	if err != nil {
		return nil, err
	}
	a, err := x3dh.Respond(
		account.Set, c.Keys.Ambassador, spk, opk, e.Start.Statement.AmbassadorKey[:], e.Start.Ephemeral[:],
	)
	return a.Secret, err
}

// Sent moves the conversation past an entry that others have read.
func (c *Counterparty) Sent(o *conversation.Outgoing) { c.Talk = o.Next }

// Spoiled moves the log past an entry that nobody could read.
func (c *Counterparty) Spoiled(entry []byte) {
	c.Talk.Seq, c.Talk.Head = c.Talk.Seq+1, conversation.NextHead(c.Talk.Head, entry)
}

// Changed returns an entry after a change.
func Changed(entry []byte, change func(e *conversation.Entry)) ([]byte, error) {
	e, err := conversation.ParseEntry(entry)
	if err != nil {
		return nil, err
	}
	change(e)
	return codec.Encode(e)
}

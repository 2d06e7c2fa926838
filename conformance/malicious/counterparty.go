package malicious

import (
	"crypto/ed25519"
	"io"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
)

// Counterparty is an account of one device that holds its keys and its conversation in the open, and can put anything into
// an entry.
type Counterparty struct {
	Key    ed25519.PrivateKey
	Device account.DeviceID
	Keys   *account.EpochKeys
	Talk   conversation.Conversation
	number uint64
	rand   io.Reader
}

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
	keys, publication, err := account.NewEpoch(key, 1, rand)
	if err != nil {
		return nil, nil, err
	}
	c := &Counterparty{Key: key, Device: channels.Device, Keys: keys, Talk: conversation.New(account.IDOf(key), peer), rand: rand}
	list := account.List{Account: c.Account(), Epoch: 1, Leader: c.Device, Devices: []account.Device{{ID: c.Device, Status: account.Active, Prekey: channels.Prekey()}}}
	list.Sign(key)
	return c, c.commit(&postoffice.Commit{Kind: postoffice.KindRegister, Rotation: &postoffice.Rotation{List: list, Statement: keys.Statement, Publication: *publication}}), nil
}

// Account names the account.
func (c *Counterparty) Account() account.ID { return account.IDOf(c.Key) }

func (c *Counterparty) commit(m *postoffice.Commit) []byte {
	c.number++
	m.Account, m.Device, m.Epoch, m.Number = c.Account(), c.Device, c.Keys.Statement.Epoch, c.number
	return codec.MustEncode(m)
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

// Sent moves the conversation past an entry that others have read.
func (c *Counterparty) Sent(o *conversation.Outgoing) { c.Talk = o.Next }

// Spoiled moves the log past an entry that nobody could read.
func (c *Counterparty) Spoiled(entry []byte) {
	c.Talk.Seq, c.Talk.Head = c.Talk.Seq+1, conversation.NextHead(c.Talk.Head, entry)
}

// Changed gives an entry after a change.
func Changed(entry []byte, change func(e *conversation.Entry)) ([]byte, error) {
	e, err := conversation.ParseEntry(entry)
	if err != nil {
		return nil, err
	}
	change(e)
	return codec.Encode(e)
}

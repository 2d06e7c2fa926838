package main

import (
	"crypto/ed25519"
	"io"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/shim"
	"credence/spec/refusal"
	"credence/vectors"
)

// channelScene is a scenario in which the target is one end of a channel. The other end is the leader of the list.
type channelScene struct {
	*scene
	peer   *channel.Channels
	target account.Device
	list   *account.List
	rand   io.Reader
}

// channelScenarios adds the scenarios of the profile channel.
func channelScenarios(f *vectors.File) error {
	l := newScenarios(f, "channel")
	run := func(id, comment string, flags, requirements []string, story func(c *channelScene)) {
		l.run(id, comment, flags, requirements, func(s *scene) { story(newChannelScene(s)) })
	}
	run("started", "the target starts the channel: both directions, a new ratchet key with each turn", nil,
		reqs("AMB-ENC-01", "AMB-SES-01", "AMB-RAT-07"), func(c *channelScene) {
			peer := &account.Device{ID: c.peer.Device, Status: account.Active, Prekey: c.peer.Prekey()}
			c.do(shim.ChannelConnect, shim.Params{Party: "device", Device: codec.MustEncode(peer)})
			c.turns()
		})
	run("answered", "the other end starts the channel: both directions, a new ratchet key with each turn", nil,
		reqs("AMB-ENC-01", "AMB-SES-03", "AMB-RAT-07"), func(c *channelScene) {
			c.fail(c.peer.Connect(&c.target, c.rand))
			c.opens(c.ack())
			c.turns()
		})
	run("refused", "records whose envelope is wrong are refused, and the next one is read", []string{"Dishonest"},
		reqs("AMB-CHN-03", "AMB-CHN-04", "AMB-CHN-05", "AMB-CHN-08", "AMB-CNV-01"), func(c *channelScene) {
			c.fail(c.peer.Connect(&c.target, c.rand))
			c.opens(c.ack())
			for _, wrong := range []struct {
				class  shim.Class
				change func(r *channel.Record)
			}{
				{refusal.NotAllowed, func(r *channel.Record) { r.Account[0] ^= 1 }},
				{refusal.NotAllowed, func(r *channel.Record) { r.Sender[0] ^= 1 }},
				{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch++ }},
				{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch-- }},
			} {
				r := c.ack()
				wrong.change(&r)
				c.refuses(wrong.class, shim.ChannelOpen, c.opening(r, c.list))
			}
			c.opens(c.ack())
		})
	run("leader-only", "what only the leader sends, from another device", []string{"Dishonest"},
		reqs("AMB-CHN-06", "AMB-CNV-01"), func(c *channelScene) {
			c.fail(c.peer.Connect(&c.target, c.rand))
			companion := *c.list
			companion.Leader = c.target.ID
			for _, r := range []channel.Record{
				{Kind: channel.KindPrepare, Prepare: &channel.Prepare{}}, {Kind: channel.KindList, List: c.list},
			} {
				c.refuses(refusal.NotAllowed, shim.ChannelOpen, c.opening(c.record(r), &companion))
			}
			c.opens(c.ack())
		})
	l.envelopes()
	return l.done()
}

func newChannelScene(s *scene) *channelScene {
	c := &channelScene{scene: s, rand: seeded(s.test.ID + " peer")}
	made := s.do(shim.ChannelNew, shim.Params{Party: "device"})
	s.fail(codec.Decode(made.Device, &c.target))
	var err error
	c.peer, err = channel.New(c.rand)
	s.fail(err)
	key := ed25519.NewKeyFromSeed(secret(s.test.ID + " account"))
	c.list = &account.List{Account: account.IDOf(key), Epoch: 3, Leader: c.peer.Device, Devices: []account.Device{
		c.target, {ID: c.peer.Device, Status: account.Active, Prekey: c.peer.Prekey()},
	}}
	c.list.Sort()
	c.list.Sign(key)
	return c
}

// record fills in the envelope of a record to the target.
func (c *channelScene) record(r channel.Record) channel.Record {
	r.Account, r.Epoch, r.Sender, r.Receiver = c.list.Account, c.list.Epoch, c.peer.Device, c.target.ID
	return r
}

func (c *channelScene) ack() channel.Record {
	return c.record(channel.Record{Kind: channel.KindAck, Ack: &channel.Ack{Prekey: c.peer.Prekey()}})
}

// opening returns the parameters with which the target opens a record of the peer.
func (c *channelScene) opening(r channel.Record, list *account.List) shim.Params {
	body, err := c.peer.Seal(&r, c.rand)
	c.fail(err)
	return shim.Params{Party: "device", List: codec.MustEncode(list), Device: c.peer.Device[:], Message: body}
}

func (c *channelScene) opens(r channel.Record) { c.do(shim.ChannelOpen, c.opening(r, c.list)) }

// turns lets both ends send, several records in a turn.
func (c *channelScene) turns() {
	for range 2 {
		for range 2 {
			r := c.ack()
			r.Sender, r.Receiver = r.Receiver, r.Sender
			sealed := c.do(shim.ChannelSeal, shim.Params{Party: "device", Record: codec.MustEncode(&r)})
			_, _, err := c.peer.Open(c.list, c.target.ID, sealed.Message)
			c.fail(err)
		}
		c.opens(c.ack())
		c.opens(c.record(channel.Record{
			Kind: channel.KindPrepare, Prepare: &channel.Prepare{Nonce: [32]byte(secret("nonce"))},
		}))
	}
}

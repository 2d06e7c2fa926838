package main

import (
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/shim"
	"credence/spec/refusal"
)

// talking makes a channel that the other end has started.
func (c *channelScene) talking() {
	c.fail(c.peer.Connect(&c.target, c.rand))
	c.opens(c.ack())
}

// misdirected returns the parameters with which the target opens a record that names another receiver.
func (c *channelScene) misdirected(r channel.Record) shim.Params {
	body, next, err := malicious.SealTo(c.peer, c.target.ID, r, c.rand)
	c.fail(err)
	c.peer = next
	return shim.Params{Party: "device", List: codec.MustEncode(c.list), Device: c.peer.Device[:], Message: body}
}

// relisted is the list after a change. The operation takes it as it is.
func (c *channelScene) relisted(change func(l *account.List)) *account.List {
	l := *c.list
	l.Devices = append([]account.Device{}, c.list.Devices...)
	change(&l)
	return &l
}

// kinds are records of each kind with an envelope that is right.
func (c *channelScene) kinds() (records []channel.Record) {
	nonce := [32]byte(secret("nonce"))
	for _, r := range []channel.Record{
		{Kind: channel.KindSent, Sent: &channel.Sent{Peer: account.ID(secret("peer")), Seq: 1}},
		{Kind: channel.KindAck, Ack: &channel.Ack{Prekey: c.peer.Prekey()}},
		{Kind: channel.KindPrekeys, Prekeys: &channel.Prekeys{SignedPrekeyID: 2, FirstOneTimeID: 21}},
		{Kind: channel.KindPrepare, Prepare: &channel.Prepare{Nonce: nonce}},
		{Kind: channel.KindReady, Ready: &channel.Ready{Nonce: nonce, Prekey: c.peer.Prekey()}},
		{Kind: channel.KindResendRequest, Resend: &channel.ResendRequest{Peer: account.ID(secret("peer")), Seq: 1}},
	} {
		records = append(records, c.record(r))
	}
	return records
}

// envelopes are records whose envelope is wrong in a part, of each kind and in each field.
func (l *scenarioList) envelopes() {
	run := func(id, comment string, requirements []string, story func(c *channelScene)) {
		l.run(id, comment, []string{"Dishonest"}, append(requirements, "AMB-CNV-01"), func(s *scene) {
			story(newChannelScene(s))
		})
	}
	for _, f := range []struct {
		name, requirement string
		change            func(r *channel.Record, b bit)
	}{
		{"account", "AMB-CHN-03", func(r *channel.Record, b bit) { r.Account = otherID(r.Account, b) }},
		{"sender", "AMB-CHN-04", func(r *channel.Record, b bit) { r.Sender = otherID(r.Sender, b) }},
		{"receiver", "AMB-CHN-05", func(r *channel.Record, b bit) { r.Receiver = otherID(r.Receiver, b) }},
	} {
		run("record-"+f.name, "records of each kind whose "+f.name+" differs in one bit; and a right one",
			reqs(f.requirement), func(c *channelScene) {
				c.talking()
				bits := bitsOf(32)
				for i, r := range append(c.kinds(), c.ack(), c.ack()) {
					f.change(&r, bits[i%len(bits)])
					c.refuses(refusal.NotAllowed, shim.ChannelOpen, c.misdirected(r))
				}
				c.opens(c.ack())
			})
	}
	run("record-epoch", "records of each kind whose epoch agrees with the current one in a part, or is 0",
		reqs("AMB-CHN-08"), func(c *channelScene) {
			c.talking()
			epochs := append(lowAlike(c.list.Epoch), 0, c.list.Epoch-1, c.list.Epoch+1)
			for i, r := range c.kinds() {
				for _, epoch := range []uint32{epochs[i%len(epochs)], 0} {
					r.Epoch = epoch
					c.refuses(refusal.StaleEpoch, shim.ChannelOpen, c.misdirected(r))
				}
			}
			c.opens(c.ack())
		})
	run("record-opening-epoch", "an introduction has epoch 0: no other record that opens a channel, and no other ack",
		reqs("AMB-CHN-08"), func(c *channelScene) {
			c.fail(c.peer.Connect(&c.target, c.rand))
			for _, epoch := range []uint32{1, 1 << 8, 1 << 16, 1 << 31} {
				r := c.ack()
				r.Epoch = epoch
				c.refuses(refusal.StaleEpoch, shim.ChannelOpen, c.opening(r, c.list))
			}
			for _, r := range c.kinds() {
				if r.Epoch = 0; r.Kind != channel.KindAck {
					c.refuses(refusal.StaleEpoch, shim.ChannelOpen, c.opening(r, c.list))
				}
			}
			r := c.ack()
			r.Epoch = 0
			c.opens(r)
			c.refuses(refusal.StaleEpoch, shim.ChannelOpen, c.opening(r, c.list))
			c.opens(c.ack())
		})
	l.senders(run)
}

// senders are messages of devices that may not send them.
func (l *scenarioList) senders(run func(id, comment string, requirements []string, story func(c *channelScene))) {
	run("not-on-the-list", "messages of devices that are not on the list but for a bit, and of the device itself",
		reqs("AMB-CHN-01", "AMB-CHN-13"), func(c *channelScene) {
			c.talking()
			right := c.opening(c.ack(), c.list)
			for _, b := range bitsOf(32) {
				p := right
				p.Device = b.in(p.Device)
				c.refuses(refusal.NotAllowed, shim.ChannelOpen, p)
				p = right
				p.List = codec.MustEncode(c.relisted(func(l *account.List) {
					for i := range l.Devices {
						if l.Devices[i].ID == c.peer.Device {
							l.Devices[i].ID = otherID(l.Devices[i].ID, b)
						}
					}
					l.Leader = c.target.ID
					l.Sort()
				}))
				c.refuses(refusal.NotAllowed, shim.ChannelOpen, p)
			}
			p := right
			p.Device = c.target.ID[:]
			c.refuses(refusal.NotAllowed, shim.ChannelOpen, p)
			c.do(shim.ChannelOpen, right)
		})
	run("opened-by-another", "an initial message of another device than the one that it comes from",
		reqs("AMB-CHN-02"), func(c *channelScene) {
			c.fail(c.peer.Connect(&c.target, c.rand))
			right := c.opening(c.ack(), c.list)
			for _, b := range append(bitsOf(32), bit{8, 0x01}) {
				listed := c.relisted(func(l *account.List) {
					another := l.Devices[0]
					another.ID = otherID(c.peer.Device, b)
					l.Devices = append(l.Devices, another)
					l.Sort()
				})
				id := otherID(c.peer.Device, b)
				p := right
				p.Device, p.List = id[:], codec.MustEncode(listed)
				c.refuses(refusal.NotAllowed, shim.ChannelOpen, p)
			}
			c.do(shim.ChannelOpen, right)
		})
	run("pending-sender", "a pending device may send an ack without claims and a rotate-ready, and nothing else",
		reqs("AMB-CHN-07", "AMB-SYN-20"), func(c *channelScene) {
			c.talking()
			pending := c.relisted(func(l *account.List) {
				l.Leader = c.target.ID
				for i := range l.Devices {
					if l.Devices[i].ID == c.peer.Device {
						l.Devices[i].Status = account.Pending
					}
				}
			})
			claim := channel.Claim{Head: channel.Head{Peer: account.ID(secret("peer")), Seq: 1}}
			claims := c.ack()
			claims.Ack.Claims = []channel.Claim{claim}
			for _, r := range append(c.kinds(), claims) {
				if r.Kind == channel.KindReady || r.Kind == channel.KindAck && len(r.Ack.Claims) == 0 {
					c.do(shim.ChannelOpen, c.opening(r, pending))
					continue
				}
				c.refuses(refusal.NotAllowed, shim.ChannelOpen, c.opening(r, pending))
			}
			c.opens(claims)
		})
}

package main

import (
	"fmt"

	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// insider is an account whose leader is malicious and whose companion is the target's laptop.
type insider struct {
	*scene
	leader *malicious.Sibling
	bundle *account.Bundle
	keys   *account.EpochKeys
	peer   *malicious.Counterparty
}

func newInsider(s *scene) *insider {
	leader, err := malicious.NewLeader(seeded(s.test.ID + " leader"))
	s.fail(err)
	i := &insider{scene: s, leader: leader}
	s.do(shim.DeviceNew, shim.Params{Party: "laptop"})
	list, err := leader.Admit(s.do(shim.DeviceRequest, shim.Params{Party: "laptop", Message: leader.Offer()}).Message)
	s.fail(err)
	i.opens(list)
	return i
}

func (i *insider) laptop() account.DeviceID { return account.DeviceID(i.device("laptop")) }

// brings lets the laptop read a record of the leader, in a mail with cuts.
func (i *insider) brings(r channel.Record, cuts []channel.Head, events ...string) {
	mail, err := i.leader.Mail(r)
	i.fail(err)
	m := &postoffice.Mail{}
	i.fail(codec.Decode(mail, m))
	m.Cuts = cuts
	i.expects(i.receive("laptop", codec.MustEncode(m)), events...)
}

// rotation is the record that hands the laptop the epoch of a list.
func (i *insider) rotation(list *account.List) channel.Record {
	r, keys, bundle, err := i.leader.Rotation(i.laptop(), list)
	i.fail(err)
	i.keys, i.bundle = keys, bundle
	return r
}

func (i *insider) opens(list *account.List, cuts ...channel.Head) {
	i.brings(i.rotation(list), cuts, "record", "rotated")
	i.leader.List = list
}

// edited is the list of the next epoch after a change, signed.
func (i *insider) edited(change func(l *account.List)) *account.List {
	list := i.leader.Next()
	change(list)
	list.Sign(i.leader.Key)
	return list
}

// meets makes a counterparty, which starts a conversation and says one more thing.
func (i *insider) meets() {
	c, _, err := malicious.NewCounterparty(i.leader.List.Account, seeded(i.test.ID+" peer"))
	i.fail(err)
	i.peer, i.peers = c, append(i.peers, c.Account())
	i.hears("start", i.bundle, "message")
	i.hears("second", nil, "message")
}

func (i *insider) hears(text string, bundle *account.Bundle, event string) {
	o, err := i.peer.Say(text, bundle)
	i.fail(err)
	if err == nil {
		i.peer.Sent(o)
		i.expects(i.receive("laptop", entryMail(o.Entry)), event)
	}
}

// claim is what the laptop would claim.
func (i *insider) claim() channel.Claim {
	c := i.adapter.Device("laptop").Conversation(i.peer.Account())
	return channel.Claim{
		Head: channel.Head{Peer: i.peer.Account(), Seq: c.Seq, Head: c.Head}, Digest: c.Digest(),
	}
}

func (i *insider) record(r channel.Record) channel.Record { return i.leader.Record(i.laptop(), r) }

func (i *insider) ack(claims ...channel.Claim) channel.Record {
	return i.record(channel.Record{
		Kind: channel.KindAck, Ack: &channel.Ack{Claims: claims, Prekey: i.leader.Prekey()},
	})
}

// standsStill shows that the laptop neither sends nor reads, and what it tells its siblings.
func (i *insider) standsStill() {
	peer := i.peer.Account()
	i.refuses(refusal.Frozen, shim.DeviceSend,
		shim.Params{Party: "laptop", Account: peer[:], Plaintext: shim.Bytes("frozen")})
	i.hears("is not read", nil, kind("frozen", refusal.Frozen))
	i.do(shim.DeviceUpkeep, shim.Params{Party: "laptop"})
	i.status("laptop")
}

// freezes are siblings that have another history: each statement differs from the truth in one bit.
func (l *scenarioList) freezes() {
	run := func(id, comment string, requirements []string, story func(i *insider)) {
		l.run(id, comment, []string{"Dishonest"}, requirements, func(s *scene) {
			i := newInsider(s)
			i.meets()
			story(i)
		})
	}
	for _, what := range []string{"head", "digest"} {
		for _, b := range []bit{{0, 0x01}, {16, 0x10}, {31, 0x80}} {
			falsify := func(c *channel.Claim) {
				if what == "head" {
					c.Head.Head = otherID(c.Head.Head, b)
				} else {
					c.Digest = otherID(c.Digest, b)
				}
			}
			run(fmt.Sprintf("claim-%s-%s", what, b),
				"an ack whose "+what+" differs in one bit freezes the conversation",
				reqs("AMB-SYN-06", "AMB-SYN-18", "AMB-SYN-27"), func(i *insider) {
					c := i.claim()
					i.brings(i.ack(c), nil, "record")
					falsify(&c)
					i.brings(i.ack(c), nil, "record", kind("frozen", refusal.Frozen))
					i.standsStill()
				})
			run(fmt.Sprintf("late-claim-%s-%s", what, b), "a sent record about a place that was passed, whose "+what+
				" differs in one bit, freezes the conversation", reqs("AMB-SYN-17", "AMB-SYN-18"), func(i *insider) {
				c := i.claim()
				i.hears("third", nil, "message")
				falsify(&c)
				i.brings(i.record(channel.Record{Kind: channel.KindSent, Sent: &channel.Sent{
					Peer: c.Peer, Seq: c.Seq, Head: c.Head.Head, Digest: c.Digest,
					RatchetPrivate: [32]byte(key("none")),
				}}), nil, "record", kind("frozen", refusal.Frozen))
				i.standsStill()
			})
		}
	}
	run("claim-ahead", "a claim about a place that is not reached waits, of each sibling the last one, and freezes "+
		"the conversation there", reqs("AMB-SYN-25", "AMB-SYN-06"), func(i *insider) {
		c := i.claim()
		far := c
		for _, seq := range []uint64{c.Seq + 1<<8, c.Seq + 1<<16, c.Seq + 1<<32, c.Seq + 1, c.Seq + 2} {
			far.Seq = seq
			i.brings(i.ack(far), nil, "record")
		}
		i.hears("third", nil, "message")
		o, err := i.peer.Say("fourth", nil)
		i.fail(err)
		i.peer.Sent(o)
		i.expects(i.receive("laptop", entryMail(o.Entry)), "message", kind("frozen", refusal.Frozen))
		i.standsStill()
	})
	run("claims-of-nothing",
		"claims of the own account and of place 0 say nothing; a sent record to the own account is "+
			"refused", reqs("AMB-SYN-24", "AMB-SYN-05"), func(i *insider) {
			c := i.claim()
			c.Seq, c.Digest = 0, [32]byte{}
			i.brings(i.ack(c), nil, "record")
			own := i.leader.List.Account
			i.brings(i.ack(channel.Claim{Head: channel.Head{Peer: own, Seq: 1}}), nil, "record")
			i.brings(i.record(channel.Record{Kind: channel.KindSent, Sent: &channel.Sent{
				Peer: own, Seq: 3, RatchetPrivate: [32]byte(key("none")),
			}}), nil, kind("refused", refusal.NotAllowed))
			i.hears("goes on", nil, "message")
			i.status("laptop")
		})
}

// cuts are rotations that cut a conversation at its last entry, or elsewhere.
func (l *scenarioList) cuts() {
	cut := func(id, comment string, frozen bool, change func(h *channel.Head) bool) {
		l.run("cut-"+id, comment, []string{"Dishonest"}, reqs("AMB-ROT-04", "AMB-ROT-23"), func(s *scene) {
			i := newInsider(s)
			i.meets()
			var cuts []channel.Head
			if h := i.claim().Head; change(&h) {
				cuts = append(cuts, h)
			}
			events := []string{"record", "rotated"}
			if frozen {
				events = append(events, kind("frozen", refusal.Frozen))
			}
			list := i.leader.Next()
			i.brings(i.rotation(list), cuts, events...)
			i.leader.List = list
			i.status("laptop")
			if frozen {
				return
			}
			i.peer.Talk = i.peer.Talk.Cut()
			if len(cuts) > 0 {
				i.peer.Talk.Seq, i.peer.Talk.Head = cuts[0].Seq, cuts[0].Head
			}
			i.hears("in the next epoch", i.bundle, "message")
			i.status("laptop")
		})
	}
	cut("here", "the cut is the last entry", false, func(*channel.Head) bool { return true })
	for _, b := range []bit{{0, 0x01}, {16, 0x10}, {31, 0x80}} {
		cut("head-"+b.String(), "the head of the cut differs in one bit", true,
			func(h *channel.Head) bool { h.Head = otherID(h.Head, b); return true })
	}
	cut("before", "the log is longer than its cut", true, func(h *channel.Head) bool { h.Seq--; return true })
	cut("none", "a conversation with entries is in no cut", true, func(*channel.Head) bool { return false })
	for _, more := range []uint64{1, 1 << 8, 1 << 16, 1 << 32} {
		cut(fmt.Sprintf("after-%d", more), "the log is shorter than its cut, and goes on from there", false,
			func(h *channel.Head) bool { h.Seq += more; return true })
	}
}

// handovers are rotate-commits and lists that a device refuses.
func (l *scenarioList) handovers() {
	l.run("handovers", "rotate-commits and lists that do not verify, are not of a later epoch, or give this device "+
		"another status; then one that is right", []string{"Dishonest"},
		reqs("AMB-ROT-02", "AMB-ROT-03", "AMB-ROT-15", "AMB-ACC-03", "AMB-ACC-13"), func(s *scene) {
			i := newInsider(s)
			i.opens(i.edited(func(l *account.List) { l.Epoch = 1<<16 + 5 }))
			refuse := func(class shim.Class, list *account.List, change func(r *channel.Rotate)) {
				r := i.rotation(list)
				rotate := *r.Rotate
				change(&rotate)
				r.Rotate = &rotate
				i.brings(r, nil, kind("refused", class))
			}
			as := func(*channel.Rotate) {}
			for _, epoch := range []uint32{1<<16 + 5, 1<<16 + 4, 1<<16 - 1, 5, 6, 1 << 8} {
				refuse(refusal.StaleEpoch, i.edited(func(l *account.List) { l.Epoch = epoch }), as)
			}
			next := i.leader.Next()
			signer := malicious.AccountSigner(i.leader.Key)
			for _, b := range []bit{{0, 0x01}, {16, 0x10}, {31, 0x80}} {
				resign := func(domain string, v codec.Struct, signature []byte) {
					e := codec.MustEncode(v)
					copy(signature, signer.Sign(append([]byte(domain), e[:len(e)-64]...), b.in))
				}
				refuse(refusal.BadSignature, next, func(r *channel.Rotate) {
					resign("ambassador-v1 device list", &r.List, r.List.Signature[:])
				})
				refuse(refusal.BadSignature, next, func(r *channel.Rotate) {
					resign("ambassador-v1 epoch statement", &r.Statement, r.Statement.Signature[:])
				})
				refuse(refusal.NotAllowed, next, func(r *channel.Rotate) {
					r.AmbassadorPrivate = otherID(r.AmbassadorPrivate, bit{max(1, b.at-1), b.mask})
				})
				refuse(refusal.NotAllowed, next,
					func(r *channel.Rotate) { r.List.Account = otherID(r.List.Account, b) })
			}
			for _, epoch := range append(lowAlike(next.Epoch), next.Epoch+1) {
				refuse(refusal.NotAllowed, next, func(r *channel.Rotate) {
					r.Statement.Epoch = epoch
					r.Statement.Sign(i.leader.Key)
				})
			}
			status := func(of account.Status) *account.List {
				return i.edited(func(l *account.List) { l.Find(i.laptop()).Status = of })
			}
			refuse(refusal.NotAllowed, status(account.Pending), as)
			i.brings(i.record(channel.Record{Kind: channel.KindList, List: next}), nil, kind("refused",
				refusal.NotAllowed))
			i.status("laptop")
			i.opens(next)
			i.status("laptop")
		})
	l.run("pending-refuses", "a pending device refuses entries, sent and prekeys records, and sends nothing", nil,
		reqs("AMB-SYN-35", "AMB-LOG-22", "AMB-ROT-27"), func(s *scene) {
			i := newInsider(s)
			i.meets()
			c := i.claim()
			pending := i.edited(func(l *account.List) { l.Find(i.laptop()).Status = account.Pending })
			i.brings(i.record(channel.Record{Kind: channel.KindList, List: pending}), nil, "rotated")
			i.leader.List = pending
			i.brings(i.record(channel.Record{Kind: channel.KindSent, Sent: &channel.Sent{
				Peer: c.Peer, Seq: 3, Head: c.Head.Head, RatchetPrivate: [32]byte(key("none")),
			}}), nil, kind("refused", refusal.NotAllowed))
			i.brings(i.record(channel.Record{Kind: channel.KindPrekeys, Prekeys: &channel.Prekeys{
				SignedPrekeyID: 2, FirstOneTimeID: 21,
			}}), nil, kind("refused", refusal.NotAllowed))
			i.hears("to the account", nil, kind("refused", refusal.NotAllowed))
			i.refuses(refusal.NotReady, shim.DeviceSend,
				shim.Params{Party: "laptop", Account: c.Peer[:], Plaintext: shim.Bytes("too early")})
			i.refuses(refusal.NotReady, shim.DeviceReplenish, shim.Params{Party: "laptop"})
			i.status("laptop")
		})
}

package conformance

import (
	"bytes"
	"fmt"

	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/shim"
	"credence/spec/refusal"
)

// liveChannel are the tests of pairwise channels and their records, with no device logic behind them.
func liveChannel() []testCase {
	test := func(name, comment string, requirements []string, run func(p *pairwise) error) testCase {
		tc := worldCase("channel", name, comment, requirements, func(w *world) error {
			p, err := w.pairwise()
			if err != nil {
				return err
			}
			return run(p)
		})
		return tc
	}
	return []testCase{
		test("records", "records of every kind, in both directions", reqs("AMB-ENC-01", "AMB-CHN-06", "AMB-SES-01"), everyKind),
		test("order", "records that come late, twice, or not at all", reqs("AMB-RAT-10", "AMB-RAT-11", "AMB-CNV-01"), anyOrder),
		test("list", "a message of a device that is not on the list, and of the device itself", reqs("AMB-CHN-01", "AMB-CNV-01"), notOnList),
		test("introduction", "an initial message in the name of another device", reqs("AMB-CHN-02", "AMB-CNV-01"), othersIntroduction),
		test("envelope", "records that name another account, sender, receiver or epoch", reqs("AMB-CHN-03", "AMB-CHN-04", "AMB-CHN-05", "AMB-CHN-08", "AMB-CNV-01"), wrongEnvelopes),
		test("leader", "records that only the leader sends, from another device", reqs("AMB-CHN-06", "AMB-CNV-01"), leaderOnly),
		test("pending", "records of a pending device", reqs("AMB-CHN-07", "AMB-CNV-01"), fromPending),
		test("no-record", "a channel message that holds no canonical record", reqs("AMB-ENC-02", "AMB-CNV-01"), noRecord),
		test("restart", "the channels go on after export and import", reqs("AMB-STA-01", "AMB-SYN-03"), channelRestart),
	}
}

// pairwise is a device of the target and one of the reference on a list. The reference's leads and starts the channel.
type pairwise struct {
	*world
	name   string
	target account.Device
	peer   *channel.Channels
	key    []byte // seed of the account key
	list   *account.List
}

func (w *world) pairwise() (*pairwise, error) {
	p := &pairwise{world: w, name: "target"}
	r, err := w.must(shim.ChannelNew, shim.Params{Party: p.name})
	if err != nil {
		return nil, err
	}
	if err := codec.Decode(r.Device, &p.target); err != nil {
		return nil, w.fail(Mismatch, "channel.new gives no Device", "133 bytes", err.Error())
	}
	if p.peer, err = channel.New(w.random); err != nil {
		return nil, err
	}
	p.key = make([]byte, 32)
	w.random.Read(p.key)
	key, err := account.GenerateKey(bytes.NewReader(p.key))
	if err != nil {
		return nil, err
	}
	p.list = &account.List{Account: account.IDOf(key), Epoch: 4, Leader: p.peer.Device, Devices: []account.Device{
		p.target, {ID: p.peer.Device, Status: account.Active, Prekey: p.peer.Prekey()},
	}}
	p.list.Sort()
	p.list.Sign(key)
	if err := p.peer.Connect(&p.target, w.random); err != nil {
		return nil, w.fail(Mismatch, "the prekey of the target's device is refused by the reference", "a Device", err.Error())
	}
	return p, nil
}

// record fills in the envelope of a record from one end to the other.
func (p *pairwise) record(toTarget bool, r channel.Record) channel.Record {
	r.Account, r.Epoch, r.Sender, r.Receiver = p.list.Account, p.list.Epoch, p.target.ID, p.peer.Device
	if toTarget {
		r.Sender, r.Receiver = r.Receiver, r.Sender
	}
	return r
}

func (p *pairwise) ack() channel.Record {
	return channel.Record{Kind: channel.KindAck, Ack: &channel.Ack{Prekey: p.peer.Prekey()}}
}

// toTarget seals a record for the target.
func (p *pairwise) toTarget(r channel.Record) (shim.Params, error) {
	body, err := p.peer.Seal(&r, p.random)
	return p.opening(p.list, body), err
}

// opening gives the parameters with which the target opens a message of the peer.
func (p *pairwise) opening(list *account.List, body []byte) shim.Params {
	return shim.Params{Party: p.name, List: codec.MustEncode(list), Device: p.peer.Device[:], Message: body}
}

// reads lets the target open a record.
func (p *pairwise) reads(r channel.Record) error {
	opening, err := p.toTarget(r)
	if err != nil {
		return err
	}
	return p.opens(opening, r)
}

func (p *pairwise) opens(opening shim.Params, r channel.Record) error {
	got, err := p.must(shim.ChannelOpen, opening)
	if err != nil {
		return err
	}
	return p.equal("record", codec.MustEncode(&r), got.Record)
}

// sends lets the target seal a record, which the reference has to open.
func (p *pairwise) sends(r channel.Record) error {
	encoded := codec.MustEncode(&r)
	sealed, err := p.must(shim.ChannelSeal, shim.Params{Party: p.name, Record: encoded})
	if err != nil {
		return err
	}
	list := *p.list
	list.Leader = p.target.ID // whoever sends may send everything
	got, _, err := p.peer.Open(&list, p.target.ID, sealed.Message)
	if err != nil {
		return p.fail(Mismatch, "a channel message of the target is refused by the reference", "opened", err.Error())
	}
	return p.equal("record that the reference opens", encoded, codec.MustEncode(got))
}

// refusesRecord fails unless the target refuses a record, without a change.
func (p *pairwise) refusesRecord(class refusal.Class, list *account.List, r channel.Record) error {
	body, err := p.peer.Seal(&r, p.random)
	if err != nil {
		return err
	}
	return p.refuseUnchanged(class, shim.ChannelOpen, p.opening(list, body))
}

// kinds gives a record of every kind.
func (p *pairwise) kinds() []channel.Record {
	prekey := p.peer.Prekey()
	head := channel.Head{Peer: account.ID{1}, Seq: 3, Head: [32]byte{2}}
	statement := account.EpochStatement{Account: p.list.Account, Epoch: 5}
	return []channel.Record{
		{Kind: channel.KindSent, Sent: &channel.Sent{Peer: head.Peer, Seq: 3}},
		{Kind: channel.KindSent, Sent: &channel.Sent{Peer: head.Peer, Seq: 3, Secret: make([]byte, 32), Bundle: []byte{1}}},
		{Kind: channel.KindAck, Ack: &channel.Ack{Claims: []channel.Claim{{Head: head}}, Prekey: prekey}},
		{Kind: channel.KindPrekeys, Prekeys: &channel.Prekeys{SignedPrekeyID: 2, FirstOneTimeID: 21}},
		{Kind: channel.KindList, List: p.list},
		{Kind: channel.KindPrepare, Prepare: &channel.Prepare{Nonce: [32]byte{9}}},
		{Kind: channel.KindReady, Ready: &channel.Ready{Nonce: [32]byte{9}, Prekey: prekey}},
		{Kind: channel.KindRotate, Rotate: &channel.Rotate{List: *p.list, Statement: statement, Prekeys: channel.Prekeys{SignedPrekeyID: 1, FirstOneTimeID: 1}, Cuts: []channel.Head{head}}},
		{Kind: channel.KindResendRequest, Resend: &channel.ResendRequest{Peer: head.Peer, Seq: 3}},
	}
}

func everyKind(p *pairwise) error {
	for _, r := range p.kinds() {
		if err := first(func() error { return p.reads(p.record(true, r)) }, func() error { return p.sends(p.record(false, r)) }); err != nil {
			return err
		}
	}
	return nil
}

func anyOrder(p *pairwise) error {
	var openings []shim.Params
	r := p.record(true, p.ack())
	for range 5 {
		o, err := p.toTarget(r)
		if err != nil {
			return err
		}
		openings = append(openings, o)
	}
	for _, i := range []int{3, 0, 4, 1} { // 2 is lost
		if err := first(func() error { return p.opens(openings[i], r) }, func() error { return p.refuseUnchanged(refusal.Duplicate, shim.ChannelOpen, openings[i]) }); err != nil {
			return err
		}
	}
	return first(
		func() error { return p.sends(p.record(false, p.ack())) }, func() error { return p.reads(r) },
		func() error { return p.opens(openings[2], r) }, // very late
		func() error { return p.refuseUnchanged("", shim.ChannelOpen, openings[3]) },
	)
}

func notOnList(p *pairwise) error {
	r := p.record(true, p.ack())
	o, err := p.toTarget(r)
	if err != nil {
		return err
	}
	without := *p.list
	without.Leader, without.Devices = p.target.ID, []account.Device{p.target}
	strange := o
	strange.List = codec.MustEncode(&without)
	itself := o
	itself.Device = p.target.ID[:]
	return first(
		func() error { return p.refuseUnchanged(refusal.NotAllowed, shim.ChannelOpen, strange) },
		func() error { return p.refuseUnchanged(refusal.NotAllowed, shim.ChannelOpen, itself) },
		func() error { return p.opens(o, r) },
	)
}

func othersIntroduction(p *pairwise) error {
	other, err := channel.New(p.random)
	if err != nil {
		return err
	}
	if err := other.Connect(&p.target, p.random); err != nil {
		return err
	}
	r := p.record(true, p.ack())
	body, err := other.Seal(&r, p.random) // by another device, in the name of the peer
	if err != nil {
		return err
	}
	return first(
		func() error {
			return p.refuseUnchanged(refusal.NotAllowed, shim.ChannelOpen, p.opening(p.list, body))
		},
		func() error { return p.reads(r) },
	)
}

func wrongEnvelopes(p *pairwise) error {
	changed := func(change func(r *channel.Record)) channel.Record {
		r := p.record(true, p.ack())
		change(&r)
		return r
	}
	if err := p.reads(p.record(true, p.ack())); err != nil {
		return err
	}
	for _, test := range []struct {
		class  refusal.Class
		change func(r *channel.Record)
	}{
		{refusal.NotAllowed, func(r *channel.Record) { r.Account[31] ^= 1 }},
		{refusal.NotAllowed, func(r *channel.Record) { r.Sender[31] ^= 1 }},
		{refusal.NotAllowed, func(r *channel.Record) { r.Sender = r.Receiver }},
		{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch-- }},
		{refusal.StaleEpoch, func(r *channel.Record) { r.Epoch++ }},
	} {
		if err := p.refusesRecord(test.class, p.list, changed(test.change)); err != nil {
			return err
		}
	}
	return p.reads(p.record(true, p.ack()))
}

func leaderOnly(p *pairwise) error {
	companion := *p.list
	companion.Leader = p.target.ID
	for _, r := range p.kinds() {
		switch r.Kind {
		case channel.KindList, channel.KindPrepare, channel.KindRotate:
			if err := p.refusesRecord(refusal.NotAllowed, &companion, p.record(true, r)); err != nil {
				return fmt.Errorf("kind %d: %w", r.Kind, err)
			}
		}
	}
	return p.reads(p.record(true, p.ack()))
}

func fromPending(p *pairwise) error {
	pending := *p.list
	pending.Leader = p.target.ID
	pending.Devices = append([]account.Device{}, p.list.Devices...)
	pending.Find(p.peer.Device).Status = account.Pending
	for _, r := range p.kinds() {
		r := p.record(true, r)
		if r.Kind == channel.KindAck || r.Kind == channel.KindReady {
			body, err := p.peer.Seal(&r, p.random)
			if err != nil {
				return err
			}
			if err := p.opens(p.opening(&pending, body), r); err != nil {
				return err
			}
			continue
		}
		if err := p.refusesRecord(refusal.NotAllowed, &pending, r); err != nil {
			return err
		}
	}
	return nil
}

func noRecord(p *pairwise) error {
	session, err := malicious.Sessions(p.peer)
	if err != nil {
		return err
	}
	good := p.record(true, p.ack())
	record := codec.MustEncode(&good)
	for _, bad := range [][]byte{{}, record[:len(record)-1], append(bytes.Clone(record), 0), append([]byte{2}, record[1:]...), append([]byte{1, 10}, record[2:]...), append([]byte{1, 9, 9}, record[3:]...)} {
		e, err := session.Encrypt(fmt.Sprintf("%x", p.target.ID[:]), bad, p.random)
		if err != nil {
			return err
		}
		if err := p.refuseUnchanged(refusal.Malformed, shim.ChannelOpen, p.opening(p.list, e.Body)); err != nil {
			return err
		}
	}
	e, err := session.Encrypt(fmt.Sprintf("%x", p.target.ID[:]), record, p.random)
	if err != nil {
		return err
	}
	return p.opens(p.opening(p.list, e.Body), good)
}

func channelRestart(p *pairwise) error {
	again := func() error {
		state, err := p.must(shim.ChannelExport, shim.Params{Party: p.name})
		if err != nil {
			return err
		}
		p.name = p.newName()
		_, err = p.must(shim.ChannelImport, shim.Params{Party: p.name, State: state.State})
		return err
	}
	read := func() error { return p.reads(p.record(true, p.ack())) }
	send := func() error { return p.sends(p.record(false, p.ack())) }
	if missing := lacks(p.hello.offers(shim.ChannelExport, shim.ChannelImport), "channel.export and channel.import"); missing != "" {
		return &verdict{status: Skipped, reason: Unsupported, message: "the target does not offer " + missing}
	}
	return first(again, read, again, send, again, read, send)
}

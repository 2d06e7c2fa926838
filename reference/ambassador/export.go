package ambassador

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/spec/refusal"
)

// stored is the export of a device. Everything that has an encoding of its own stands in it; lists are sorted, so that
// equal devices give equal bytes.
type stored struct {
	Channels      json.RawMessage `json:"channels"`
	AccountSeed   []byte          `json:"account_seed"`
	List          []byte          `json:"list"`
	Keys          *storedKeys     `json:"keys"`
	Conversations []storedTalk    `json:"conversations"`
	Number        uint64          `json:"number"`
	Signed        uint32          `json:"signed_epoch"`
	Pending       *storedPending  `json:"pending"`
	Received      int             `json:"received"`
	Due           [][]byte        `json:"due"`
	PrekeyUsed    bool            `json:"prekey_used"`
	Siblings      []storedDevice  `json:"siblings"`
}

type storedKeys struct {
	Statement  []byte        `json:"statement"`
	Ambassador []byte        `json:"ambassador"`
	Batches    []storedBatch `json:"batches"`
}

type storedBatch struct {
	SignedID uint32   `json:"signed_id"`
	Signed   []byte   `json:"signed"`
	FirstID  uint32   `json:"first_id"`
	OneTime  [][]byte `json:"one_time"`
}

type storedConversation struct {
	Peer      []byte `json:"peer"`
	Seq       uint64 `json:"seq"`
	Head      []byte `json:"head"`
	Statement []byte `json:"peer_statement"`
	PrekeyID  uint32 `json:"peer_prekey_id"`
	OwnEpoch  uint32 `json:"own_epoch"`
	Session   []byte `json:"session"` // the canonical state
	Spoke     bool   `json:"spoke"`
	Settled   bool   `json:"settled"`

	Reports conversation.Reports `json:"reports"`
}

type storedTalk struct {
	storedConversation
	TipSeq  uint64        `json:"tip_seq"`
	Tip     []byte        `json:"tip"`
	Parked  [][]byte      `json:"parked"`
	Asked   uint64        `json:"asked"`
	Records [][]byte      `json:"records"`
	Claims  []storedClaim `json:"claims"`
	Places  [][]byte      `json:"places"`
	Claimed []storedPlace `json:"claimed"`
	Last    []byte        `json:"last"`
	Frozen  string        `json:"frozen"`
	Dispute []byte        `json:"dispute"`
}

type storedClaim struct {
	Device []byte `json:"device"`
	Claim  []byte `json:"claim"`
}

type storedPlace struct {
	Device []byte `json:"device"`
	Seq    uint64 `json:"seq"`
}

type storedPending struct {
	Number uint64              `json:"number"`
	Entry  []byte              `json:"entry"`
	Next   *storedConversation `json:"next"`
	Last   []byte              `json:"last"`
	Batch  *storedBatch        `json:"batch"`
	List   []byte              `json:"list"`
	Keys   *storedKeys         `json:"keys"`
}

type storedDevice struct {
	Device   []byte `json:"device"`
	Prekey   []byte `json:"prekey"`
	Prepared []byte `json:"prepared"`
}

// Export returns the whole state of the device, secrets included.
func (d *Device) Export() []byte {
	s := stored{
		Channels: d.channels.Export(), Number: d.number, Signed: d.signed,
		Received: d.received, PrekeyUsed: d.prekeyUsed, Keys: storeKeys(d.keys), Pending: d.pending.store(),
	}
	if d.accountKey != nil {
		s.AccountSeed = d.accountKey.Seed()
	}
	if d.list != nil {
		s.List = codec.MustEncode(d.list)
	}
	for _, peer := range d.Peers() {
		s.Conversations = append(s.Conversations, d.conversations[peer].store())
	}
	for _, due := range d.due {
		r := due.Record
		r.Receiver = due.To
		s.Due = append(s.Due, codec.MustEncode(&r))
	}
	s.Siblings = d.storeSiblings()
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // the type has nothing that JSON cannot hold
	}
	return b
}

func (d *Device) storeSiblings() []storedDevice {
	known := map[account.DeviceID]*storedDevice{}
	at := func(id account.DeviceID) *storedDevice {
		if known[id] == nil {
			known[id] = &storedDevice{Device: id[:]}
		}
		return known[id]
	}
	for id, p := range d.prekeys {
		at(id).Prekey = codec.MustEncode(&p)
	}
	for id, nonce := range d.prepared {
		at(id).Prepared = nonce[:]
	}
	var all []storedDevice
	for _, id := range slices.SortedFunc(maps.Keys(known), compareIDs) {
		all = append(all, *known[id])
	}
	return all
}

func compareIDs(a, b account.DeviceID) int { return bytes.Compare(a[:], b[:]) }

func storeKeys(k *account.EpochKeys) *storedKeys {
	if k == nil {
		return nil
	}
	s := &storedKeys{Statement: codec.MustEncode(&k.Statement), Ambassador: k.Ambassador.Bytes()}
	for i := range k.Batches {
		s.Batches = append(s.Batches, *storeBatch(&k.Batches[i]))
	}
	return s
}

func storeBatch(b *account.PrekeyBatch) *storedBatch {
	if b == nil {
		return nil
	}
	s := &storedBatch{SignedID: b.SignedID, Signed: b.Signed, FirstID: b.FirstID, OneTime: b.OneTime[:]}
	return s
}

func storeConversation(c conversation.Conversation) storedConversation {
	s := storedConversation{
		Peer: c.Peer[:], Seq: c.Seq, Head: c.Head[:], PrekeyID: c.PeerPrekeyID, OwnEpoch: c.OwnEpoch,
		Spoke: c.Spoke, Settled: c.Settled, Reports: c.Reports,
	}
	if c.PeerStatement != nil {
		s.Statement = codec.MustEncode(c.PeerStatement)
	}
	if c.Session != nil {
		s.Session = c.Session.Marshal()
	}
	return s
}

func (t *talk) store() storedTalk {
	s := storedTalk{
		storedConversation: storeConversation(t.Conversation),
		TipSeq:             t.tip.Seq, Tip: t.tip.Head[:], Parked: t.parked, Asked: t.asked, Frozen: t.frozen,
	}
	if t.last != nil {
		s.Last = codec.MustEncode(t.last)
	}
	if t.frozen != "" {
		s.Dispute = codec.MustEncode(&t.dispute)
	}
	for _, seq := range slices.Sorted(maps.Keys(t.records)) {
		s.Records = append(s.Records, codec.MustEncode(t.records[seq]))
	}
	for _, id := range slices.SortedFunc(maps.Keys(t.claims), compareIDs) {
		claim := t.claims[id]
		s.Claims = append(s.Claims, storedClaim{id[:], codec.MustEncode(&claim)})
	}
	for i := range t.memory.places {
		s.Places = append(s.Places, codec.MustEncode(&t.memory.places[i]))
	}
	for _, id := range slices.SortedFunc(maps.Keys(t.memory.claimed), compareIDs) {
		s.Claimed = append(s.Claimed, storedPlace{id[:], t.memory.claimed[id]})
	}
	return s
}

func (p *pending) store() *storedPending {
	if p == nil {
		return nil
	}
	s := &storedPending{Number: p.Number, Entry: p.Entry, Batch: storeBatch(p.Batch), Keys: storeKeys(p.Keys)}
	if p.Next != nil {
		next := storeConversation(*p.Next)
		s.Next = &next
	}
	if p.Last != nil {
		s.Last = codec.MustEncode(p.Last)
	}
	if p.List != nil {
		s.List = codec.MustEncode(p.List)
	}
	return s
}

// Import returns the device that was exported. It has to catch up before it may send (AMB-SYN-10): read its mailbox to
// the end and call CaughtUp. It returns refusal.Malformed with the field that is wrong.
func Import(exported []byte) (*Device, error) {
	var s stored
	j := json.NewDecoder(bytes.NewReader(exported))
	j.DisallowUnknownFields()
	if err := j.Decode(&s); err != nil {
		return nil, fmt.Errorf("%w: device: %v", refusal.Malformed, err)
	}
	if _, err := j.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: device: trailing data", refusal.Malformed)
	}
	d, err := s.device()
	if err != nil {
		return nil, fmt.Errorf("%w: device: %v", refusal.Malformed, err)
	}
	return d, nil
}

func (s *stored) device() (d *Device, err error) {
	d = &Device{
		number: s.Number, signed: s.Signed, behind: true, received: s.Received, prekeyUsed: s.PrekeyUsed,
		conversations: map[account.ID]*talk{}, prekeys: map[account.DeviceID]account.Prekey{},
		prepared: map[account.DeviceID][32]byte{},
	}
	if d.channels, err = channel.Import(s.Channels); err != nil {
		return nil, fmt.Errorf("channels: %w", err)
	}
	if s.AccountSeed != nil {
		if len(s.AccountSeed) != ed25519.SeedSize {
			return nil, fmt.Errorf("account_seed: %d bytes", len(s.AccountSeed))
		}
		d.accountKey = ed25519.NewKeyFromSeed(s.AccountSeed)
	}
	if d.list, err = readList(s.List); err != nil {
		return nil, err
	}
	if d.keys, err = s.Keys.read(); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	for _, t := range s.Conversations {
		talk, err := t.read(d.Account())
		if err != nil {
			return nil, fmt.Errorf("conversations: %w", err)
		}
		d.conversations[talk.Peer] = talk
	}
	if d.pending, err = s.Pending.read(d.Account()); err != nil {
		return nil, fmt.Errorf("pending: %w", err)
	}
	return d, s.readSiblings(d)
}

func (s *stored) readSiblings(d *Device) error {
	for _, encoded := range s.Due {
		var r channel.Record
		if err := codec.Decode(encoded, &r); err != nil {
			return fmt.Errorf("due: %w", err)
		}
		to := r.Receiver
		r.Receiver = account.DeviceID{}
		d.due = append(d.due, dueRecord{to, r})
	}
	for _, sibling := range s.Siblings {
		id, err := read32("device", sibling.Device)
		if err != nil {
			return err
		}
		if sibling.Prekey != nil {
			var p account.Prekey
			if err := codec.Decode(sibling.Prekey, &p); err != nil {
				return err
			}
			d.prekeys[id] = p
		}
		if sibling.Prepared != nil {
			if d.prepared[id], err = read32("prepared", sibling.Prepared); err != nil {
				return err
			}
		}
	}
	return nil
}

func read32(field string, b []byte) (v [32]byte, err error) {
	if len(b) != len(v) {
		return v, fmt.Errorf("%s: %d bytes", field, len(b))
	}
	return [32]byte(b), nil
}

func readList(encoded []byte) (*account.List, error) {
	if encoded == nil {
		return nil, nil
	}
	l := &account.List{}
	if err := codec.Decode(encoded, l); err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	return l, nil
}

func (s *storedKeys) read() (*account.EpochKeys, error) {
	if s == nil {
		return nil, nil
	}
	k := &account.EpochKeys{}
	if err := codec.Decode(s.Statement, &k.Statement); err != nil {
		return nil, err
	}
	var err error
	if k.Ambassador, err = ecdh.X25519().NewPrivateKey(s.Ambassador); err != nil {
		return nil, fmt.Errorf("ambassador: %w", err)
	}
	if len(s.Batches) == 0 {
		return nil, fmt.Errorf("batches: none")
	}
	for _, b := range s.Batches {
		batch, err := b.read()
		if err != nil {
			return nil, fmt.Errorf("batches: %w", err)
		}
		k.Batches = append(k.Batches, *batch)
	}
	return k, nil
}

func (s *storedBatch) read() (*account.PrekeyBatch, error) {
	if s == nil {
		return nil, nil
	}
	if len(s.Signed) != primitive.KeySize {
		return nil, fmt.Errorf("signed: %d bytes", len(s.Signed))
	}
	if len(s.OneTime) != account.Batch {
		return nil, fmt.Errorf("one_time: %d keys", len(s.OneTime))
	}
	for _, k := range s.OneTime {
		if k != nil && len(k) != primitive.KeySize {
			return nil, fmt.Errorf("one_time: %d bytes", len(k))
		}
	}
	return &account.PrekeyBatch{
		SignedID: s.SignedID, Signed: s.Signed, FirstID: s.FirstID, OneTime: [account.Batch][]byte(s.OneTime),
	}, nil
}

func (s storedConversation) read(own account.ID) (c conversation.Conversation, err error) {
	c = conversation.Conversation{
		Own: own, Seq: s.Seq, PeerPrekeyID: s.PrekeyID, OwnEpoch: s.OwnEpoch, Spoke: s.Spoke, Settled: s.Settled,
		Reports: s.Reports,
	}
	if len(s.Peer) != len(c.Peer) || len(s.Head) != len(c.Head) {
		return c, fmt.Errorf("peer and head: %d and %d bytes", len(s.Peer), len(s.Head))
	}
	c.Peer, c.Head = account.ID(s.Peer), [32]byte(s.Head)
	if s.Statement != nil {
		c.PeerStatement = &account.EpochStatement{}
		if err := codec.Decode(s.Statement, c.PeerStatement); err != nil {
			return c, err
		}
	}
	if s.Session != nil {
		if c.Session, err = ratchet.Unmarshal(s.Session); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (s storedTalk) read(own account.ID) (*talk, error) {
	c, err := s.storedConversation.read(own)
	if err != nil {
		return nil, err
	}
	if len(s.Tip) != len(c.Head) {
		return nil, fmt.Errorf("tip: %d bytes", len(s.Tip))
	}
	t := &talk{
		Conversation: c, tip: channel.Head{Peer: c.Peer, Seq: s.TipSeq, Head: [32]byte(s.Tip)}, parked: s.Parked,
		asked:   s.Asked,
		records: map[uint64]*channel.Sent{}, claims: map[account.DeviceID]channel.Claim{}, frozen: s.Frozen,
	}
	if t.memory, err = s.readMemory(); err != nil {
		return nil, err
	}
	if s.Dispute != nil {
		if err := codec.Decode(s.Dispute, &t.dispute); err != nil {
			return nil, fmt.Errorf("dispute: %w", err)
		}
	}
	if t.last, err = readSent(s.Last); err != nil {
		return nil, err
	}
	for _, encoded := range s.Records {
		sent, err := readSent(encoded)
		if err != nil {
			return nil, err
		}
		t.records[sent.Seq] = sent
	}
	for _, claim := range s.Claims {
		id, err := read32("claims: device", claim.Device)
		if err != nil {
			return nil, err
		}
		var c channel.Claim
		if err := codec.Decode(claim.Claim, &c); err != nil {
			return nil, err
		}
		t.claims[id] = c
	}
	return t, nil
}

func (s storedTalk) readMemory() (memory, error) {
	m := memory{claimed: map[account.DeviceID]uint64{}}
	for _, encoded := range s.Places {
		var c channel.Claim
		if err := codec.Decode(encoded, &c); err != nil {
			return m, fmt.Errorf("places: %w", err)
		}
		m.places = append(m.places, c)
	}
	for _, p := range s.Claimed {
		id, err := read32("claimed: device", p.Device)
		if err != nil {
			return m, err
		}
		m.claimed[id] = p.Seq
	}
	return m, nil
}

func readSent(encoded []byte) (*channel.Sent, error) {
	if encoded == nil {
		return nil, nil
	}
	s := &channel.Sent{}
	if err := codec.Decode(encoded, s); err != nil {
		return nil, fmt.Errorf("sent: %w", err)
	}
	return s, nil
}

func (s *storedPending) read(own account.ID) (*pending, error) {
	if s == nil {
		return nil, nil
	}
	p := &pending{Number: s.Number, Entry: s.Entry}
	var err error
	if p.Last, err = readSent(s.Last); err != nil {
		return nil, err
	}
	if s.Next != nil {
		next, err := s.Next.read(own)
		if err != nil {
			return nil, err
		}
		p.Next = &next
	}
	if p.Batch, err = s.Batch.read(); err != nil {
		return nil, err
	}
	if p.List, err = readList(s.List); err != nil {
		return nil, err
	}
	p.Keys, err = s.Keys.read()
	return p, err
}

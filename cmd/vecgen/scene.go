package main

import (
	"context"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"credence/reference/account"
	"credence/reference/client"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
	"credence/vectors"
)

// scene is a scenario test in the making. The devices of the target are in the adapter, and what they do is recorded;
// the post office and the other accounts are around it.
type scene struct {
	test    vectors.Test
	adapter *adapter.Adapter
	drawn   *recorder
	office  *postoffice.Office
	mailbox map[string]uint64 // position of the last mail that a device has read
	peers   []account.ID      // whose conversations a status shows
	others  int
	err     error
}

// recorder is a source of randomness that remembers what was drawn since the last look.
type recorder struct {
	source io.Reader
	bytes  []byte
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.source.Read(b)
	r.bytes = append(r.bytes, b[:n]...)
	return n, err
}

func (r *recorder) take() shim.Bytes {
	b := append(shim.Bytes{}, r.bytes...)
	r.bytes = nil
	return b
}

// spare is the number of bytes that a refused operation is given, beyond what the reference draws before it refuses.
const spare = 256

func (r *recorder) draw(n int) { _, _ = r.Read(make([]byte, n)) } // ChaCha8 does not fail

func newScene(id, comment string, flags []string, requirements ...string) *scene {
	drawn := &recorder{source: seeded(id)}
	if flags == nil {
		flags = []string{}
	}
	return &scene{
		test: vectors.Test{
			ID: id, Comment: comment, Flags: flags, Requirements: requirements, Result: vectors.Valid,
		},
		adapter: adapter.NewRandom(drawn), drawn: drawn, mailbox: map[string]uint64{},
		office: postoffice.New(func() time.Time { return time.Unix(0, 0) }),
	}
}

func seeded(name string) *mathrand.ChaCha8 { return mathrand.NewChaCha8([32]byte(secret(name))) }

func (s *scene) fail(err error) {
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("%s: step %d: %w", s.test.ID, len(s.test.Steps), err)
	}
}

// draws are the operations that may draw.
var draws = []shim.Op{
	shim.DeviceRegister, shim.DeviceNew, shim.DeviceRequest, shim.DeviceSend, shim.DeviceUpkeep, shim.DeviceAck,
	shim.DeviceReplenish,
	shim.DevicePrepare, shim.DeviceRotate, shim.ChannelNew, shim.ChannelConnect, shim.ChannelSeal,
}

// try performs and records an operation. An error of the reference is recorded as a refusal.
func (s *scene) try(op shim.Op, p shim.Params) (*shim.Result, error) {
	p = p.Complete(op)
	s.drawn.take()
	r, err := s.adapter.Call(context.Background(), op, &p)
	if slices.Contains(draws, op) {
		if err != nil { // enough for whoever draws before he refuses: the order of checks and draws is not prescribed
			s.drawn.draw(spare)
		}
		p.Random = s.drawn.take()
	}
	step := vectors.Step{Op: op, Input: &p, Result: vectors.Valid, Output: r}
	if err != nil {
		step.Result, step.Class, step.Output = vectors.Invalid, classOf(err), nil
		if step.Class == "" {
			s.fail(fmt.Errorf("%s: %w", op, err))
		}
	}
	s.test.Steps = append(s.test.Steps, step)
	return r, err
}

// do performs an operation that has to succeed.
func (s *scene) do(op shim.Op, p shim.Params) *shim.Result {
	r, err := s.try(op, p)
	s.fail(err)
	if err != nil {
		return &shim.Result{}
	}
	return r
}

// refuses performs an operation that has to be refused.
func (s *scene) refuses(class shim.Class, op shim.Op, p shim.Params) {
	_, err := s.try(op, p)
	if classOf(err) != class {
		s.fail(fmt.Errorf("%s: class %q expected, got: %v", op, class, err))
	}
}

// register makes the leader of the target's account.
func (s *scene) register(name string) {
	commit := s.do(shim.DeviceRegister, shim.Params{Party: name})
	s.append(commit.Message)
	s.deliver(name)
}

// link adds a device to the account of a leader, and lets the others read of it.
func (s *scene) link(leader, name string, siblings ...string) {
	s.do(shim.DeviceNew, shim.Params{Party: name})
	offer := s.do(shim.DeviceOffer, shim.Params{Party: leader})
	request := s.do(shim.DeviceRequest, shim.Params{Party: name, Message: offer.Message})
	s.rotate(leader, shim.Params{Message: request.Message})
	s.deliver(append([]string{leader, name}, siblings...)...)
}

func (s *scene) rotate(leader string, p shim.Params) {
	p.Party = leader
	s.append(s.do(shim.DeviceRotate, p).Message)
}

// append brings a commit to the post office, which has to take it.
func (s *scene) append(commit shim.Bytes) { s.fail(s.office.Append(commit)) }

// mails returns what a device has not read.
func (s *scene) mails(name string) [][]byte {
	d := s.adapter.Device(name)
	box, err := s.office.Fetch(d.Account(), d.ID(), s.mailbox[name]+1)
	s.fail(err)
	s.mailbox[name] += uint64(len(box.Mails))
	return box.Mails
}

// deliver lets devices read their mailboxes to the end, and shows what they have then.
func (s *scene) deliver(names ...string) {
	for _, name := range names {
		for _, mail := range s.mails(name) {
			s.receive(name, mail)
		}
		s.status(name)
	}
}

// receive lets a device read a mail.
func (s *scene) receive(name string, mail []byte) *shim.Result {
	before := s.conversations(name)
	r := s.do(shim.DeviceReceive, shim.Params{Party: name, Message: mail})
	s.test.Steps[len(s.test.Steps)-1].Trace = s.trace(name, mail, before)
	return r
}

func (s *scene) status(name string) {
	if len(s.peers) == 0 {
		s.do(shim.DeviceStatus, shim.Params{Party: name})
	}
	for _, peer := range s.peers {
		s.do(shim.DeviceStatus, shim.Params{Party: name, Account: peer[:]})
	}
}

// send lets a device send, with the peer's bundle if it needs one.
func (s *scene) send(name string, peer account.ID, plaintext string) {
	s.append(s.tentative(name, peer, plaintext))
}

// tentative makes the commit of an entry and does not bring it to the post office.
func (s *scene) tentative(name string, peer account.ID, plaintext string) shim.Bytes {
	p := shim.Params{Party: name, Account: peer[:], Plaintext: shim.Bytes(plaintext)}
	if s.adapter.Device(name).Conversation(peer).NeedsStart(nil) {
		bundle, err := s.office.Bundle(peer)
		s.fail(err)
		p.PeerBundle = bundle
	}
	return s.do(shim.DeviceSend, p).Message
}

// id returns the account of the target's devices, device the key of one.
func (s *scene) id(name string) account.ID { return s.adapter.Device(name).Account() }

func (s *scene) device(name string) shim.Bytes {
	id := s.adapter.Device(name).ID()
	return id[:]
}

// other makes the leader of another account, and shows its conversation from then on.
func (s *scene) other() *client.Client {
	s.others++
	c, err := client.Register(s.office, seeded(fmt.Sprintf("%s other %d", s.test.ID, s.others)))
	s.fail(err)
	s.peers = append(s.peers, c.Device.Account())
	return c
}

// conversations copies the conversations of a device.
func (s *scene) conversations(name string) map[account.ID]conversation.Conversation {
	all := map[account.ID]conversation.Conversation{}
	for _, peer := range s.peers {
		all[peer] = s.adapter.Device(name).Conversation(peer)
	}
	return all
}

// trace shows the derivations of an entry that has moved a session.
func (s *scene) trace(name string, mail []byte, before map[account.ID]conversation.Conversation) []vectors.Derivation {
	m := &postoffice.Mail{}
	if err := codec.Decode(mail, m); err != nil || len(m.Entry) == 0 {
		return nil
	}
	e, err := conversation.ParseEntry(m.Entry)
	if err != nil || e.Start != nil {
		return nil
	}
	was, is := before[e.Peer(s.id(name))], s.adapter.Device(name).Conversation(e.Peer(s.id(name)))
	if was.Session == nil || is.Session == nil || is.Seq != was.Seq+1 || is.Session == was.Session {
		return nil
	}
	t := &tracer{set: was.Session.Set}
	if e.Sender == s.id(name) {
		t.send(was.Session, is.Session)
		return t.steps
	}
	h, err := was.Session.Header(e.Message)
	if err != nil {
		return nil
	}
	t.receive(was.Session, is.Session, h)
	return t.steps
}

// expects requires that the last receive brought exactly these kinds of event.
func (s *scene) expects(r *shim.Result, kinds ...string) {
	var got []string
	for _, e := range r.Events {
		kind := e.Kind
		if e.Class != "" {
			kind += " " + string(e.Class)
		}
		got = append(got, kind)
	}
	if !slices.Equal(kinds, got) {
		s.fail(fmt.Errorf("events %q expected, got %q", kinds, got))
	}
}

// last reads the only mail that waits for a device.
func (s *scene) last(name string) []byte {
	mails := s.mails(name)
	if len(mails) != 1 {
		s.fail(fmt.Errorf("%d mails for %s, not 1", len(mails), name))
		return nil
	}
	return mails[0]
}

// kind returns an event as expects writes it.
func kind(name string, class refusal.Class) string { return name + " " + string(class) }

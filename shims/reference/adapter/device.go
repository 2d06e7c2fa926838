package adapter

import (
	"bytes"
	"fmt"
	"io"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/params"
	"credence/reference/postoffice"
	"credence/shim"
)

// randomness returns the bytes of a request, or fresh ones if there are none.
func (a *Adapter) randomness(p *shim.Params) io.Reader {
	if p.Random == nil {
		return a.rand
	}
	return bytes.NewReader(p.Random)
}

// fixed reads a value of 32 bytes.
func fixed(name string, b shim.Bytes) (v [32]byte, err error) {
	if len(b) != len(v) {
		return v, fmt.Errorf("%s: %d bytes, not %d", name, len(b), len(v))
	}
	return [32]byte(b), nil
}

// message returns the result of an operation that makes bytes.
func message(b []byte, err error) (*shim.Result, error) { return &shim.Result{Message: b}, err }

// Structure makes an empty structure of a type (SPEC.md 7.1), nil for a type that has none here.
func Structure(t codec.Type) codec.Struct {
	switch t {
	case codec.TypeMessageEntry:
		return &conversation.Entry{}
	case codec.TypeStartEntry:
		return &conversation.Entry{Start: &conversation.Start{}}
	case codec.TypeEpochStatement:
		return &account.EpochStatement{}
	case codec.TypeDeviceList:
		return &account.List{}
	case codec.TypeBundle:
		return &account.Bundle{}
	case codec.TypePublication:
		return &account.Publication{}
	case codec.TypeRecord:
		return &channel.Record{}
	case codec.TypeCommit:
		return &postoffice.Commit{}
	case codec.TypeLinkOffer:
		return &ambassador.LinkOffer{}
	case codec.TypeLinkRequest:
		return &ambassador.LinkRequest{}
	case codec.TypeMail:
		return &postoffice.Mail{}
	}
	return nil
}

func decoded(p *shim.Params) (codec.Struct, error) {
	s := Structure(codec.Type(p.Type))
	if s == nil {
		return nil, fmt.Errorf("type: %d has no structure", p.Type)
	}
	return s, codec.Decode(p.Message, s)
}

func ambassadorDecode(_ *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	s, err := decoded(p)
	if err != nil {
		return nil, err
	}
	r := &shim.Result{Fields: []shim.Field{}}
	for _, f := range codec.Dump(s) {
		r.Fields = append(r.Fields, shim.Field{Name: f.Name, Value: f.Value})
	}
	return r, nil
}

func ambassadorVerify(_ *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	s, err := decoded(p)
	if err != nil {
		return nil, err
	}
	switch s := s.(type) {
	case *account.List:
		return &shim.Result{}, s.Verify()
	case *account.EpochStatement:
		return &shim.Result{}, s.Verify()
	case *account.Bundle:
		return &shim.Result{}, s.Verify()
	}
	return nil, fmt.Errorf("type: %d is not signed", p.Type)
}

func logFirst(_ *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	a, err := fixed("account", p.Account)
	if err != nil {
		return nil, err
	}
	b, err := fixed("peer_account", p.PeerAccount)
	if err != nil {
		return nil, err
	}
	h := conversation.FirstHead(a, b)
	return &shim.Result{Digest: h[:]}, nil
}

func logNext(_ *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	previous, err := fixed("previous", p.Previous)
	if err != nil {
		return nil, err
	}
	h := conversation.NextHead(previous, p.Message)
	return &shim.Result{Digest: h[:]}, nil
}

func (a *Adapter) device(p *shim.Params) (*ambassador.Device, error) {
	d, ok := a.devices[p.Party]
	if !ok {
		return nil, fmt.Errorf("party: %q is unknown", p.Party)
	}
	return d, nil
}

// Device returns a device, nil if there is none, for tools that write vectors.
func (a *Adapter) Device(name string) *ambassador.Device { return a.devices[name] }

func (a *Adapter) addDevice(name string, d *ambassador.Device) error {
	if _, ok := a.devices[name]; ok {
		return fmt.Errorf("party: %q exists", name)
	}
	a.devices[name] = d
	return nil
}

func deviceRegister(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, commit, err := ambassador.Register(a.randomness(p))
	if err != nil {
		return nil, err
	}
	return &shim.Result{Message: commit}, a.addDevice(p.Party, d)
}

func deviceNew(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := ambassador.NewDevice(a.randomness(p))
	if err != nil {
		return nil, err
	}
	return &shim.Result{}, a.addDevice(p.Party, d)
}

func deviceOffer(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	return message(d.Offer())
}

func deviceRequest(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	return message(d.Request(p.Message, a.randomness(p)))
}

func deviceSend(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	peer, err := fixed("account", p.Account)
	if err != nil {
		return nil, err
	}
	return message(d.Send(peer, p.Plaintext, p.PeerBundle, a.randomness(p)))
}

func deviceReceive(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	return eventsOf(d.Receive(p.Message))
}

// eventsOf returns the result of an operation that gives events.
func eventsOf(events []ambassador.Event, err error) (*shim.Result, error) {
	if err != nil {
		return nil, err
	}
	r := &shim.Result{Events: []shim.Event{}}
	for _, e := range events {
		r.Events = append(r.Events, toShimEvent(e))
	}
	return r, nil
}

func toShimEvent(e ambassador.Event) shim.Event {
	s := shim.Event{Kind: string(e.Kind), Seq: e.Seq, Last: e.Last, Class: e.Class}
	if e.Peer != (account.ID{}) {
		s.Account = e.Peer[:]
	}
	if e.Device != (account.DeviceID{}) {
		s.Device = e.Device[:]
	}
	if e.Kind == ambassador.Message || e.Kind == ambassador.Sent {
		plaintext := append(shim.Bytes{}, e.Plaintext...)
		s.Plaintext = &plaintext
	}
	return s
}

func deviceRefused(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	d.PostOfficeRefused()
	return &shim.Result{}, nil
}

func deviceCaughtUp(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	return eventsOf(d.CaughtUp(p.Commits))
}

func deviceOwes(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	r := &shim.Result{Accounts: []shim.Bytes{}}
	for _, peer := range d.Owes() {
		r.Accounts = append(r.Accounts, peer[:])
	}
	return r, nil
}

func deviceUpkeep(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	return message(d.Upkeep(a.randomness(p)))
}

func deviceAck(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	return message(d.Ack(a.randomness(p)))
}

func deviceReplenish(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	return message(d.Replenish(a.randomness(p)))
}

// deviceIDs reads device keys; nil stays nil.
func deviceIDs(keys []shim.Bytes) ([]account.DeviceID, error) {
	var ids []account.DeviceID
	for _, k := range keys {
		id, err := fixed("devices", k)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func devicePrepare(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	ids, err := deviceIDs(p.Devices)
	if err != nil {
		return nil, err
	}
	return message(d.Prepare(ids, a.randomness(p)))
}

func deviceRotate(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	ids, err := deviceIDs(p.Devices)
	if err != nil {
		return nil, err
	}
	return message(d.Rotate(ambassador.Change{Add: p.Message, Remove: ids}, a.randomness(p)))
}

func deviceStatus(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	id := d.ID()
	r := &shim.Result{Device: id[:], Epoch: d.Epoch(), Active: d.Active()}
	if list := d.List(); list != nil {
		r.Account, r.List = list.Account[:], codec.MustEncode(list)
	}
	if p.Account == nil {
		return r, nil
	}
	peer, err := fixed("account", p.Account)
	if err != nil {
		return nil, err
	}
	c := d.Conversation(peer)
	digest := c.Digest()
	r.Seq, r.Head, r.Digest, r.Problem = c.Seq, c.Head[:], digest[:], d.Problem(peer)
	return r, nil
}

func deviceExport(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := a.device(p)
	if err != nil {
		return nil, err
	}
	return &shim.Result{State: d.Export()}, nil
}

func deviceImport(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	d, err := ambassador.Import(p.State)
	if err != nil {
		return nil, err
	}
	return &shim.Result{}, a.addDevice(p.Party, d)
}

package adapter

import (
	"fmt"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/params"
	"credence/shim"
)

func (a *Adapter) channelsOf(p *shim.Params) (*channel.Channels, error) {
	c, ok := a.channels[p.Party]
	if !ok {
		return nil, fmt.Errorf("party: %q is unknown", p.Party)
	}
	return c, nil
}

func (a *Adapter) addChannels(name string, c *channel.Channels) error {
	if _, ok := a.channels[name]; ok {
		return fmt.Errorf("party: %q exists", name)
	}
	a.channels[name] = c
	return nil
}

func channelNew(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	c, err := channel.New(a.randomness(p))
	if err != nil {
		return nil, err
	}
	self := &account.Device{ID: c.Device, Status: account.Active, Prekey: c.Prekey()}
	return &shim.Result{Device: codec.MustEncode(self)}, a.addChannels(p.Party, c)
}

func channelConnect(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	c, err := a.channelsOf(p)
	if err != nil {
		return nil, err
	}
	d := &account.Device{}
	if err := codec.Decode(p.Device, d); err != nil {
		return nil, err
	}
	return &shim.Result{}, c.Connect(d, a.randomness(p))
}

func channelSeal(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	c, err := a.channelsOf(p)
	if err != nil {
		return nil, err
	}
	r := &channel.Record{}
	if err := codec.Decode(p.Record, r); err != nil {
		return nil, err
	}
	return message(c.Seal(r, a.randomness(p)))
}

func channelOpen(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	c, err := a.channelsOf(p)
	if err != nil {
		return nil, err
	}
	list := &account.List{}
	if err := codec.Decode(p.List, list); err != nil {
		return nil, fmt.Errorf("list: %v", err) // a fault of the request, not of the message
	}
	from, err := fixed("device", p.Device)
	if err != nil {
		return nil, err
	}
	r, _, err := c.Open(list, from, p.Message)
	if err != nil {
		return nil, err
	}
	return &shim.Result{Record: codec.MustEncode(r)}, nil
}

func channelExport(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	c, err := a.channelsOf(p)
	if err != nil {
		return nil, err
	}
	return &shim.Result{State: c.Export()}, nil
}

func channelImport(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	c, err := channel.Import(p.State)
	if err != nil {
		return nil, err
	}
	return &shim.Result{}, a.addChannels(p.Party, c)
}

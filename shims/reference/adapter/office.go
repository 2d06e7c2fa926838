package adapter

import (
	"credence/reference/params"
	"credence/shim"
)

func officeAppend(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	return &shim.Result{}, a.office.Append(p.Message)
}

func officeBundle(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	id, err := fixed("account", p.Account)
	if err != nil {
		return nil, err
	}
	return message(a.office.Bundle(id))
}

// member reads the account and the device that a request is about.
func member(p *shim.Params) (id, device [32]byte, err error) {
	if id, err = fixed("account", p.Account); err != nil {
		return id, device, err
	}
	device, err = fixed("device", p.Device)
	return id, device, err
}

func officeFetch(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	id, device, err := member(p)
	if err != nil {
		return nil, err
	}
	box, err := a.office.Fetch(id, device, p.Position)
	if err != nil {
		return nil, err
	}
	r := &shim.Result{Mails: []shim.Bytes{}, Commits: box.Commits, Prekeys: box.Prekeys}
	for _, m := range box.Mails {
		r.Mails = append(r.Mails, m)
	}
	return r, nil
}

func officeAnnounce(a *Adapter, _ *params.Set, p *shim.Params) (*shim.Result, error) {
	id, device, err := member(p)
	if err != nil {
		return nil, err
	}
	highest, err := a.office.Announce(id, device, p.Commits)
	return &shim.Result{Commits: highest}, err
}

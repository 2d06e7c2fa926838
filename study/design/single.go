package design

import "io"

type single struct{ *network }

// NewSingle returns the baseline: a user has one device, and two users have one session.
func NewSingle(rand io.Reader) Design {
	s := single{newNetwork(rand)}
	s.receive = func(at, from *device, plaintext []byte) error {
		at.keep(Message{From: from.User, Text: string(plaintext)})
		return nil
	}
	return s
}

func (single) Name() string { return "single" }

func (s single) AddUser(name string, devices int) error {
	if devices != 1 {
		return ErrOneDevice
	}
	return s.network.AddUser(name, devices)
}

func (s single) AddDevice(name string) error {
	if _, err := s.user(name); err != nil {
		return err
	}
	return ErrOneDevice
}

func (s single) Send(from Device, to, text string) (Cost, error) {
	d, peer, err := s.ends(from, to)
	if err != nil {
		return Cost{}, err
	}
	return s.send(d, func() error { return s.post(d, peer.leader(), []byte(text)) })
}

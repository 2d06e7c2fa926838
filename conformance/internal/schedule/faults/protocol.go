package faults

import (
	"fmt"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// The kinds of event with which a device tells its user what has become of a text (AMB-LOG-17, AMB-SYN-19).
const (
	dropped     ambassador.EventKind = "dropped"
	undelivered ambassador.EventKind = "undelivered"
)

// lastOf returns the last place of the run that an event names.
func lastOf(e ambassador.Event) uint64 { return e.Last }

// announcer is a post office to which numbers of commits are announced (AMB-SYN-16).
type announcer interface {
	Announce(id account.ID, device account.DeviceID, number uint64) (highest uint64, err error)
}

// Announce says which number the next commit of a device has.
func (l line) Announce(id account.ID, device account.DeviceID, number uint64) (highest uint64, err error) {
	n := l.player.network
	n.tell(n.offices[l.device.side], func(s postoffice.Service) {
		if a, ok := s.(announcer); ok {
			highest, err = a.Announce(id, device, number)
		}
	})
	return highest, err
}

// deliver brings a commit to the post office as a client does.
func (p *player) deliver(d *device, commit []byte) error {
	m := &postoffice.Commit{}
	if err := codec.Decode(commit, m); err != nil {
		return err
	}
	highest, err := line{p, d}.Announce(m.Account, m.Device, m.Number)
	if err == nil && highest >= m.Number { // it was set back: the commit must not leave it
		return fmt.Errorf("%w: number %d was announced before", refusal.NotReady, highest)
	}
	return line{p, d}.Append(commit)
}

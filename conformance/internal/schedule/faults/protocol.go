package faults

import "credence/reference/ambassador"

// The kinds of event with which a device tells its user what has become of a text (AMB-LOG-17, AMB-SYN-19).
const (
	dropped     ambassador.EventKind = "dropped"
	undelivered ambassador.EventKind = "undelivered"
)

// lastOf returns the last place of the run that an event names.
func lastOf(e ambassador.Event) uint64 { return e.Seq }

// deliver brings a commit to the post office as a client does.
func (p *player) deliver(d *device, commit []byte) error { return line{p, d}.Append(commit) }

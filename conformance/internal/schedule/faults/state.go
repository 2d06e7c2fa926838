package faults

import (
	"fmt"
	"slices"
	"strings"

	"credence/conformance/internal/schedule"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// End is what a schedule has come to after its events, before the faults stop.
type End struct {
	// State says where everybody is, without the bytes of any key. Whoever does the same after two schedules that have
	// come to the same state comes to the same again: a device follows from its commits, what it has read before each
	// of them and what became of it, and the mails since.
	State   string
	Applied bool // the last event did something
	Devices []Standing
	Armed   map[string]bool // users of whom the next bundle is changed
}

// Standing is how a device stands.
type Standing struct {
	Label, User string
	Leads       bool
	Waits       bool // it has made a commit that was not released
	Late        bool // a commit of it is late
	Faulty      bool // its next commit is lost, or its answer
}

// trail is what has passed between devices and post office since it is followed, in order.
type trail struct {
	postoffice.Service // the post office
	player             *player
	commits            []*sent
	arrived            []*sent // at the post office
	epochs             map[account.ID]uint32
	handed             map[account.ID]string
	changed            map[string]bool // bundles
	mails              map[*device]int // that it had read when the trail began
}

// sent is a commit that has left a device.
type sent struct {
	postoffice.Commit
	raw    []byte
	entry  *conversation.Entry // or nil
	mails  int                 // that its device had read
	fault  string              // what the network did to it
	answer string              // of the post office
	gone   bool                // its device has fetched its mails since
}

// accepted is the answer of the post office to a commit that it takes.
const accepted = "accepted"

// leaving is where commits go when they leave a device, whatever becomes of them.
type leaving struct{ *trail }

// follow begins a trail.
func (p *player) follow() *trail {
	t := &trail{
		Service: p.network.offices[0].Service, player: p, epochs: map[account.ID]uint32{}, mails: map[*device]int{},
		handed: map[account.ID]string{}, changed: map[string]bool{},
	}
	p.network.offices[0].Service, p.keys.Service = t, leaving{t}
	for e := range p.statements {
		t.epochs[e.account] = max(t.epochs[e.account], e.epoch)
	}
	for _, d := range p.present() {
		t.mails[d] = d.target.mails
	}
	return t
}

// Append notes a commit that has left a device.
func (l leaving) Append(commit []byte) error {
	s := &sent{raw: commit, entry: entryOf(commit)}
	if codec.Decode(commit, &s.Commit) != nil {
		return nil
	}
	if d := l.device(s.Device); d != nil {
		s.mails, s.fault = d.target.mails-l.mails[d], d.fault
	}
	l.commits = append(l.commits, s)
	return nil
}

// device returns the device with a key, or nil.
func (t *trail) device(id account.DeviceID) *device {
	for _, u := range t.player.users {
		for _, d := range u.devices {
			if d.Device.ID() == id {
				return d
			}
		}
	}
	return nil
}

// Append notes a commit that has come to the post office, and its answer.
func (t *trail) Append(commit []byte) error {
	err := t.Service.Append(commit)
	for _, s := range t.commits {
		if s.answer != "" || string(s.raw) != string(commit) {
			continue
		}
		if s.answer = string(refusal.Of(err)); err == nil {
			s.answer = accepted
		}
		t.arrived = append(t.arrived, s)
		break
	}
	return err
}

// Bundle notes a bundle that was handed out, and whether the network changes it.
func (t *trail) Bundle(id account.ID) ([]byte, error) {
	encoded, err := t.Service.Bundle(id)
	if b := (&account.Bundle{}); err == nil && codec.Decode(encoded, b) == nil {
		name := t.prekeys(id, b.Statement.Epoch, b.SignedPrekeyID, b.OneTimePrekeyID)
		t.handed[id] = name
		t.changed[fmt.Sprintf("%x %s", id, name)] = t.player.network.faultsOf(id).tamper != nil
	}
	return encoded, err
}

func (t *trail) prekeys(of account.ID, epoch, signed, oneTime uint32) string {
	return fmt.Sprintf("%d.%d.%d", epoch-t.epochs[of], signed, oneTime)
}

// Fetch notes that a device has seen what became of its commits.
func (t *trail) Fetch(id account.ID, device account.DeviceID, from uint64) (postoffice.Mailbox, error) {
	for _, s := range t.commits {
		s.gone = s.gone || s.Device == device && s.fault != ""
	}
	return t.Service.Fetch(id, device, from)
}

// end returns what the events have come to.
func (t *trail) end() End {
	p := t.player
	lines := p.play.Lines
	e := End{
		Applied: len(lines) == 0 || !strings.HasSuffix(lines[len(lines)-1], schedule.DoesNotApply),
		Armed:   map[string]bool{},
	}
	for _, u := range p.users {
		e.Armed[u.name] = p.network.faultsOf(u.id).tamper != nil
	}
	for _, d := range p.present() {
		e.Devices = append(e.Devices, Standing{
			d.label, d.user.name, d.leads(), d.held != nil, len(d.late) > 0, d.fault != "",
		})
	}
	for _, n := range t.namings() {
		if s := (description{trail: t, naming: n}).String(); e.State == "" || s < e.State {
			e.State = s
		}
	}
	return e
}

// naming is an order of the accounts, and of the devices of each.
type naming []cast

type cast struct {
	*user
	devices []*device
}

// mostCompanions is the number of devices of an account up to which every order of them is tried.
const mostCompanions = 4

// namings returns every order of the accounts and of the companions of each: a state is the same whatever they are
// called.
func (t *trail) namings() (all []naming) {
	for _, users := range orders(t.player.users) {
		some := []naming{nil}
		for _, u := range users {
			companions := [][]*device{u.devices[1:]}
			if len(u.devices) <= mostCompanions {
				companions = orders(u.devices[1:])
			}
			var more []naming
			for _, n := range some {
				for _, c := range companions {
					more = append(more, append(slices.Clone(n), cast{u, append(u.devices[:1:1], c...)}))
				}
			}
			some = more
		}
		all = append(all, some...)
	}
	return all
}

// orders returns every order of a list.
func orders[T any](list []T) (all [][]T) {
	if len(list) == 0 {
		return [][]T{nil}
	}
	for i := range list {
		for _, rest := range orders(slices.Delete(slices.Clone(list), i, i+1)) {
			all = append(all, append([]T{list[i]}, rest...))
		}
	}
	return all
}

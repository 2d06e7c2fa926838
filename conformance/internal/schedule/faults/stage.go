package faults

import (
	"io"
	"maps"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/shim"
)

// Stage is a world before its first event: what its post office was told, and the states of its devices. Schedules
// that begin with it need not make its accounts anew.
type Stage struct {
	player  *player
	states  [][]byte // of the devices, in the order of present
	commits [][]byte // that have left a device
}

// NewStage opens accounts, and lets everybody read to the end.
func NewStage(t *suite.T, users []scenario.User) *Stage {
	p := newPlayer(t, 0)
	t.Played = p.play
	trail := p.follow()
	t.Reset()
	for _, u := range users {
		p.open(u)
	}
	p.quiet()
	s := &Stage{player: p}
	for _, c := range trail.commits {
		s.commits = append(s.commits, c.raw)
	}
	for _, d := range p.present() {
		s.states = append(s.states, p.Must(shim.DeviceExport, shim.Params{Party: d.target.Party()}).State)
	}
	return s
}

// Play plays the events of a scenario on the stage. judge is told what they have come to, and says whether the end is
// played too, in which what was promised is judged. It stops the test when the target does what it must not.
func (s *Stage) Play(t *suite.T, c *scenario.Scenario, judged Aspect, judge func(End) bool) {
	p := newPlayer(t, judged)
	t.Played = p.play
	defer p.complete()
	s.set(p)
	trail := p.follow()
	for i, e := range c.Events {
		p.event = i
		p.step(e)
	}
	p.event = len(c.Events)
	if judge(trail.end()) {
		p.finish()
	}
}

// set brings a world to where the stage is.
func (s *Stage) set(p *player) {
	p.Reset()
	n := p.network
	for _, x := range s.player.network.offices[0].told {
		n.clock = x.at
		x.call(n.offices[0].Service)
	}
	n.clock = s.player.network.clock
	n.offices[0].told = slices.Clone(s.player.network.offices[0].told)
	for _, c := range s.commits {
		_ = p.keys.Append(c)
	}
	maps.Copy(p.statements, s.player.statements)
	states := s.states
	for _, of := range s.player.users {
		u := &user{name: of.name, id: of.id}
		p.users = append(p.users, u)
		for _, d := range of.devices {
			p.enter(u, d, states[0])
			states = states[1:]
		}
	}
}

// enter puts a device into the list of its account that goes on from the state of another one.
func (p *player) enter(u *user, of *device, state []byte) {
	d, t := p.device(u, p.imported(state))
	d.since, d.number, t.mails = of.since, of.number, of.target.mails
	c := client.New(deaf{t}, line{p, d}, p.Random)
	p.Understood(c.Sync())
	c.Device = t
	_, err := t.CaughtUp(d.box.commits[0])
	p.Understood(err)
	p.appear(d, c)
}

// deaf is a device whose client goes through the mails that the device has read before.
type deaf struct{ client.Device }

func (deaf) Receive([]byte) ([]ambassador.Event, error)  { return nil, nil }
func (deaf) CaughtUp(uint64) ([]ambassador.Event, error) { return nil, nil }
func (deaf) Upkeep(io.Reader) ([]byte, error)            { return nil, nil }
func (deaf) Owes() []account.ID                          { return nil }

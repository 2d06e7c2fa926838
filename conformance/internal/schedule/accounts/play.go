// Package accounts plays scenarios of level ambassador: the target plays every device of every account, the suite the
// post office. An oracle follows what the devices hold, and an attacker reads the copies of their states.
package accounts

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"credence/conformance/internal/adversary"
	"credence/conformance/internal/schedule"
	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/shim"
)

// player plays one scenario.
type player struct {
	*world.World
	play     *verdict.Play
	post     *adversary.Post
	users    []*user
	keys     *world.KeyWatch
	lives    schedule.Lifetimes
	copies   []*stolen
	names    *scenario.Names          // of the texts
	given    string                   // the name that the current event gives its text
	released map[account.DeviceID]int // commits that have reached the post office
	ledger   *ledger
	entries  map[*adversary.Message]*conversation.Entry // by what is in them
	event    int                                        // the current one, counted as in verdict.Record
	problem  error                                      // of the oracle, which cannot follow what the target does
}

func newPlayer(t *suite.T) *player {
	p := &player{
		World: &world.World{T: t}, play: verdict.NewPlay(), post: adversary.NewPost(), lives: schedule.Lifetimes{},
		released: map[account.DeviceID]int{}, ledger: newLedger(), event: -1,
		entries: map[*adversary.Message]*conversation.Entry{},
	}
	p.keys = world.NewKeyWatch(postoffice.New(p.now))
	p.Office = &office{p.keys, p}
	return p
}

// Play plays a scenario. It stops the test when the target does what it must not; what happened before is in
// t.Played. With an attacker, the play says what he reads in the copies of states; without one, nobody looks at them.
func Play(t *suite.T, s *scenario.Scenario, attacked bool) *verdict.Play {
	p := newPlayer(t)
	p.names = scenario.NewNames(s)
	t.Played = p.play
	defer p.completeRecord()
	t.Reset()
	for _, u := range s.Users {
		p.open(u)
	}
	for i, e := range s.Events {
		p.event = i
		p.step(e)
	}
	p.event = len(s.Events)
	p.finish()
	if attacked {
		p.attack()
	}
	return p.play
}

// step performs an event and checks what must hold after each.
func (p *player) step(e scenario.Event) {
	outcome := schedule.GoesWrong
	p.given = e.Message
	failure := p.Attempt(func() {
		came := p.do(e)
		p.UsedOnce(p.keys)
		p.epochsGrow()
		outcome = came
	})
	p.play.Happened(e.String() + outcome)
	p.Stop(failure)
	p.watchKeys()
}

// epochsGrow stops the test if a device is in an earlier epoch than it was (AMB-INV-14).
func (p *player) epochsGrow() {
	for _, u := range p.users {
		for _, d := range u.present() {
			epoch := p.status(d).Epoch
			if epoch < d.epoch {
				p.Violation(verdict.Mismatch, d.label+" is back in an earlier epoch",
					fmt.Sprintf("epoch %d or later", d.epoch), fmt.Sprintf("epoch %d", epoch))
			}
			d.epoch = epoch
		}
	}
}

// now lets time pass between events, so that nobody holds a place for longer than one (AMB-PST-14).
func (p *player) now() time.Time {
	return time.Unix(0, 0).Add(time.Duration(len(p.play.Lines)) * time.Minute)
}

// watchKeys notes which keys of conversations there are after an event.
func (p *player) watchKeys() {
	for _, u := range p.users {
		for _, d := range u.devices {
			if o := p.oracleOf(d.target); o != nil {
				p.lives.See(&p.play.Record, p.event, d.label, o.Keys())
			}
		}
	}
}

// note keeps the first problem of the oracle.
func (p *player) note(err error) {
	if p.problem == nil {
		p.problem = err
	}
}

// finish lets everybody read to the end, and compares the devices of each account.
func (p *player) finish() {
	defer p.count()
	for range 2 {
		for _, u := range p.users {
			for _, d := range u.present() {
				p.Understood(d.Sync())
			}
		}
	}
	for _, u := range p.users {
		p.agree(u)
		p.readOnce(u)
	}
	if p.problem != nil {
		p.Violation(verdict.Mismatch, "the target does something else than SPEC.md 7 to 12 say",
			"a run that the specification explains", p.problem.Error())
	}
}

// count notes what a scenario that has come to its end has had, whether its end is good or not.
func (p *player) count() {
	p.watchKeys()
	p.Evidence.Add(verdict.Evidence{Scenarios: 1, Messages: len(p.post.Sent)})
}

// agree stops the test unless the devices of an account are in step in each of their conversations.
func (p *player) agree(u *user) {
	for _, peer := range p.users {
		if peer != u {
			p.inStep(u, peer)
		}
	}
}

// inStep stops the test unless the devices of an account have the same conversation with a peer. A device that has
// nothing of the epoch is left out.
func (p *player) inStep(u, peer *user) {
	var first *world.State
	for _, d := range u.present() {
		s := p.State(d.Member, peer.id)
		if !p.active(d) {
			continue
		}
		if s.Problem != "" {
			p.Violation(verdict.Mismatch, d.label+" stands still: "+s.Problem, "in step", s.Problem)
		}
		if first == nil {
			first = &s
		}
		if s != *first {
			p.Violation(verdict.Mismatch,
				fmt.Sprintf("%s differs from %s in the conversation with %s", d.label, u.devices[0].label, peer.name),
				first.String(), s.String())
		}
	}
}

// readOnce stops the test if a device of an account, there or removed, has given its user a text more than once.
func (p *player) readOnce(u *user) {
	for _, d := range u.devices {
		for _, text := range slices.Sorted(maps.Keys(d.read)) {
			if n := d.read[text]; n > 1 {
				p.Violation(verdict.Mismatch, d.label+" has given its user a text more than once", "once",
					fmt.Sprintf("%q: %d times", text, n))
			}
		}
	}
}

// status asks a device for its status.
func (p *player) status(d *device) *shim.Result {
	return p.Must(shim.DeviceStatus, shim.Params{Party: d.target.Party()})
}

// active reports whether a device has the secrets of the epoch.
func (p *player) active(d *device) bool { return p.status(d).Active }

// export returns the complete state of a device.
func (p *player) export(d *device) []byte {
	return p.Must(shim.DeviceExport, shim.Params{Party: d.target.Party()}).State
}

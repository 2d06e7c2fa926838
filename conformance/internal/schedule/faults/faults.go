// Package faults plays scenarios of accounts in a world with faults: commits, answers, mails and bundles are lost,
// late, repeated and old, devices are set back, and somebody means harm. In the end the faults stop, and what was
// promised for then is judged: that texts arrive, and that what is lost is told. Nobody copies states here.
package faults

import (
	"fmt"
	"strings"
	"time"

	"credence/conformance/internal/schedule"
	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/primitive"
	"credence/spec/refusal"
)

const doesNotApply = schedule.DoesNotApply

// Aspect is something that a play judges.
type Aspect int

// The aspects, with their invariants in SPEC.md 13.4.
const (
	Delivery   Aspect = 1 << iota // AMB-INV-19
	Losses                        // AMB-INV-20
	Places                        // AMB-INV-21, of entries
	Rotations                     // AMB-INV-21, of rotations
	Forks                         // AMB-INV-22
	Keys                          // AMB-INV-24
	Statements                    // an epoch is signed once
	Sights                        // AMB-INV-17, AMB-INV-23
	Epochs                        // AMB-ACC-10
	Rest                          // the devices come to rest, and agree (AMB-INV-01, AMB-INV-02)

	Everything = Delivery | Losses | Places | Rotations | Forks | Keys | Statements | Rest
)

// player plays one scenario.
type player struct {
	*world.World
	play    *verdict.Play
	judged  Aspect
	network *network
	users   []*user
	keys    *world.KeyWatch
	event   int
	given   string // the name that the current event gives its text
	wrong   func() // stops the test

	texts      map[string]*text
	attempts   map[string]attempt // by the commit
	ticks      int                // entries that were made
	waits      map[side]claimant
	rotations  map[account.ID]int // that were refused in a row
	hostile    map[side]bool
	spoiled    map[pair]bool // an entry that its sender's devices do not know of has a place
	statements map[epochOf]primitive.PublicKey
	parting    []parting
	view       *view // what counterparties see, or nil
}

// epochOf names an epoch.
type epochOf struct {
	account account.ID
	epoch   uint32
}

// Play plays a scenario. It stops the test when the target does what it must not, in the aspects that are judged.
func Play(t *suite.T, s *scenario.Scenario, judged Aspect) *verdict.Play {
	p := newPlayer(t, judged)
	p.playAll(s)
	return p.play
}

func newPlayer(t *suite.T, judged Aspect) *player {
	return &player{
		World: &world.World{T: t}, play: verdict.NewPlay(), judged: judged, network: newNetwork(),
		keys: world.NewKeyWatch(nowhere{}), event: -1, texts: map[string]*text{}, attempts: map[string]attempt{},
		waits: map[side]claimant{}, rotations: map[account.ID]int{}, hostile: map[side]bool{},
		spoiled: map[pair]bool{}, statements: map[epochOf]primitive.PublicKey{},
	}
}

func (p *player) playAll(s *scenario.Scenario) {
	t := p.World.T
	t.Played = p.play
	defer p.complete()
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
}

// step performs an event.
func (p *player) step(e scenario.Event) {
	outcome := schedule.GoesWrong
	p.given = e.Message
	failure := p.Attempt(func() {
		came := p.do(e)
		p.checkNow()
		outcome = came
	})
	p.play.Happened(e.String() + outcome)
	p.Stop(failure)
}

// checkNow stops the test if something is wrong that does not wait for the end.
func (p *player) checkNow() {
	if p.judged&Keys != 0 {
		p.UsedOnce(p.keys)
	}
	if p.wrong != nil {
		p.wrong()
	}
}

// complete fills in who was there.
func (p *player) complete() {
	for _, u := range p.users {
		for _, d := range u.devices {
			p.play.Lanes = append(p.play.Lanes, verdict.Lane{Name: d.label, Since: d.since, Until: d.until})
		}
	}
	p.Evidence.Add(verdict.Evidence{Scenarios: 1, Messages: len(p.texts)})
}

// tolerate lets something be refused, or get no answer, and returns how it is said in the record. Other errors stop the
// test.
func (p *player) tolerate(err error) string {
	switch {
	case err == nil:
		return ""
	case refusal.Of(err) != "":
		return ": " + string(refusal.Of(err))
	case strings.HasSuffix(err.Error(), errLost.Error()):
		return ": no answer"
	}
	p.Understood(err)
	return ""
}

// wait lets time pass.
func (p *player) wait(seconds int) string {
	p.network.clock = p.network.clock.Add(time.Duration(seconds) * time.Second)
	return fmt.Sprintf(": it is %ds", p.network.clock.Unix())
}

package conformance

import (
	"context"
	"fmt"

	"credence/conformance/scenario"
	"credence/shim"
)

// Player plays scenarios on a target, which it starts anew when it has broken. It is for one goroutine.
type Player struct {
	ctx     context.Context
	options Options
	target  shim.Target // nil after it has broken
	hello   hello
}

// NewPlayer starts a target. Of the options Start and Seed are used. It returns ErrTarget.
func NewPlayer(ctx context.Context, o Options) (*Player, error) {
	p := &Player{ctx: ctx, options: o}
	return p, p.start()
}

func (p *Player) start() error {
	target, h, err := p.options.start(p.ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTarget, err)
	}
	p.target, p.hello = target, h
	return nil
}

// Play plays a scenario. What the target does wrong is in the result. It returns ErrTarget if the target has to be started anew
// and cannot, and the error of the context.
func (p *Player) Play(s *scenario.Scenario) (*Play, error) {
	if p.target == nil {
		if err := p.start(); err != nil {
			return nil, err
		}
	}
	play := newPlay()
	t := &tester{ctx: p.ctx, target: p.target, hello: p.hello, random: testRandom(p.options.Seed, "scenario")}
	wrong := runRecovered(&testCase{run: func(t *tester) (err error) {
		came, err := t.replay(s)
		if came != nil {
			play = came
		}
		return err
	}}, t)
	if wrong == nil {
		wrong = t.anyExposure(play)
	}
	play.Result.ID, play.Evidence = "replay", t.evidence
	judge(&play.Result, wrong)
	if play.Result.Status == Errored {
		p.Close()
	}
	return play, p.ctx.Err()
}

// Close ends the target. Play starts another one.
func (p *Player) Close() {
	if p.target != nil {
		p.target.Close()
		p.target = nil
	}
}

// Memory gives the bytes of memory that the target has in use, if it can be asked.
func (p *Player) Memory() (bytes uint64, ok bool) {
	if t, measured := p.target.(interface{ Memory() (uint64, bool) }); measured {
		return t.Memory()
	}
	return 0, false
}

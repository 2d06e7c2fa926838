// Package player plays scenarios on a target, one after the other, and starts it anew when it has broken.
package player

import (
	"context"
	"fmt"

	"credence/conformance/internal/replay"
	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
)

// Player plays scenarios on a target. It is for one goroutine.
type Player struct {
	ctx    context.Context
	seed   uint64
	start  func(context.Context) (shim.Target, error)
	target shim.Target // nil after it has broken
	hello  suite.Hello
}

// New starts a target. seed is that of the randomness of the reference. It returns suite.ErrTarget.
func New(ctx context.Context, seed uint64, start func(context.Context) (shim.Target, error)) (*Player, error) {
	p := &Player{ctx: ctx, seed: seed, start: start}
	if err := p.open(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Player) open() error {
	target, h, err := suite.Start(p.ctx, p.start)
	if err != nil {
		return fmt.Errorf("%w: %w", suite.ErrTarget, err)
	}
	p.target, p.hello = target, h
	return nil
}

// Hello returns what the target says of itself.
func (p *Player) Hello() suite.Hello { return p.hello }

// Running reports whether the target runs: not after it has broken, or was closed. Play starts it anew then.
func (p *Player) Running() bool { return p.target != nil }

// Play plays a scenario. What the target does wrong is in the result. It returns suite.ErrTarget if the target has to
// be started anew and cannot, and the error of the context.
func (p *Player) Play(s *scenario.Scenario) (*verdict.Play, error) {
	if !p.Running() {
		if err := p.open(); err != nil {
			return nil, err
		}
	}
	play := replay.Scenario(suite.NewT(p.ctx, "replay", p.target, p.hello, suite.ScenarioRandom(p.seed)), s)
	if play.Result.Status == verdict.Errored {
		p.Close()
	}
	return play, p.ctx.Err()
}

// Close ends the target. Play starts another one.
func (p *Player) Close() {
	if p.Running() {
		p.target.Close()
		p.target = nil
	}
}

// Memory returns the bytes of memory that the target has in use, if it can be asked.
func (p *Player) Memory() (bytes uint64, ok bool) {
	t, measured := p.target.(interface{ Memory() (uint64, bool) })
	if !measured {
		return 0, false
	}
	return t.Memory()
}

package sessions

import (
	"fmt"
	"slices"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/spec/refusal"
)

func skipLimit(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	p.Lose(p.Set.MaxSkip)
	p.SendToTarget() // AMB-RAT-19
	within := p.FromPeer()
	p.Lose(p.Set.MaxSkip) // one more with the message before
	over := p.FromPeer()
	p.Refuses(over.Envelope, refusal.SkipLimit) // AMB-RAT-20
	p.Read(within)
	p.Turns(2)
}

func skipLimitOfSender(p *pair.Pair) {
	p.OpenBoth(pair.Initiates)
	for range p.Set.MaxSkip {
		p.FromTarget()
	}
	p.SendToPeer()
}

// storedLimit makes the target store one key more than it may: in one chain, or in as many steps as MAX_SKIP asks for.
func storedLimit(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	oldest, second := p.FromPeer(), p.FromPeer()
	for left := p.Set.MaxStored - 2; left > 0; {
		n := min(left, int(p.Set.MaxSkip)-2)
		p.Lose(uint64(n))
		p.SendToTarget()
		left -= n
	}
	p.Lose(1)
	p.SendToTarget()
	p.Refuses(oldest.Envelope, refusal.Duplicate) // AMB-RAT-21
	p.Read(second)
}

// storedLimitOverChains loses many messages in each of three chains: together more than may be stored, but not in one.
func storedLimitOverChains(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	n := p.Set.MaxStored * 45 / 100
	var first []pair.Mail // what is lost in the first chain
	for chain := range 3 {
		for range n {
			if m := p.FromPeer(); chain == 0 {
				first = append(first, m)
			}
		}
		p.SendToTarget()
		p.Turns(1)
	}
	oldest, newest := first[0], first[n-1]
	if p.Set.StoredPerChain {
		p.Read(oldest)
	} else {
		p.Refuses(oldest.Envelope, refusal.Duplicate)
	}
	p.Read(newest)
	p.Turns(1)
}

// losses loses more than MaxStored messages over many turns.
func losses(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	each := min(int(p.Set.MaxSkip), 450)
	for lost := 0; lost < p.Set.MaxStored+each; lost += each {
		p.Lose(uint64(each))
		p.Turns(1)
	}
	p.Turns(2)
}

func lateByFourChains(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	late := skipped(p)
	p.Turns(4)
	p.Read(late)
	p.SendToTarget()
}

// lateByFiveChains wants the chain of a late message to be dropped for newer ones, wherever in the conversation it is.
func lateByFiveChains(p *pair.Pair) (trials []suite.Trial) {
	for before := range 3 {
		for _, after := range []int{5, 6} {
			name := fmt.Sprint("after ", before, " turns, and ", after, " more")
			trials = append(trials, suite.Trial{Name: name, Try: func() {
				p.Reset()
				p.Started = false
				p.OpenBoth(pair.Responds)
				p.Turns(before)
				late := skipped(p)
				p.Turns(after)
				p.Refuses(late.Envelope, "") // AMB-RAT-23
				p.SendToTarget()
				p.SendToPeer()
			}})
		}
	}
	return trials
}

func lateOfEachChain(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	var late []pair.Mail
	for range 4 {
		late = append(late, skipped(p))
		p.SendToPeer()
	}
	for _, m := range slices.Backward(late) {
		p.Read(m)
	}
	p.Turns(1)
}

// skipped returns a message of the peer's running chain that the target has skipped.
func skipped(p *pair.Pair) pair.Mail {
	m := p.FromPeer()
	p.SendToTarget()
	return m
}

// skippedBefore returns a message of an earlier chain that the target has skipped.
func skippedBefore(p *pair.Pair) pair.Mail {
	m := skipped(p)
	p.Turns(1)
	return m
}

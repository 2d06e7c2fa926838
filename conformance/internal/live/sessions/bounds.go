package sessions

import (
	"fmt"
	"slices"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/wire"
	"credence/spec/refusal"
)

// bounds are the tests of what is bounded, across several chains, and of numbers that need more bytes.
func bounds(set *params.Set) []suite.Test {
	test := func(
		name, comment string, requirements []string, needs func(h suite.Hello) string, run func(p *pair.Pair),
	) suite.Test {
		return pair.Test("ratchet", set, name, comment, requirements, needs, run)
	}
	tests := []suite.Test{
		test("old-chains",
			"of each of eight chains a message that was read comes again, and one that was skipped comes forged and "+
				"then genuine: it is read once if its chain is kept, and nothing else is touched",
			[]string{"AMB-RAT-11", "AMB-RAT-12", "AMB-RAT-17", "AMB-RAT-18"}, suite.NeedsSession, oldChains(stays)),
		test("old-chains-restart", "the same, after a restart",
			[]string{"AMB-RAT-11", "AMB-RAT-12", "AMB-STA-01"}, needsSessionAndExport, oldChains(restarts)),
		test("stored-restart",
			"as many skipped keys as a chain may have, up to 600, and others of the chains before it: after a "+
				"restart their messages are read, and none twice",
			[]string{"AMB-STA-01", "AMB-RAT-21"}, needsSessionAndExport, triesAll(storedOverRestart)),
		test("long-chains", "numbers and previous lengths of chains of 255 to 257 messages",
			[]string{"AMB-RAT-04", "AMB-RAT-05"}, suite.NeedsSession, headers(pair.Responds, 255, 256, 257, 1)),
		test("large-numbers", "chains that are as long as numbers can tell, at the ends of one, two and four bytes: "+
			"loaded, gone on with and followed by a turn of each side",
			[]string{"AMB-RAT-04", "AMB-RAT-05", "AMB-RAT-09", "AMB-RAT-12", "AMB-WIR-01"}, needsLoad,
			triesAll(largeNumbers)),
	}
	if set.PN != params.PNAbsent {
		tests = append(tests, test("any-pn", "a malicious peer begins chains with every kind of previous length: the "+
			"message is read, and the conversation goes on", []string{"AMB-RAT-22", "AMB-RAT-10"}, suite.NeedsSession,
			triesAll(anyPN)))
	}
	if set.ClosesChains {
		tests = append(tests, test("stored-limit-closed",
			"skipped keys of several chains, all at the ends of chains: at the limit, just above it and far above it",
			[]string{"AMB-RAT-21"}, suite.NeedsSession, triesAll(storedLimitClosed)))
	}
	if set.StoredPerChain {
		tests = append(tests, test("stored-limit-old-chain",
			"a late message of a chain before makes it store one key more than it may: the oldest is gone",
			[]string{"AMB-RAT-21"}, suite.NeedsSession, storedLimitOldChain))
	}
	return tests
}

// oldChains keeps of each chain of the peer a message that was read and one that was skipped.
func oldChains(happens between) func(p *pair.Pair) {
	const chains = 8
	return triesAll(func(p *pair.Pair) (trials []suite.Trial) {
		p.OpenBoth(pair.Responds)
		var read, late []pair.Mail
		for range chains {
			late = append(late, skipped(p))
			m := p.FromPeer()
			p.Read(m)
			read = append(read, m)
			p.SendToPeer()
		}
		last := p.FromPeer()
		happens(p)
		for i := range chains {
			ago := fmt.Sprint(" of the chain ", chains-i, " turns ago")
			kept := p.Set.MaxChains == 0 || chains-i <= p.Set.MaxChains
			forged := flipped(late[i].Envelope.Body, 8*len(late[i].Envelope.Body)-1)
			trials = append(trials,
				p.Refusal("repeated"+ago, read[i].Envelope, ""),
				p.Refusal("forged"+ago, pair.Raw(forged), ""),
			)
			if !kept {
				trials = append(trials, p.Refusal("late"+ago, late[i].Envelope, ""))
				continue
			}
			trials = append(trials, suite.Trial{Name: "late" + ago, Try: func() { p.Read(late[i]) }},
				p.Refusal("late and repeated"+ago, late[i].Envelope, ""))
		}
		return append(trials, goesOn(p, last))
	})
}

// storedLimitClosed makes the target store keys at the ends of chains alone: the newest chain has none when the limit
// is met.
func storedLimitClosed(p *pair.Pair) (trials []suite.Trial) {
	limit, skip := p.Set.MaxStored, int(p.Set.MaxSkip)
	for _, over := range []int{0, 1, 2, limit / 4, skip - 1} {
		trials = append(trials, suite.Trial{Name: fmt.Sprintf("%d more than %d", over, limit), Try: func() {
			p.Reset()
			p.Started = false
			p.OpenBoth(pair.Responds)
			var lost []pair.Mail
			for total := limit + over; len(lost) < total; {
				for range min((limit+1)/2, skip, total-len(lost)) {
					lost = append(lost, p.FromPeer())
				}
				p.SendToPeer()   // read before anything of the peer's next chain
				p.SendToTarget() // ends the chain that was lost
			}
			if over > 0 {
				p.Refuses(lost[0].Envelope, "")
				p.Refuses(lost[over-1].Envelope, "") // AMB-RAT-21
			}
			p.Read(lost[over])
			p.Read(lost[len(lost)-1])
			p.Turns(1)
		}})
	}
	return trials
}

// storedLimitOldChain meets the limit in a chain, and goes over it when the next one has begun.
func storedLimitOldChain(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	oldest, second := p.FromPeer(), p.FromPeer()
	p.Lose(uint64(p.Set.MaxStored - 2))
	p.SendToTarget()
	gap, beyond := p.FromPeer(), p.FromPeer()
	p.Turns(1)
	p.Read(beyond)
	p.Refuses(oldest.Envelope, refusal.Duplicate) // AMB-RAT-21
	p.Read(second)
	p.Read(gap)
	p.Turns(1)
}

// storedOverRestart has skipped keys of four chains, the last one with many.
func storedOverRestart(p *pair.Pair) (trials []suite.Trial) {
	p.OpenBoth(pair.Responds)
	var lost []pair.Mail
	for range 3 {
		lost = append(lost, p.FromPeer(), p.FromPeer())
		p.SendToTarget()
		p.Turns(1)
	}
	for range min(p.Set.MaxStored-1, 600) {
		lost = append(lost, p.FromPeer())
	}
	p.SendToTarget()
	last := p.FromPeer()
	restart(p)
	var repeated []suite.Trial
	for i, m := range slices.Backward(lost) { // each from another place in its chain
		name := fmt.Sprint("late message ", i)
		trials = append(trials, suite.Trial{Name: name, Try: func() { p.Read(m) }})
		if i%8 < 3 {
			repeated = append(repeated, p.Refusal(name+" repeated", m.Envelope, ""))
		}
	}
	trials = append(trials, suite.Trial{Name: "another restart", Try: func() { restart(p) }})
	trials = append(trials, repeated...)
	return append(trials, goesOn(p, last))
}

// anyPN begins chains with a pn of any size, under a right tag. Above MAX_SKIP no key is stored, and the message is
// read all the same (AMB-RAT-22).
func anyPN(p *pair.Pair) (trials []suite.Trial) {
	p.OpenBoth(pair.Responds)
	skip := p.Set.MaxSkip
	for _, pn := range []uint64{
		0, 1, 255, 256, skip - 1, skip, skip + 1, skip + 2, 65535, 65536, 65537, 1<<31 - 1, 1 << 31, 1<<32 - 1,
	} {
		trials = append(trials, suite.Trial{Name: fmt.Sprint("pn = ", pn), Try: func() {
			p.SendToPeer()
			before := p.PeerState()
			m := p.FromPeer()
			mk := firstKey(p, before, m)
			changed, err := wire.Reseal(p.Set, mk, p.PeerState().AssociatedData(true), m.Envelope.Body,
				func(parts *wire.Parts) { parts.SetNumber("pn", pn) })
			p.NoFault(err)
			p.Read(pair.Mail{Envelope: pair.Raw(changed), Plaintext: m.Plaintext})
			p.Turns(1)
		}})
	}
	return trials
}

// firstKey returns the key of the first message of a new chain of the peer's: the eager peer has made the chain before
// it sent, the lazy one when it did.
func firstKey(p *pair.Pair, before *ratchet.State, m pair.Mail) []byte {
	if ck := before.CKs; ck != nil {
		_, mk := primitive.KDFCK(ck)
		return mk
	}
	dh, err := primitive.DH(p.PeerState().DHs, *before.DHr)
	p.NoFault(err)
	_, ck := primitive.KDFRK(before.RK, dh, p.Set.RootInfo)
	_, mk := primitive.KDFCK(ck)
	return mk
}

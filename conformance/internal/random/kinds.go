package random

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/reference/account"
	"credence/reference/params"
)

// kind is a kind of schedule.
type kind struct {
	level     scenario.Level
	focus     string // of accounts in a world with faults: "faults/..."
	name      string // with set and cadence
	scenarios *rapid.Generator[*scenario.Scenario]
}

// draw returns schedule number n of a kind.
func (k kind) draw(seed uint64, n int) *scenario.Scenario {
	return k.scenarios.Example(int(suite.Random(seed, fmt.Sprint(k.name, " ", n)).Uint64() >> 1))
}

// families are kinds that have an equal share of the schedules of a level.
type families [][]kind

// at returns the kind of schedule number n.
func (f families) at(n int) kind {
	kinds := f[n%len(f)]
	return kinds[n/len(f)%len(kinds)]
}

// kindsOf returns what a target can play of a level: between two parties, every focus in every set and cadence; of
// accounts, every focus with copies of states, and every focus in a world with faults.
func kindsOf(h suite.Hello, level scenario.Level) families {
	if !slices.Contains(h.Profiles, string(level)) {
		return nil
	}
	if level == scenario.Ratchet {
		if kinds := betweenParties(h); len(kinds) > 0 {
			return families{kinds}
		}
		return nil
	}
	if !slices.Contains(h.ParameterSets, account.Set.Name) {
		return nil
	}
	return families{ofAccounts(), inWorlds()}
}

func betweenParties(h suite.Hello) (all []kind) {
	focuses := []scenario.Focus{scenario.Network, scenario.Thefts, scenario.Impersonating}
	if h.Handshakes() {
		focuses = append(focuses, scenario.Starting, scenario.StartingThefts)
	}
	if suite.NeedsSession(h) != "" {
		return nil
	}
	for _, set := range params.Sets() {
		if !slices.Contains(h.ParameterSets, set.Name) {
			continue
		}
		cadences := []string{""}
		if set.PerMessage && h.Cadence("per-message") {
			cadences = append(cadences, "per-message")
		}
		for _, c := range cadences {
			for _, f := range focuses {
				name := fmt.Sprint(set.Name, " ", c, " ", f.Name)
				all = append(all, kind{scenario.Ratchet, f.Name, name, scenario.Ratchets(set.Name, c, f)})
			}
		}
	}
	return all
}

func ofAccounts() (all []kind) {
	for _, f := range []scenario.Focus{
		scenario.Faults, scenario.Copies, scenario.Linking, scenario.Removing, scenario.Healing,
	} {
		all = append(all, kind{scenario.Ambassador, f.Name, "accounts " + f.Name, scenario.Accounts(f)})
	}
	return all
}

func inWorlds() (all []kind) {
	for _, f := range []scenario.Focus{
		scenario.Bundles, scenario.Losses, scenario.Contests, scenario.Splits, scenario.SetBack, scenario.Secrets,
		scenario.AnyFault,
	} {
		all = append(all, kind{scenario.Ambassador, "faults/" + f.Name, "faults " + f.Name, scenario.Worlds(f)})
	}
	return all
}

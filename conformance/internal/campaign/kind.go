package campaign

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/reference/account"
	"credence/reference/params"
)

// kind is a kind of scenario that a target can play.
type kind struct {
	id        string
	profile   string
	scenarios *rapid.Generator[*scenario.Scenario]
	accepts   func(s *scenario.Scenario) bool // reports whether a scenario is of this kind
}

// kindsOf returns what a target can play, in profiles; nil is all of them.
func kindsOf(h suite.Hello, profiles []string) (all []kind) {
	offered := func(profile string) bool {
		return slices.Contains(h.Profiles, profile) && (profiles == nil || slices.Contains(profiles, profile))
	}
	for _, set := range params.Sets() {
		if offered("ratchet") && suite.NeedsSession(h) == "" && slices.Contains(h.ParameterSets, set.Name) {
			all = append(all, ratchets(h, set)...)
		}
	}
	if offered("ambassador") && slices.Contains(h.ParameterSets, account.Set.Name) {
		all = append(all, accounts())
	}
	return all
}

// ratchets returns the kinds of scenarios of two parties with a parameter set, one for each cadence.
func ratchets(h suite.Hello, set *params.Set) []kind {
	all := []kind{ratchet(set, "")}
	if set.PerMessage && h.Cadence("per-message") {
		all = append(all, ratchet(set, "per-message"))
	}
	return all
}

func ratchet(set *params.Set, cadence string) kind {
	return kind{
		id:        strings.TrimSuffix("ratchet/"+set.Name+"/fuzz/"+cadence, "/"),
		profile:   "ratchet",
		scenarios: scenario.Ratchets(set.Name, cadence, scenario.AnyRatchet),
		accepts: func(s *scenario.Scenario) bool {
			return s.Level == scenario.Ratchet && s.Set == set.Name && s.Cadence == cadence
		},
	}
}

// accounts returns the kind of the scenarios of accounts with devices.
func accounts() kind {
	return kind{
		id:        "ambassador/" + account.Set.Name + "/fuzz",
		profile:   "ambassador",
		scenarios: scenario.Accounts(scenario.AnyAccount),
		accepts:   func(s *scenario.Scenario) bool { return s.Level == scenario.Ambassador },
	}
}

// scenario returns that of execution n: the corpus first, then a new one, or a change of one of the corpus.
func (c *campaign) scenario(n int) (*scenario.Scenario, kind) {
	r := rand.New(suite.Random(c.Seed, fmt.Sprint("execution ", n)))
	if n < len(c.Corpus) {
		if i := slices.IndexFunc(c.kinds, func(k kind) bool { return k.accepts(c.Corpus[n]) }); i >= 0 {
			return c.Corpus[n], c.kinds[i]
		}
	}
	k := c.kinds[r.IntN(len(c.kinds))]
	s := k.scenarios.Example(int(r.Uint64() >> 1))
	if r.IntN(2) == 0 {
		return s, k
	}
	kin := slices.DeleteFunc(slices.Clone(c.Corpus), func(s *scenario.Scenario) bool { return !k.accepts(s) })
	if len(kin) > 0 {
		s = scenario.Mutate(kin[r.IntN(len(kin))], s, r)
	}
	return s, k
}

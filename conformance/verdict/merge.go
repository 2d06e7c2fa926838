package verdict

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// ErrMerge is the error of Merge for reports that do not belong together.
var ErrMerge = errors.New("reports do not belong together")

// Merge joins the reports of the shards of one run or campaign. Of a test that is in several, the worst outcome counts
// and what it has run is added up. all are the tests of the suite: results come in their order, and others after them
// by id. It returns ErrMerge.
func Merge(reports []*Report, all []TestInfo) (*Report, error) {
	if len(reports) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrMerge)
	}
	whole := *reports[0]
	whole.Results, whole.Summary, whole.Campaign = nil, Summary{}, nil
	merged := map[string]*TestResult{}
	for _, r := range reports {
		if r.Suite != whole.Suite || r.Version != whole.Version || r.Seed != whole.Seed ||
			!reflect.DeepEqual(r.Target, whole.Target) || (r.Campaign == nil) != (reports[0].Campaign == nil) {
			return nil, fmt.Errorf("%w: %s %s, seed %d, of %s %s, and %s %s, seed %d, of %s %s", ErrMerge,
				whole.Suite, whole.Version, whole.Seed, whole.Target.Name, whole.Target.Version, r.Suite, r.Version,
				r.Seed, r.Target.Name, r.Target.Version)
		}
		whole.Campaign = whole.Campaign.and(r.Campaign)
		for _, t := range r.Results {
			merged[t.ID] = worse(merged[t.ID], t)
		}
	}
	place := places(all)
	results := slices.Collect(maps.Values(merged))
	slices.SortFunc(results, func(a, b *TestResult) int {
		return cmp.Or(cmp.Compare(place(a.ID), place(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	for _, t := range results {
		whole.Add(*t)
	}
	return &whole, nil
}

// places returns the place of each test in the suite; what is not in it comes last.
func places(all []TestInfo) func(id string) int {
	at := map[string]int{}
	for i, t := range all {
		at[t.ID] = i
	}
	return func(id string) int {
		if i, ok := at[id]; ok {
			return i
		}
		return len(all)
	}
}

// worse returns the worse of two outcomes of a test, with the evidence of both.
func worse(a *TestResult, b TestResult) *TestResult {
	if a == nil {
		return &b
	}
	badness := []Status{Skipped, Passed, Errored, Failed}
	worst, other := *a, b
	if slices.Index(badness, b.Status) > slices.Index(badness, a.Status) {
		worst, other = b, *a
	}
	if other.Evidence != nil {
		e := *other.Evidence
		if worst.Evidence != nil {
			e.Add(*worst.Evidence)
		}
		worst.Evidence = &e
	}
	return &worst
}

// and adds up two campaigns. Behaviours are at least those of the richer one: reports do not list them.
func (c *Campaign) and(o *Campaign) *Campaign {
	if c == nil || o == nil {
		return cmp.Or(c, o)
	}
	return &Campaign{
		c.Executions + o.Executions, max(c.Seconds, o.Seconds), c.Restarts + o.Restarts,
		max(c.Behaviours, o.Behaviours),
	}
}

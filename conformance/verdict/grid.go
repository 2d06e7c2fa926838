package verdict

import (
	"slices"

	"credence/spec"
	"credence/spec/grid"
)

// Cell is a cell of the grid of requirements, sets and places, with the tests that exercise it.
type Cell struct {
	grid.Cell
	Tests []string `json:"tests"`
}

// Grid returns the cells of each requirement, by parameter set.
func Grid(tests []TestInfo) map[string][]Cell {
	naming := map[string][]TestInfo{}
	for _, t := range tests {
		for _, id := range t.Requirements {
			naming[id] = append(naming[id], t)
		}
	}
	all := map[string][]Cell{}
	for _, at := range grid.Cells() {
		c := Cell{Cell: at, Tests: []string{}}
		for _, t := range naming[at.Requirement] {
			if t.exercises(at) {
				c.Tests = append(c.Tests, t.ID)
			}
		}
		all[at.Requirement] = append(all[at.Requirement], c)
	}
	for _, cells := range all {
		slices.SortStableFunc(cells, func(a, b Cell) int { return order(a.Set) - order(b.Set) })
	}
	return all
}

// order returns where a parameter set stands among the others.
func order(set string) int { return slices.Index(spec.ParameterSets(), set) }

// exercises reports whether a test that names the requirement of a cell exercises it in that set and place.
func (t TestInfo) exercises(c grid.Cell) bool {
	return t.Set == c.Set && (c.Place == "" || slices.Contains(t.Places[c.Requirement], c.Place))
}

// Outcome says what a run has found in the cell, from the outcomes of the tests: passed, failed, not judged if none of
// its tests was run to its end, or no test.
func (c Cell) Outcome(outcomes map[string]Status) string {
	if len(c.Tests) == 0 {
		return "no test"
	}
	outcome := "not judged"
	for _, id := range c.Tests {
		switch outcomes[id] {
		case Failed:
			return string(Failed)
		case Passed:
			outcome = string(Passed)
		}
	}
	return outcome
}

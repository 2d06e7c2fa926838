// Package kat makes known-answer tests of the vectors: single operations, and scripts of several.
package kat

import (
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/vectors"
)

// Tests returns a test for each vector of the files, in their order.
func Tests(files []*vectors.File) []suite.Test {
	var tests []suite.Test
	for _, f := range files {
		for gi := range f.TestGroups {
			g := &f.TestGroups[gi]
			for vi := range g.Tests {
				tests = append(tests, newTest(g, &g.Tests[vi]))
			}
		}
	}
	return tests
}

func newTest(g *vectors.Group, v *vectors.Test) suite.Test {
	test := suite.Test{
		TestInfo: verdict.NewInfo(v.ID, g.Profile, g.ParameterSet, v.Comment, v.Requirements),
	}
	addPlaces(&test.TestInfo, v)
	if g.Type == vectors.Operation {
		test.Needs = func(h suite.Hello) string { return operationNeeds(h, g, v) }
		test.Run = func(t *suite.T) { runOperation(t, g, v) }
	} else {
		test.Needs = func(h suite.Hello) string { return scriptNeeds(h, v) }
		test.Run = func(t *suite.T) { runScript(t, v) }
	}
	return test
}

// needsInjection is what a target lacks that takes no values in the place of randomness.
func needsInjection(h suite.Hello) string {
	return suite.Lacks(h.Injects, "injection of private keys and randomness")
}

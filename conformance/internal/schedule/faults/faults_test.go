package faults

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/suite"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shims/reference/adapter"
)

// try plays a scenario on the reference.
func try(t *testing.T, s *scenario.Scenario, judged Aspect) (*verdict.Play, *suite.Failure) {
	t.Helper()
	target := adapter.New()
	h, err := suite.Greet(t.Context(), target)
	require.NoError(t, err)
	run := suite.NewT(t.Context(), t.Name(), target, h, suite.Random(1, "play"))
	failure := run.Attempt(func() {
		if judged&(Sights|Epochs) != 0 && judged != Everything {
			Game(run, s, judged)
			return
		}
		Play(run, s, judged)
	})
	return run.Played, failure
}

func TestHunt(t *testing.T) {
	focus := map[string]scenario.Focus{"bundles": scenario.Bundles, "losses": scenario.Losses,
		"contests": scenario.Contests, "splits": scenario.Splits, "setback": scenario.SetBack, "any": scenario.AnyFault, "secrets": scenario.Secrets}[os.Getenv("FOCUS")]
	aspect, _ := strconv.Atoi(os.Getenv("ASPECT"))
	n, _ := strconv.Atoi(os.Getenv("N"))
	from, _ := strconv.Atoi(os.Getenv("FROM"))
	for seed := from; seed < from+n; seed++ {
		s := scenario.Worlds(focus).Example(seed)
		_, failure := try(t, s, Aspect(aspect))
		if failure == nil {
			continue
		}
		s = scenario.Shrink(s, func(c *scenario.Scenario) bool {
			_, f := try(t, c, Aspect(aspect))
			return f != nil && f.Reason == failure.Reason
		})
		p, failure := try(t, s, Aspect(aspect))
		fmt.Println("seed", seed, failure, "|", failure.Got, s.Users)
		fmt.Println("   ", strings.Join(p.Lines, "\n    "))
		if os.Getenv("ALL") == "" {
			return
		}
	}
}

func TestFile(t *testing.T) {
	s, err := scenario.ReadFile(os.Getenv("FILE"))
	require.NoError(t, err)
	p, failure := try(t, s, Everything)
	fmt.Println(failure)
	fmt.Println("   ", strings.Join(p.Lines, "\n    "))
}

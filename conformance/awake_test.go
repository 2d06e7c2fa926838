package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/scenario"
)

func TestAwakeAmbassador(t *testing.T) {
	for i, f := range []scenario.Focus{scenario.Copies, scenario.Linking, scenario.Removing, scenario.Healing} {
		gen := scenario.Accounts(f)
		for seed := range 12 {
			s := gen.Example(seed*10 + i)
			play := func(s *scenario.Scenario) (*Play, error) {
				return referenceTester(t, fmt.Sprint("awake", i, seed)).playAmbassador(s, true)
			}
			p, err := play(s)
			require.NoError(t, err)
			_, _, missed := p.Missed()
			if missed {
				s = scenario.Shrink(s, func(s *scenario.Scenario) bool {
					p, err := play(s)
					if err != nil {
						return false
					}
					_, _, missed := p.Missed()
					return missed
				})
				p, _ = play(s)
				c, e, _ := p.Missed()
				t.Errorf("%v\n%s\ncopy %d of %s: %s %s", s.Users, strings.Join(p.Lines, "\n"), c.Event, c.Who, e.Message, e.Guarantee)
				break
			}
		}
	}
}

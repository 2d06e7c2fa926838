package conformance

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/shim"
)

// NotClaimed is what a step says of a profile that the shim does not offer.
const NotClaimed = "not in the profiles of hello"

// startByHand says how to find out why a shim does not start.
const startByHand = `start the command by hand and type {"id":1,"op":"hello"}: it must answer with one line ` +
	`(docs/shim-protocol.md, hello)`

// Step is one stage on the way of a shim, from its first reply to its last profile.
type Step struct {
	Name string
	Done bool
	Says string // how it stands
	Next string // what to do, if it is not done
}

// Diagnose goes the way of a shim: does it start, does it keep the shim protocol, and profile by profile what is
// missing and what fails. Of the options Seed, Jobs, Start and Command are used. It returns the error of the context.
func Diagnose(ctx context.Context, o Options) ([]Step, error) {
	target, h, err := suite.Start(ctx, o.Start)
	if err != nil {
		return []Step{{Name: "start", Says: err.Error(), Next: startByHand}}, ctx.Err()
	}
	target.Close()
	steps := []Step{{Name: "start", Done: true, Says: fmt.Sprintf("%s %s (%s) answers hello: profiles %s; sets %s",
		h.Name, h.Version, h.Language, listed(h.Profiles), listed(h.ParameterSets))}}
	o.Budget = time.Second
	for _, p := range append([]string{verdict.ShimProfile}, Profiles...) {
		s, errored, err := o.diagnose(ctx, p, h)
		if err != nil {
			return steps, err
		}
		steps = append(steps, s)
		if errored {
			break // a shim that dies or breaks the protocol will do so everywhere
		}
	}
	return steps, nil
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// diagnose returns the step of a profile, and whether the target could not be judged somewhere.
func (o Options) diagnose(ctx context.Context, profile string, h suite.Hello) (s Step, errored bool, err error) {
	if profile != verdict.ShimProfile && !slices.Contains(h.Profiles, profile) {
		return notClaimed(profile, h), false, nil
	}
	o.Profiles = []string{profile}
	if profile == verdict.ShimProfile {
		o.Profiles, o.Match = nil, regexp.MustCompile("^shim/")
	}
	r, err := Run(ctx, o)
	if err != nil {
		return Step{}, false, err
	}
	return standing(profile, r.Results), r.Summary.Errored > 0, nil
}

// notClaimed says which operations a profile still needs, of the list that the shim is nearest to.
func notClaimed(profile string, h suite.Hello) Step {
	nearest := slices.MinFunc(shim.Needs(profile), func(a, b []shim.Op) int {
		return len(h.Missing(a)) - len(h.Missing(b))
	})
	s := Step{Name: profile, Says: NotClaimed}
	missing := h.Missing(nearest)
	if len(missing) == 0 {
		s.Next = fmt.Sprintf("every operation that it needs is there: add %q to the profiles of hello", profile)
		return s
	}
	var names []string
	for _, op := range missing {
		names = append(names, string(op))
	}
	s.Next = fmt.Sprintf(
		"to have it, answer %s, list them in operations, and add %q to the profiles of hello",
		strings.Join(names, ", "), profile,
	)
	return s
}

// standing returns the counts of a profile, and its first failure: errors first, for nothing else can be said before
// they are gone.
func standing(profile string, results []verdict.TestResult) Step {
	var sum verdict.Summary
	for _, t := range results {
		if t.Profile == profile {
			sum.Count(t.Status)
		}
	}
	s := Step{Name: profile, Done: sum.Failed+sum.Errored == 0 && sum.Passed > 0}
	s.Says = fmt.Sprintf(
		"%d passed, %d failed, %d errored, %d skipped", sum.Passed, sum.Failed, sum.Errored, sum.Skipped,
	)
	for _, status := range []verdict.Status{verdict.Errored, verdict.Failed} {
		i := slices.IndexFunc(
			results, func(t verdict.TestResult) bool { return t.Profile == profile && t.Status == status },
		)
		if i >= 0 {
			t := results[i]
			s.Next = fmt.Sprintf(
				"%s (%s): %s; expected %s, got %s; run it alone: %s", t.ID, t.Reason, t.Message, t.Expected, t.Got,
				t.Repeat,
			)
			return s
		}
	}
	if !s.Done {
		s.Next = "every test of it is skipped: 'credence run' says what the tests lack"
	}
	return s
}

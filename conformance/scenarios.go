package conformance

import (
	"context"

	"credence/conformance/internal/campaign"
	"credence/conformance/internal/player"
	"credence/conformance/internal/properties"
	"credence/conformance/internal/random"
	"credence/conformance/internal/search"
	"credence/conformance/verdict"
)

// DefaultBudget is the time that a run takes on the reference, or so. Another one multiplies the number of scenarios.
const DefaultBudget = properties.DefaultBudget

// Player plays scenarios on a target, one after the other.
type Player = player.Player

// NewPlayer starts a target. Of the options Start and Seed are used. It returns ErrTarget.
func NewPlayer(ctx context.Context, o Options) (*Player, error) {
	return player.New(ctx, o.Seed, o.Start)
}

// FuzzOptions shape a fuzzing campaign.
type FuzzOptions = campaign.Options

// Fuzz plays scenarios, new ones and changed ones of a corpus, until it is told to end. It returns ErrTarget,
// ErrNoMatch if the target has nothing to fuzz, or the error of the context; the report is then of what was done
// before, or nil.
func Fuzz(ctx context.Context, o FuzzOptions) (*verdict.Report, error) { return campaign.Run(ctx, o) }

// SearchOptions shape an exhaustive search.
type SearchOptions = search.Options

// SearchCount is how far a search has come.
type SearchCount = search.Count

// SearchGroups are the kinds of events of accounts that a search may have.
var SearchGroups = search.Groups

// Search plays every schedule up to a length. It returns how far it came, and the first one that is wrong. Its errors
// are ErrTarget and that of the context.
func Search(ctx context.Context, o SearchOptions) (c SearchCount, failure *verdict.TestResult, err error) {
	return search.Run(ctx, o)
}

// RandomOptions shape a run of random schedules.
type RandomOptions = random.Options

// RandomTally is what was played of a level.
type RandomTally = random.Tally

// Random plays random schedules, each judged by every invariant, until one is wrong. It returns what was played, and
// that one, made small. Its errors are ErrTarget, ErrNoMatch and that of the context.
func Random(ctx context.Context, o RandomOptions) (tallies []RandomTally, wrong *verdict.TestResult, err error) {
	return random.Run(ctx, o)
}

package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"credence/conformance/scenario"
	"credence/reference/params"

	"pgregory.net/rapid"
)

// FuzzOptions shape a fuzzing campaign.
type FuzzOptions struct {
	Options                            // Profiles, Seed, Shard, Jobs, Scenarios, Replay and Start apply
	Duration   time.Duration           // ends the campaign; 0 does not
	Executions int                     // ends it too: the number of executions of all shards; 0 does not
	FirstOnly  bool                    // so does the first finding
	Memory     uint64                  // bytes that a target may grow by before that is a finding; 0 is any number
	Corpus     []*scenario.Scenario    // they are played first, and then changed
	Seen       func(TestResult)        // called for every finding at once, before it is made smaller, like Found
	Found      func(TestResult)        // called for every finding, if not nil; never from two goroutines at once
	New        func(scenario.Scenario) // called for a scenario with behaviour that none before it had, like Found
	Status     func(Campaign, int)     // called after every execution with the number of findings, like Found
}

// Fuzz plays scenarios on a target until it is told to end. Execution k is a function of the seed, k and the corpus alone, so that
// shards of one campaign can run anywhere. A target that dies, hangs or takes too much memory is started anew. Each fault is
// reported once, by a scenario that is as small as it could be made. It returns ErrTarget, ErrUnknownProfile, ErrNoMatch if the
// target has nothing to fuzz, or the error of the context; the report is then of what was done before, or nil.
func Fuzz(ctx context.Context, o FuzzOptions) (*Report, error) {
	players, err := o.players(ctx)
	if err != nil {
		return nil, err
	}
	f := &campaign{FuzzOptions: o, fields: fieldsOf(players[0].hello, o.Profiles), evidence: map[string]*Evidence{}, found: map[string][]TestResult{}, known: map[string]bool{}, behaviours: map[string]bool{}, started: time.Now()}
	if len(f.fields) == 0 {
		return nil, fmt.Errorf("%w: the target offers no parameter set and profile that can be fuzzed", ErrNoMatch)
	}
	var workers sync.WaitGroup
	for _, p := range players {
		workers.Go(func() { f.work(ctx, &bed{Player: p}) })
	}
	workers.Wait()
	return f.report(players[0].hello), errors.Join(f.failed, ctx.Err())
}

func (o FuzzOptions) players(ctx context.Context) (players []*Player, err error) {
	for _, p := range o.Profiles {
		if !slices.Contains(Profiles, p) {
			return nil, fmt.Errorf("%w %q (there are %v)", ErrUnknownProfile, p, Profiles)
		}
	}
	for range max(o.Jobs, 1) {
		p, err := NewPlayer(ctx, o.Options)
		if err != nil {
			for _, p := range players {
				p.Close()
			}
			return nil, err
		}
		players = append(players, p)
	}
	return players, nil
}

// field is a kind of scenario that a target can play.
type field struct {
	id        string
	profile   string
	scenarios *rapid.Generator[*scenario.Scenario]
	accepts   func(s *scenario.Scenario) bool // tells whether a scenario is of this kind
}

// fieldsOf gives what a target can play.
func fieldsOf(h hello, profiles []string) (all []field) {
	offered := func(profile string) bool {
		return slices.Contains(h.Profiles, profile) && (profiles == nil || slices.Contains(profiles, profile))
	}
	for _, set := range params.Sets() {
		for _, cadence := range []string{"", "per-message"} {
			if !offered("ratchet") || needsSession(h) != "" || !slices.Contains(h.ParameterSets, set.Name) || cadence != "" && (set != params.AmbassadorV1 || !h.cadence(cadence)) {
				continue
			}
			all = append(all, field{
				id: strings.TrimSuffix("ratchet/"+set.Name+"/fuzz/"+cadence, "/"), profile: "ratchet",
				scenarios: scenario.Ratchets(set.Name, cadence, scenario.AnyRatchet),
				accepts: func(s *scenario.Scenario) bool {
					return s.Level == scenario.Ratchet && s.Set == set.Name && s.Cadence == cadence
				},
			})
		}
	}
	if offered("ambassador") && slices.Contains(h.ParameterSets, params.AmbassadorV1.Name) {
		all = append(all, field{
			id: "ambassador/" + params.AmbassadorV1.Name + "/fuzz", profile: "ambassador",
			scenarios: scenario.Accounts(scenario.AnyAccount),
			accepts:   func(s *scenario.Scenario) bool { return s.Level == scenario.Ambassador },
		})
	}
	return all
}

// campaign is what the workers share.
type campaign struct {
	FuzzOptions
	fields  []field
	started time.Time

	mutex      sync.Mutex
	next       int
	ended      bool
	failed     error
	done       Campaign
	evidence   map[string]*Evidence    // by field
	found      map[string][]TestResult // by field
	findings   int
	known      map[string]bool // signatures of faults
	behaviours map[string]bool
}

// bed is a target with what is known of its memory.
type bed struct {
	*Player
	since  int    // executions since it was started
	memory uint64 // after warmUp of them
}

// warmUp is the number of executions after which a target should have taken the memory that it needs, and after which it is
// looked at again.
const warmUp = 50

func (f *campaign) work(ctx context.Context, b *bed) {
	defer b.Close()
	for k := f.take(); k >= 0 && ctx.Err() == nil; k = f.take() {
		s, where := f.scenario(k)
		play, err := f.play(b, s)
		if err != nil {
			f.end(err)
			return
		}
		f.note(where, s, play)
		if play.Result.Status == Passed {
			f.weigh(b, where, s)
		} else if err := f.finding(ctx, b, where, s, play.outcome()); err != nil {
			f.end(err)
			return
		}
	}
}

// take gives the number of the next execution, or -1.
func (f *campaign) take() int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for !f.Shard.Has(f.next) {
		f.next++
	}
	if f.ended || f.Duration > 0 && time.Since(f.started) >= f.Duration || f.Executions > 0 && f.next >= f.Executions {
		return -1
	}
	f.next++
	return f.next - 1
}

func (f *campaign) end(err error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.ended, f.failed = true, errors.Join(f.failed, err)
}

// scenario gives execution k: the corpus first, then a new scenario, or a change of one of the corpus.
func (f *campaign) scenario(k int) (*scenario.Scenario, field) {
	r := rand.New(testRandom(f.Seed, fmt.Sprint("execution ", k)))
	if k < len(f.Corpus) {
		if i := slices.IndexFunc(f.fields, func(w field) bool { return w.accepts(f.Corpus[k]) }); i >= 0 {
			return f.Corpus[k], f.fields[i]
		}
	}
	where := f.fields[r.IntN(len(f.fields))]
	s := where.scenarios.Example(int(r.Uint64() >> 1))
	if r.IntN(2) == 0 {
		return s, where
	}
	kin := slices.DeleteFunc(slices.Clone(f.Corpus), func(s *scenario.Scenario) bool { return !where.accepts(s) })
	if len(kin) > 0 {
		s = scenario.Mutate(kin[r.IntN(len(kin))], s, r)
	}
	return s, where
}

// patience is how often a target that does not start is started again, after 100 ms first and twice as much each time.
const patience = 5

// play plays a scenario, on a new target if the last one has broken.
func (f *campaign) play(b *bed, s *scenario.Scenario) (*Play, error) {
	if b.target == nil {
		b.since, b.memory = 0, 0
	}
	play, err := b.Play(s)
	for try := range patience {
		if !errors.Is(err, ErrTarget) {
			break
		}
		time.Sleep(100 * time.Millisecond << try)
		play, err = b.Play(s)
	}
	b.since++
	return play, err
}

// digits are what differs between two sightings of one fault.
var digits = regexp.MustCompile(`\b[0-9a-f]{8,}\b|0x[0-9a-f]+|\b([ab]|[a-z]+/)?[0-9]+`)

// note counts an execution, and keeps a scenario that shows new behaviour: two events in a row with what came of them.
func (f *campaign) note(where field, s *scenario.Scenario, play *Play) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.done.Executions++
	if play.Result.Status == Errored {
		f.done.Restarts++
	}
	if f.evidence[where.id] == nil {
		f.evidence[where.id] = &Evidence{}
	}
	f.evidence[where.id].add(play.Evidence)
	before, fresh := len(f.behaviours), false
	last := ""
	for _, l := range play.Lines {
		verb, _, _ := strings.Cut(l, " ")
		_, came, _ := strings.Cut(l, ": ")
		behaviour := verb + ": " + strings.Fields(digits.ReplaceAllString(came, "#") + " -")[0]
		f.behaviours[where.id+": "+last+", "+behaviour] = true
		last = behaviour
	}
	f.done.Behaviours = len(f.behaviours)
	if fresh = len(f.behaviours) > before; fresh && f.New != nil && play.Result.Status == Passed {
		f.New(*s)
	}
	if f.Status != nil {
		f.Status(f.progress(), f.findings)
	}
}

func (f *campaign) progress() Campaign {
	f.done.Seconds = time.Since(f.started).Seconds()
	return f.done
}

// signature is the same for two sightings of one fault.
func signature(where field, r TestResult) string {
	op, _, _ := strings.Cut(r.Sent, " ")
	return strings.Join([]string{where.id, string(r.Reason), op, digits.ReplaceAllString(r.Message, "#")}, " ")
}

// finding makes a scenario that has gone wrong as small as it can be, unless its fault is known, and reports it. It returns ErrTarget
// if the target does not start any more.
func (f *campaign) finding(ctx context.Context, b *bed, where field, s *scenario.Scenario, r TestResult) (lost error) {
	sign := signature(where, r)
	if !f.claim(sign, r) {
		return nil
	}
	tries := map[Status]int{Failed: 300, Errored: 60}[r.Status]
	if r.Reason == Hang {
		tries = 12
	}
	small := scenario.Shrink(s, func(smaller *scenario.Scenario) bool {
		if tries--; tries < 0 || lost != nil {
			return false
		}
		play, err := f.play(b, smaller)
		if lost = err; err != nil || signature(where, play.Result) != sign {
			return false
		}
		r = play.outcome()
		return true
	})
	if lost == nil {
		again, err := f.play(b, small)
		if lost = err; err == nil && again.Result.Status == Passed {
			r.Message += " (and not when it was played again)"
		}
	}
	r.Scenario = small
	f.add(where, sign, r)
	return lost
}

// claim tells whether a fault is new.
func (f *campaign) claim(sign string, r TestResult) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	known := f.known[sign]
	f.known[sign] = true
	if !known && f.Seen != nil {
		f.Seen(r)
	}
	return !known
}

// add reports one finding.
func (f *campaign) add(where field, sign string, r TestResult) {
	sum := sha256.Sum256([]byte(sign))
	r.ID, r.Profile, r.Requirements = where.id+"/"+hex.EncodeToString(sum[:4]), where.profile, fuzzRequirements(where, r)
	keep := runner{options: f.Options}
	keep.save(&r)
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.found[where.id] = append(f.found[where.id], r)
	f.findings++
	f.ended = f.ended || f.FirstOnly
	if f.Found != nil {
		f.Found(r)
	}
}

// fuzzRequirements names what a finding speaks against.
func fuzzRequirements(where field, r TestResult) []string {
	switch r.Reason {
	case StateChanged:
		return reqs("AMB-INV-03")
	case Exposed:
		return reqs("AMB-INV-06", "AMB-INV-09", "AMB-INV-10")
	case AcceptedInvalid, RejectedValid:
		return reqs("AMB-INV-02")
	case Mismatch:
		if where.profile == "ambassador" {
			return reqs("AMB-INV-01", "AMB-INV-04", "AMB-INV-05", "AMB-INV-14")
		}
		return reqs("AMB-INV-01", "AMB-INV-05")
	}
	return nil
}

// weigh looks at the memory of a target from time to time. One that has grown too much is asked to show it with the last scenario
// alone, and started anew.
func (f *campaign) weigh(b *bed, where field, s *scenario.Scenario) {
	if f.Memory == 0 || b.since%warmUp != 0 {
		return
	}
	used, ok := b.Player.Memory()
	switch {
	case !ok:
		return
	case b.memory == 0:
		b.memory = used
		return
	case used < b.memory+f.Memory:
		return
	}
	r := TestResult{
		Status: Failed, Reason: Memory, Message: "the target takes more and more memory: every scenario leaves some behind",
		Expected: fmt.Sprintf("at most %d MiB more than after %d scenarios", f.Memory>>20, warmUp), Got: fmt.Sprintf("%d MiB more after %d scenarios", (used-b.memory)>>20, b.since),
		Times: b.since, Scenario: s,
	}
	b.Close()
	f.mutex.Lock()
	f.done.Restarts++
	f.mutex.Unlock()
	if sign := signature(where, r); f.claim(sign, r) {
		f.add(where, sign, r)
	}
}

// report gives the findings, and for every kind of scenario without one that it passed.
func (f *campaign) report(h hello) *Report {
	r := reportOf(h, f.Seed)
	done := f.progress()
	r.Campaign = &done
	for _, where := range f.fields {
		for _, t := range f.found[where.id] {
			r.add(t)
		}
		if e := f.evidence[where.id]; e != nil && f.found[where.id] == nil {
			r.add(TestResult{ID: where.id, Profile: where.profile, Status: Passed, Evidence: e})
		}
	}
	return r
}

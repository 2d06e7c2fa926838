package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"credence/conformance"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shim/process"
)

// planted are the bugs that campaigns are measured with: they need a schedule, and not just one message.
var planted = []string{
	"024-no-fresh-key-on-turn", "025-ratchet-key-derived", "028-old-chain-not-skipped", "030-beyond-pn-on-closed-chain",
	"032-message-key-kept",
	"033-replay-of-skipped", "043-root-changed-by-forgery", "043-state-changed-by-forgery",
	"044-skipped-added-by-forgery", "044-skipped-lost-by-forgery",
	"045-eager-key", "056-skipped-not-exported", "057-export-older", "072-epoch-renumbered",
	"074-session-survives-rotation", "075-old-prekeys-kept",
	"083-channels-set-back", "083-refused-key-reused", "089-opk-kept-by-sibling", "089-opk-returns-at-restart",
	"090-last-record-survives",
	"100-start-secret-kept", "106-per-message-reuses-key", "120-removed-channel-kept", "123-set-back-sends",
	"124-lost-commit-kept",
	"131-pending-not-exported", "136-echo-of-another-entry",
}

const corpusDir = "fuzz/corpus"

// sighting is the first finding of a campaign.
type sighting struct {
	found      bool
	executions int
	seconds    float64
	finding    verdict.TestResult
}

// fuzz runs campaigns on the planted bugs, from no corpus and from the repository's.
func (o options) fuzz(stdout, stderr io.Writer) int {
	bugs, err := readBugs(o.match)
	if err != nil {
		fmt.Fprintln(stderr, "zoo:", err)
		return 2
	}
	seeds, err := scenario.ReadDir(corpusDir)
	if err != nil {
		fmt.Fprintln(stderr, "zoo:", err)
		return 2
	}
	var rows []string
	missed := 0
	for _, b := range bugs {
		if !slices.Contains(planted, b.Name) {
			continue
		}
		row := fmt.Sprintf("| %s | %s |", b.Name, b.Title)
		for _, corpus := range [][]*scenario.Scenario{nil, seeds} {
			seen, err := o.campaigns(b, corpus)
			if err != nil {
				fmt.Fprintln(stderr, "zoo:", err)
				return 2
			}
			for _, s := range seen {
				if !s.found {
					missed++
				}
			}
			row += cells(seen)
		}
		fmt.Fprintln(stdout, row)
		rows = append(rows, row)
	}
	fmt.Fprintf(stdout, "%d bugs, %d campaigns without a finding\n", len(rows), missed)
	if o.docs != "" {
		if err := os.WriteFile(o.docs, o.campaignTable(rows, len(seeds)), 0o644); err != nil {
			fmt.Fprintln(stderr, "zoo:", err)
			return 2
		}
	}
	if missed > 0 {
		return 1
	}
	return 0
}

// cells returns the executions and the seconds until the finding of each campaign, and what was found in the last.
func cells(seen []sighting) string {
	executions, seconds, what := "", "", ""
	for _, s := range seen {
		if !s.found {
			executions, seconds = executions+"- ", seconds+"- "
			continue
		}
		executions += fmt.Sprintf("%d ", s.executions)
		seconds += fmt.Sprintf("%.1f ", s.seconds)
		what = string(s.finding.Reason)
	}
	return fmt.Sprintf(" %s| %s| %s |", executions, seconds, what)
}

// campaigns builds a bug and runs the campaigns on it, with another seed each.
func (o options) campaigns(b bug, corpus []*scenario.Scenario) (all []sighting, err error) {
	dir, err := os.MkdirTemp("", "zoo")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	binary, err := b.build(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name, err)
	}
	for seed := range uint64(o.runs) {
		var s sighting
		started := time.Now()
		r, err := conformance.Fuzz(context.Background(), conformance.FuzzOptions{
			Start: func(ctx context.Context) (shim.Target, error) {
				return process.Start(ctx, binary, process.Options{})
			},
			Seed: seed + 1, Jobs: o.jobs, Duration: o.time, Corpus: corpus, FirstOnly: true,
			Seen: func(t verdict.TestResult) {
				if !s.found {
					s.found, s.seconds, s.finding = true, time.Since(started).Seconds(), t
				}
			},
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name, err)
		}
		s.executions = r.Campaign.Executions
		all = append(all, s)
	}
	return all, nil
}

// campaignTable returns docs/planted.md.
func (o options) campaignTable(rows []string, corpus int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Planted bugs, found by campaigns

Bugs of [the zoo](zoo.md) that need a schedule, each built into the reference shim and given to `+"`credence fuzz`"+` with %d targets at
a time, until the first finding or for %v. %d campaigns, with the seeds 1 to %d, start from nothing; %d from the %d scenarios of
`+"`fuzz/corpus`"+`, which the reference plays without a fault. Executions are those until the end of the campaign, the time is that until
the fault was seen; "-" is a campaign without a finding. Written by `+"`make fuzz-zoo`"+`.

| bug | what is wrong | executions, empty corpus | seconds | finding | executions, seeded | seconds | finding |
|---|---|---|---|---|---|---|---|
`, o.jobs, o.time, o.runs, o.runs, o.runs, corpus)
	for _, row := range rows {
		fmt.Fprintln(&b, row)
	}
	return b.Bytes()
}

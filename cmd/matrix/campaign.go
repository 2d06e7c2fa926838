package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"credence/conformance"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shim/process"
)

const (
	campaignDir = "shims/campaigns"
	corpusDir   = "fuzz/corpus"
)

// fuzz runs a fuzzing campaign on each shim, and keeps what it finds.
func (o options) fuzz(entries []entry, stdout, stderr io.Writer) int {
	seeds, err := scenario.ReadDir(corpusDir)
	if err != nil {
		fmt.Fprintln(stderr, "matrix:", err)
		return 2
	}
	var runs []finished
	for _, e := range entries {
		if _, err := os.Stat(e.Needs); err != nil && o.allowMissing {
			fmt.Fprintf(stdout, "%-20s NOT INSTALLED, not run: %v\n", e.Name, err)
			continue
		}
		r, err := o.campaign(e, seeds)
		if err != nil {
			fmt.Fprintf(stderr, "matrix: %s: %v\n", e.Name, err)
			return 1
		}
		fmt.Fprintf(
			stdout, "%-20s %d executions in %.0f s, %d findings\n", e.Name, r.Campaign.Executions, r.Campaign.Seconds,
			r.Summary.Failed+r.Summary.Errored,
		)
		runs = append(runs, finished{e, r})
	}
	if o.docs == "" {
		return 0
	}
	if err := os.WriteFile(filepath.Join(o.docs, "campaigns.md"), o.campaignDoc(runs), 0o644); err != nil {
		fmt.Fprintln(stderr, "matrix:", err)
		return 1
	}
	return 0
}

// campaign fuzzes one shim. What was kept of an earlier campaign goes.
func (o options) campaign(e entry, seeds []*scenario.Scenario) (*verdict.Report, error) {
	dir := filepath.Join(campaignDir, e.Name)
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	return conformance.Fuzz(context.Background(), conformance.FuzzOptions{
		Start: func(ctx context.Context) (shim.Target, error) {
			return process.Start(ctx, e.Command, process.Options{Timeout: time.Minute})
		},
		Seed: 1, Jobs: runtime.NumCPU(), Scenarios: dir, Replay: fmt.Sprintf("credence replay --shim '%s'", e.Command),
		Duration: o.campaigns, Memory: 256 << 20, Corpus: seeds,
	})
}

// campaignDoc returns docs/campaigns.md.
func (o options) campaignDoc(runs []finished) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Campaigns

What `+"`credence fuzz`"+` finds in every shim of this repository in %v, with %d targets at a time, from the scenarios of `+"`fuzz/corpus`"+`. Written by
`+"`make campaigns`"+`. Each finding is a scenario in `+"`%s`"+`, made as small as it could be; the command replays it. A fault is listed once for each
parameter set. What it means for an application depends on what the application adds.

| implementation | executions | restarts | findings |
|---|---|---|---|
`, o.campaigns, runtime.NumCPU(), campaignDir)
	for _, r := range runs {
		c := r.report.Campaign
		fmt.Fprintf(
			&b, "| %s %s (%s) | %d | %d | %d |\n", cell(r.report.Target.Name), cell(r.report.Target.Version),
			r.entry.Name, c.Executions, c.Restarts, r.report.Summary.Failed+r.report.Summary.Errored,
		)
	}
	for _, r := range runs {
		bad := slices.DeleteFunc(
			slices.Clone(r.report.Results), func(t verdict.TestResult) bool { return t.Status == verdict.Passed },
		)
		if len(bad) == 0 {
			continue
		}
		slices.SortFunc(bad, func(x, y verdict.TestResult) int { return cmp.Compare(x.ID, y.ID) })
		fmt.Fprintf(&b, "\n## %s\n\n", r.entry.Name)
		for _, t := range bad {
			op, _, _ := strings.Cut(t.Sent, " ")
			fmt.Fprintf(
				&b, "- **%s** (%s, at %s): %s. Expected %s, got %s. %s\n\n      %s\n\n", t.Reason,
				strings.Join(t.Requirements, ", "), op, cell(t.Message), cell(shortened(t.Expected)),
				cell(shortened(t.Got)), t.ID, t.Replay,
			)
		}
	}
	return b.Bytes()
}

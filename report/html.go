package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"credence/conformance/verdict"
)

//go:embed html.tmpl
var htmlTemplate string

//go:embed html.css
var htmlStyle string

//go:embed html.js
var htmlScript string

// Limits of a page.
const (
	mostDrawn  = 12       // failures whose scenario is drawn
	mostHTML   = 16 << 10 // bytes of one value
	openAtOnce = 3        // failures that are open when the page is
)

// page is what the template shows. All texts in it are escaped by the template; texts of a target went through Line
// before.
type page struct {
	Style, Script template.HTML
	Policy        string
	Verdict       string
	Good          bool
	Target        string
	Language      string
	Run           string
	Remark        string
	Campaign      string
	Gate          *verdict.Gate
	Profiles      []row
	Guarantees    []guarantee
	Requirements  []row
	Failures      []failure
	Skips         []skip
	Results       []result
	drawn         int // failures with drawings
}

// row counts the outcomes of a profile or of a requirement.
type row struct {
	Name, Text string
	verdict.Summary
	Grid []inSet // of a requirement
}

// inSet is what a run says of a requirement in a parameter set.
type inSet struct {
	Set   string
	Cells []cell
}

// cell is what a run says of a requirement in one place of a set.
type cell struct{ Place, Outcome, Reason string }

// Class is the outcome as a class of the style sheet.
func (c cell) Class() string {
	if c.Outcome == string(verdict.Passed) || c.Outcome == string(verdict.Failed) {
		return c.Outcome
	}
	return string(verdict.Skipped)
}

// State is the worst outcome, as a word.
func (r row) State() string {
	switch {
	case r.Failed > 0:
		return "failed"
	case r.Errored > 0:
		return "errored"
	case r.Passed > 0:
		return "passed"
	case r.Skipped > 0:
		return "skipped"
	}
	return "not run"
}

// Statuses are those that can be filtered by.
func (*page) Statuses() []verdict.Status {
	return []verdict.Status{verdict.Failed, verdict.Errored, verdict.Passed, verdict.Skipped}
}

type guarantee struct{ Name, Verdict, Evidence string }

type requirement struct{ ID, Text string }

type failure struct {
	ID, Status, Reason, Message string
	Open                        bool
	Known                       *verdict.Excused
	Requirements                []requirement
	Fields                      []field
	Commands                    []field
	Drawings                    []template.HTML
}

type field struct{ Name, Value string }

type skip struct {
	Count   int
	Message string
}

type result struct{ ID, Profile, Status, Message string }

// HTML writes a report as one page that needs no network. Nothing that a target said is taken for markup or script: the
// page's own are the only ones that its policy lets a browser run.
func HTML(w io.Writer, r *verdict.Report, o Options) error {
	t, err := template.New("page").Parse(htmlTemplate)
	if err != nil {
		return err
	}
	return t.Execute(w, newPage(r, o))
}

func newPage(r *verdict.Report, o Options) *page {
	style := htmlStyle + drawingStyle
	p := &page{
		Style:  template.HTML("<style>" + style + "</style>"),
		Script: template.HTML("<script>" + htmlScript + "</script>"),
		Policy: fmt.Sprintf(
			"default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'",
			digest(style), digest(htmlScript),
		),
		Target: Line(elide(describeTarget(r.Target))), Language: Line(elide(r.Target.Language)), Gate: r.Gate,
		Run: fmt.Sprintf("%s %s, seed %d", r.Suite, r.Version, r.Seed),
	}
	p.Verdict, p.Good = verdictOf(r, o)
	p.Remark = strings.Trim((&terminal{options: o}).remark(r), " ()")
	if c := r.Campaign; c != nil {
		p.Campaign = fmt.Sprintf(
			"%d executions in %.0f s, %d behaviours, %d restarts", c.Executions, c.Seconds, c.Behaviours, c.Restarts,
		)
	}
	for _, g := range byProfile(r.Results) {
		p.Profiles = append(p.Profiles, row{Name: Line(g.name), Summary: g.summary})
	}
	texts := p.requirements(r, o)
	skips := map[string]int{}
	for _, t := range r.Results {
		p.add(t, r.Gate, texts)
		if t.Status == verdict.Skipped {
			skips[Line(elide(t.Message))]++
		}
	}
	for message, n := range skips {
		p.Skips = append(p.Skips, skip{n, message})
	}
	slices.SortFunc(
		p.Skips, func(a, b skip) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Message, b.Message)) },
	)
	return p
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// requirements counts by requirement, in the order of SPEC.md, and gives their texts.
func (p *page) requirements(r *verdict.Report, o Options) map[string]string {
	texts, place := map[string]string{}, map[string]int{}
	outcomes, cells := map[string]verdict.Status{}, verdict.Grid(o.Tests)
	for _, t := range r.Results {
		outcomes[t.ID] = t.Status
	}
	for i, q := range o.Requirements {
		texts[q.ID], place[q.ID] = q.Text, i
		p.Requirements = append(p.Requirements, row{Name: q.ID, Text: q.Text, Grid: bySet(cells[q.ID], outcomes)})
	}
	for _, t := range r.Results {
		for _, id := range t.Requirements {
			if i, ok := place[id]; ok {
				*counter(&p.Requirements[i].Summary, t.Status)++
			}
		}
	}
	return texts
}

// bySet groups the cells of a requirement, with their outcomes.
func bySet(cells []verdict.Cell, outcomes map[string]verdict.Status) (all []inSet) {
	for _, c := range cells {
		if len(all) == 0 || all[len(all)-1].Set != c.Set {
			all = append(all, inSet{Set: c.Set})
		}
		last := &all[len(all)-1]
		last.Cells = append(last.Cells, cell{c.Place, c.Outcome(outcomes), c.Reason})
	}
	return all
}

func (p *page) add(t verdict.TestResult, gate *verdict.Gate, texts map[string]string) {
	p.Results = append(p.Results, result{Line(t.ID), Line(t.Profile), string(t.Status), Line(elide(t.Message))})
	if t.Guarantee != "" && t.Status != verdict.Skipped {
		p.Guarantees = append(p.Guarantees, guarantee{Line(guaranteeName(t)), t.Verdict(), Line(elide(t.Found()))})
	}
	if t.Status != verdict.Failed && t.Status != verdict.Errored {
		return
	}
	f := failure{
		ID: Line(t.ID), Status: string(t.Status), Reason: string(t.Reason), Message: Line(elide(t.Message)),
		Known: gate.Excuses(t.ID), Open: len(p.Failures) < openAtOnce,
	}
	for _, id := range t.Requirements {
		f.Requirements = append(f.Requirements, requirement{Line(id), texts[id]})
	}
	for _, v := range []field{{"sent", t.Sent}, {"expected", t.Expected}, {"got", t.Got}} {
		if v.Value != "" {
			f.Fields = append(f.Fields, field{v.Name, Line(v.Value[:min(len(v.Value), mostHTML)])})
		}
	}
	for _, v := range []field{{"repeat", t.Repeat}, {"replay", t.Replay}} {
		if v.Value != "" {
			f.Commands = append(f.Commands, field{v.Name, Line(v.Value)})
		}
	}
	if p.drawn < mostDrawn {
		if f.Drawings = drawings(t); f.Drawings != nil {
			p.drawn++
		}
	}
	p.Failures = append(p.Failures, f)
}

// drawings returns the views of the scenario of a failure, if there is one that can be drawn.
func drawings(t verdict.TestResult) (all []template.HTML) {
	if t.Scenario == nil || t.Record == nil {
		return nil
	}
	for _, draw := range []func(*scene) *canvas{exposureMap, sequenceView} {
		if c, err := drawn(t.Scenario, t.Record, draw); err == nil {
			// every text in it is escaped by encoding/xml
			all = append(all, template.HTML(bytes.TrimSpace(c.markup(""))))
		}
	}
	return all
}

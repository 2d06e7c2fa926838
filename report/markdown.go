package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"credence/conformance/verdict"
)

// mostMarkdown is how many failures a summary shows.
const mostMarkdown = 20

// Markdown writes a summary for the page of a CI job: the verdict, counts by profile, guarantees, and failures with the
// commands that repeat them. Nothing that a target said is taken for markup.
func Markdown(w io.Writer, r *verdict.Report, o Options) error {
	m := &markdown{bufio.NewWriter(w)}
	v, _ := verdictOf(r, o)
	m.line("## %s", v)
	m.line("")
	m.line("%s; %s %s, seed %d", escapeMarkdown(describeTarget(r.Target)), r.Suite, r.Version, r.Seed)
	if r.Campaign == nil {
		m.profiles(r)
	}
	m.guarantees(r)
	m.gate(r.Gate)
	m.failures(r)
	return m.w.Flush()
}

type markdown struct{ w *bufio.Writer }

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(m.w, format+"\n", args...) }

func (m *markdown) table(columns ...string) {
	m.line("")
	m.line("| %s |", strings.Join(columns, " | "))
	m.line("|%s", strings.Repeat("---|", len(columns)))
}

func (m *markdown) profiles(r *verdict.Report) {
	m.table("profile", "passed", "failed", "errored", "skipped")
	for _, g := range byProfile(r.Results) {
		m.line("| %s | %d | %d | %d | %d |", escapeMarkdown(g.name), g.summary.Passed, g.summary.Failed,
			g.summary.Errored, g.summary.Skipped)
	}
}

func (m *markdown) guarantees(r *verdict.Report) {
	first := true
	for _, t := range r.Results {
		if t.Guarantee == "" || t.Status == verdict.Skipped {
			continue
		}
		if first {
			m.table("guarantee", "", "evidence")
			first = false
		}
		m.line("| %s | %s | %s |", escapeMarkdown(guaranteeName(t)), t.Verdict(), escapeMarkdown(elide(t.Found())))
	}
}

func (m *markdown) gate(g *verdict.Gate) {
	if g == nil {
		return
	}
	m.line("")
	m.line("**Gate: %s**", gateWord(g))
	for _, p := range g.Problems {
		m.line("- %s", escapeMarkdown(p))
	}
	if n := len(g.Known) + len(g.Flaky); n > 0 {
		m.line("")
		m.line("<details><summary>%d known failures</summary>", n)
		m.table("test", "reason", "link")
		for _, list := range [][]verdict.Excused{g.Known, g.Flaky} {
			for _, e := range list {
				m.line("| %s | %s | %s |", escapeMarkdown(e.ID), escapeMarkdown(e.Reason), escapeMarkdown(e.Link))
			}
		}
		m.line("")
		m.line("</details>")
	}
}

func (m *markdown) failures(r *verdict.Report) {
	shown, more := 0, 0
	for _, t := range r.Results {
		if t.Status != verdict.Failed && t.Status != verdict.Errored || r.Gate.Excuses(t.ID) != nil {
			continue
		}
		if shown++; shown > mostMarkdown {
			more++
			continue
		}
		m.line("")
		m.line("### %s `%s` (%s)", t.Status, code(t.ID), t.Reason)
		for _, f := range []struct{ name, value string }{
			{"requirements", strings.Join(t.Requirements, ", ")}, {"message", t.Message}, {"expected", t.Expected},
			{"got", t.Got}, {"repeat", t.Repeat}, {"replay", t.Replay},
		} {
			if f.value != "" {
				m.line("- %s: `%s`", f.name, code(elide(f.value)))
			}
		}
	}
	if more > 0 {
		m.line("")
		m.line("and %d more", more)
	}
}

// escapeMarkdown escapes what Markdown and HTML take for markup.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range Line(elide(s)) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_[]()#|~!", r):
			b.WriteRune('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code is text between backticks, in which nothing can be escaped.
func code(s string) string {
	return strings.ReplaceAll(Line(s), "`", "'")
}

// badge is what shields.io calls an endpoint.
type badge struct {
	SchemaVersion int    `json:"schemaVersion"`
	Label         string `json:"label"`
	Message       string `json:"message"`
	Color         string `json:"color"`
}

// Badge writes the verdict as one line of JSON that shields.io makes a badge of (its endpoint format, version 1).
func Badge(w io.Writer, r *verdict.Report, o Options) error {
	word, good := verdictOf(r, o)
	b := badge{1, "credence", strings.ToLower(word), "red"}
	switch {
	case good:
		b.Color = "brightgreen"
	case r.Gate != nil && r.Gate.Passed && !o.Interrupted:
		b.Message, b.Color = fmt.Sprintf("%d known failures", len(r.Gate.Known)+len(r.Gate.Flaky)), "yellow"
	}
	if n := r.Summary.Passed; r.Campaign == nil {
		b.Message = fmt.Sprintf("%s, %d passed", b.Message, n)
	}
	return json.NewEncoder(w).Encode(b)
}

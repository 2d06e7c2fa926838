// Package report renders the outcome of a run: JSON and JUnit XML for machines, text for people.
//
// What a target says of itself is not trusted: whatever it sends, the JSON and the XML are well formed and the text
// holds no control characters.
package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"credence/conformance/verdict"
)

// profileGroup is the results of one profile, in the order of the run.
type profileGroup struct {
	name    string
	summary verdict.Summary
	results []verdict.TestResult
}

// byProfile groups results by profile, in the order in which the profiles come first.
func byProfile(results []verdict.TestResult) []*profileGroup {
	var groups []*profileGroup
	for _, t := range results {
		i := slices.IndexFunc(groups, func(g *profileGroup) bool { return g.name == t.Profile })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &profileGroup{name: t.Profile})
		}
		groups[i].add(t)
	}
	return groups
}

func (g *profileGroup) add(t verdict.TestResult) {
	g.results = append(g.results, t)
	*counter(&g.summary, t.Status)++
}

// counter returns the place where a status is counted. A status that is none counts as errored, never as passed.
func counter(s *verdict.Summary, status verdict.Status) *int {
	switch status {
	case verdict.Passed:
		return &s.Passed
	case verdict.Failed:
		return &s.Failed
	case verdict.Skipped:
		return &s.Skipped
	default:
		return &s.Errored
	}
}

// Line makes one safe line of a text: characters that do not print, line feeds and direction marks included, become
// escapes such as \n, \x1b and \u202e. Bytes that are not UTF-8 become \x followed by two hexadecimal digits.
func Line(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			b.WriteString(`\x` + string("0123456789abcdef"[text[i]>>4]) + string("0123456789abcdef"[text[i]&15]))
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// describeTarget returns the name and the version of a target, or a stand-in if it has none.
func describeTarget(t verdict.TargetInfo) string {
	return cmp.Or(strings.TrimSpace(t.Name+" "+t.Version), "unnamed target")
}

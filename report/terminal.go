package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"credence"
	"credence/conformance/verdict"
)

// Limits of what Terminal shows. JSON holds everything.
const (
	mostAlike    = 6    // failures with the same profile, reason and first requirement that are all shown
	shownOfMany  = 3    // how many are shown if there are more
	mostSkips    = 16   // lines about skips
	mostHex      = 80   // digits of hexadecimal that are shown whole
	shownHex     = 24   // digits at either end of those that are not
	mostText     = 1200 // bytes of a text that are shown whole
	shownText    = 500  // bytes at either end of one that is not
	fieldColumns = 12   // width of the names of fields
)

// Options shape the report for people.
type Options struct {
	Color        bool
	Requirements []credence.Requirement // whose texts are shown with failures
	Tests        []verdict.TestInfo     // of the suite; a page shows what came of each cell of the grid
	Selected     bool                   // only some tests were asked for; said beside the verdict
	Interrupted  bool                   // the run was ended before its end: it cannot conform
}

// style is a colour of the terminal.
type style string

const (
	plain  style = ""
	bold   style = "\x1b[1m"
	red    style = "\x1b[31m"
	green  style = "\x1b[32m"
	yellow style = "\x1b[33m"
	reset  style = "\x1b[0m"
)

// terminal writes the report for people. Everything goes through line.
type terminal struct {
	w       *bufio.Writer
	options Options
	texts   map[string]string // of the requirements
}

// Terminal writes a report for people: counts by profile, failures with their evidence, skips, and the verdict in the
// last line.
func Terminal(w io.Writer, r *verdict.Report, o Options) error {
	t := &terminal{bufio.NewWriter(w), o, map[string]string{}}
	for _, q := range o.Requirements {
		t.texts[q.ID] = q.Text
	}
	groups := byProfile(r.Results)
	t.head(r, groups)
	t.guarantees(r.Results)
	for _, g := range groups {
		t.failures(g, r.Gate)
	}
	t.excused(r.Gate)
	t.skips(r.Results)
	t.verdict(r)
	return t.w.Flush()
}

// line writes one line. It is the only way to the terminal, and lets no control character of text through.
func (t *terminal) line(s style, text string) {
	text = Line(text)
	if t.options.Color && s != plain {
		text = string(s) + text + string(reset)
	}
	fmt.Fprintln(t.w, text)
}

func (t *terminal) field(name, text string) {
	if text != "" {
		t.line(plain, fmt.Sprintf("  %-*s%s", fieldColumns, name, elide(text)))
	}
}

func (t *terminal) head(r *verdict.Report, groups []*profileGroup) {
	language := ""
	if r.Target.Language != "" {
		language = " (" + elide(r.Target.Language) + ")"
	}
	t.line(bold,
		fmt.Sprintf("%s%s; %s %s, seed %d", elide(describeTarget(r.Target)), language, r.Suite, r.Version, r.Seed))
	t.line(plain, "")
	if r.Campaign != nil {
		t.campaign(r)
		return
	}
	for _, g := range groups {
		t.line(plain, fmt.Sprintf("%-*s%s", fieldColumns, g.name, counts(g.summary)))
	}
}

// campaign says what a fuzzing campaign has done, and what it has not found anything in.
func (t *terminal) campaign(r *verdict.Report) {
	c := r.Campaign
	t.line(plain,
		fmt.Sprintf(
			"%-*s%d executions in %.0f s (%.1f/s), %d behaviours, %d restarts", fieldColumns, "campaign", c.Executions,
			c.Seconds, float64(c.Executions)/max(c.Seconds, 0.001), c.Behaviours, c.Restarts,
		))
	for _, result := range r.Results {
		if e := result.Evidence; e != nil && result.Status == verdict.Passed {
			t.line(plain,
				fmt.Sprintf("%-*snothing found in %s: %d scenarios, %s", fieldColumns, "", result.ID, e.Scenarios, e))
		}
	}
}

func counts(s verdict.Summary) string {
	return fmt.Sprintf("%d passed, %d failed, %d errored, %d skipped", s.Passed, s.Failed, s.Errored, s.Skipped)
}

// alike is what failures share that are shown together.
type alike struct {
	status      verdict.Status
	reason      verdict.Reason
	requirement string
}

func alikeOf(t verdict.TestResult) alike {
	if len(t.Requirements) == 0 {
		return alike{t.Status, t.Reason, ""}
	}
	return alike{t.Status, t.Reason, t.Requirements[0]}
}

// failures shows what failed or errored in a profile, but for what is known.
func (t *terminal) failures(g *profileGroup, gate *verdict.Gate) {
	var order []alike
	tests := map[alike][]verdict.TestResult{}
	for _, r := range g.results {
		if r.Status == verdict.Passed || r.Status == verdict.Skipped || gate.Excuses(r.ID) != nil {
			continue
		}
		key := alikeOf(r)
		if tests[key] == nil {
			order = append(order, key)
		}
		tests[key] = append(tests[key], r)
	}
	for _, key := range order {
		t.group(g.name, key, tests[key])
	}
}

func (t *terminal) group(profile string, key alike, tests []verdict.TestResult) {
	shown := tests
	if len(tests) > mostAlike {
		shown = tests[:shownOfMany]
	}
	for _, r := range shown {
		t.failure(r)
	}
	if more := len(tests) - len(shown); more > 0 {
		t.line(plain, "")
		shared := strings.TrimSuffix(fmt.Sprintf("%s, %s, %s", profile, key.reason, key.requirement), ", ")
		t.line(yellow, fmt.Sprintf("and %d more %s alike (%s); all are in the JSON report", more, key.status, shared))
	}
}

func (t *terminal) failure(r verdict.TestResult) {
	t.line(plain, "")
	t.line(red, fmt.Sprintf("%s %s (%s)", strings.ToUpper(string(r.Status)), r.ID, r.Reason))
	for _, id := range r.Requirements {
		t.line(plain, "  "+id+"  "+cmp.Or(t.texts[id], "(text unknown)"))
	}
	t.field("sent", r.Sent)
	t.field("expected", r.Expected)
	t.field("got", r.Got)
	if at, ok := hiddenDifference(r.Expected, r.Got); ok {
		t.field("", fmt.Sprintf(
			"(expected and got differ first at character %d, which is not shown; see the JSON report)", at,
		))
	}
	t.field("message", r.Message)
	for _, c := range []struct{ name, command string }{{"repeat", r.Repeat}, {"replay", r.Replay}} {
		if c.command != "" {
			t.line(plain, fmt.Sprintf("  %-*s%s", fieldColumns, c.name, c.command))
		}
	}
}

// guarantees says what was found of each promise of SPEC.md 13, with the evidence.
func (t *terminal) guarantees(results []verdict.TestResult) {
	first := true
	for _, r := range results {
		if r.Guarantee == "" || r.Status == verdict.Skipped {
			continue
		}
		if first {
			t.line(plain, "")
			first = false
		}
		s := map[string]style{"holds": green, "broken": red, "in part": yellow, "not judged": yellow}[r.Verdict()]
		t.line(s, fmt.Sprintf("%-52s%-11s%s", guaranteeName(r), r.Verdict(), elide(r.Found())))
	}
}

// guaranteeName is the id of a test as the name of what it judges.
func guaranteeName(r verdict.TestResult) string {
	return strings.Replace(r.ID, "/property/", " ", 1)
}

// hiddenDifference returns where two texts differ first, if they look the same when they are elided.
func hiddenDifference(a, b string) (at int, ok bool) {
	if a == b || elide(a) != elide(b) {
		return 0, false
	}
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	return at + 1, true
}

// skips sums up the skipped tests by message, the most frequent first.
func (t *terminal) skips(results []verdict.TestResult) {
	n := map[string]int{}
	var messages []string
	for _, r := range results {
		if r.Status != verdict.Skipped {
			continue
		}
		if n[r.Message] == 0 {
			messages = append(messages, r.Message)
		}
		n[r.Message]++
	}
	if len(messages) == 0 {
		return
	}
	slices.SortStableFunc(messages, func(a, b string) int { return n[b] - n[a] })
	t.line(plain, "")
	t.line(yellow, "skipped, and not counted as passed:")
	rest := 0
	for i, m := range messages {
		if i < mostSkips {
			t.line(plain, fmt.Sprintf("%6d  %s", n[m], elide(m)))
		} else {
			rest += n[m]
		}
	}
	if rest > 0 {
		t.line(plain,
			fmt.Sprintf("%6d  for %d other reasons; all are in the JSON report", rest, len(messages)-mostSkips))
	}
}

func (t *terminal) verdict(r *verdict.Report) {
	s := red
	word, good := verdictOf(r, t.options)
	if good {
		s = green
	}
	what := counts(r.Summary)
	if c := r.Campaign; c != nil {
		what = fmt.Sprintf("%d executions in %.0f s", c.Executions, c.Seconds)
	}
	t.line(plain, "")
	t.line(s, fmt.Sprintf("%s: %s: %s%s", word, elide(describeTarget(r.Target)), what, t.remark(r)))
	t.gate(r.Gate)
}

// verdictOf returns the verdict, and whether it is a good one.
func verdictOf(r *verdict.Report, o Options) (word string, good bool) {
	findings := r.Summary.Failed + r.Summary.Errored
	switch {
	case r.Campaign != nil && findings > 0:
		return fmt.Sprintf("FOUND %d", findings), false
	case r.Campaign != nil:
		return "NOTHING FOUND", !o.Interrupted
	case r.Conforms() && !o.Interrupted:
		return "CONFORMS", true
	}
	return "DOES NOT CONFORM", false
}

// gate reports whether the run may go on, and why not. It is the last line then.
func (t *terminal) gate(g *verdict.Gate) {
	if g == nil {
		return
	}
	s := green
	if !g.Passed {
		s = red
	}
	for _, p := range g.Problems {
		t.line(red, "gate        "+elide(p))
	}
	t.line(s, fmt.Sprintf("GATE %s: %d known failures, %d flaky", gateWord(g), len(g.Known), len(g.Flaky)))
}

func gateWord(g *verdict.Gate) string {
	if g.Passed {
		return "PASSED"
	}
	return "FAILED"
}

// excused names what failed and does not fail the gate.
func (t *terminal) excused(g *verdict.Gate) {
	if g == nil || len(g.Known)+len(g.Flaky) == 0 {
		return
	}
	t.line(plain, "")
	t.line(yellow, "failed, as is known:")
	for _, list := range [][]verdict.Excused{g.Known, g.Flaky} {
		for _, e := range list {
			t.line(plain, fmt.Sprintf("  %s: %s (%s)", e.ID, elide(e.Reason), elide(e.Link)))
		}
	}
}

// remark says what limits the verdict.
func (t *terminal) remark(r *verdict.Report) string {
	clean := r.Summary.Failed == 0 && r.Summary.Errored == 0
	switch {
	case r.Campaign != nil && t.options.Interrupted:
		return " (interrupted)"
	case r.Campaign != nil:
		return ""
	case t.options.Interrupted:
		return " (interrupted: not every test was run)"
	case clean && !r.Conforms():
		return " (no test of a profile was passed)"
	case t.options.Selected:
		return " (selected tests only)"
	}
	return ""
}

var longHex = regexp.MustCompile(fmt.Sprintf(`[0-9a-fA-F]{%d,}`, mostHex+1))

// elide shortens long hexadecimal in the middle, and then the text itself if it is still long.
func elide(text string) string {
	text = longHex.ReplaceAllStringFunc(text, func(h string) string {
		size := fmt.Sprintf("%d bytes", len(h)/2)
		if len(h)%2 != 0 {
			size = fmt.Sprintf("%d digits", len(h))
		}
		return h[:shownHex] + "…(" + size + ")…" + h[len(h)-shownHex:]
	})
	if len(text) <= mostText {
		return text
	}
	head := strings.ToValidUTF8(text[:shownText], "")
	tail := strings.ToValidUTF8(text[len(text)-shownText:], "")
	return fmt.Sprintf("%s…(%d bytes)…%s", head, len(text), tail)
}

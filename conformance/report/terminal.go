package report

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"credence"
	"credence/conformance"
)

// Options shape the report for a terminal.
type Options struct {
	Color        bool
	Requirements []credence.Requirement // whose texts are shown
}

// alike is how many failures of one kind are shown in full.
const alike = 5

// Terminal writes the report for people: a line for each profile, each failure with its requirement, its evidence and the
// command that repeats it, what was skipped and why, and the verdict. Nothing that a shim said can move the cursor or
// change colours.
func Terminal(w io.Writer, r *conformance.Report, o Options) error {
	p := &printer{Writer: bufio.NewWriter(w), options: o, texts: map[string]string{}}
	for _, q := range o.Requirements {
		p.texts[q.ID] = q.Text
	}
	profiles, results := byProfile(r)
	for _, profile := range profiles {
		p.profile(profile, results[profile])
	}
	p.skips(r.Results)
	p.verdict(r)
	return p.Flush()
}

type printer struct {
	*bufio.Writer
	options Options
	texts   map[string]string
}

func (p *printer) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// The colours.
const (
	red   = "31"
	green = "32"
	bold  = "1"
)

func (p *printer) color(code, s string) string {
	if !p.options.Color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *printer) profile(name string, results []conformance.TestResult) {
	p.printf("%s: %d passed, %d failed, %d errored, %d skipped\n", p.color(bold, name), count(results, conformance.Passed),
		count(results, conformance.Failed), count(results, conformance.Errored), count(results, conformance.Skipped))
	shown := map[string]int{}
	for _, t := range results {
		if t.Status != conformance.Failed && t.Status != conformance.Errored {
			continue
		}
		kind := kindOf(t)
		if shown[kind]++; shown[kind] <= alike {
			p.failure(t)
		}
	}
	for _, kind := range slices.Sorted(keys(shown)) {
		if n := shown[kind] - alike; n > 0 {
			p.printf("\n  … and %d more: %s\n", n, kind)
		}
	}
}

// kindOf says what failures have in common that are shown together.
func kindOf(t conformance.TestResult) string {
	first := "no requirement"
	if len(t.Requirements) > 0 {
		first = t.Requirements[0]
	}
	return fmt.Sprintf("%s (%s)", first, t.Reason)
}

func keys(m map[string]int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (p *printer) failure(t conformance.TestResult) {
	p.printf("\n  %s %s\n", p.color(red, strings.ToUpper(string(t.Status))), t.ID)
	for _, id := range t.Requirements {
		p.printf("    %s %s\n", id, p.texts[id])
	}
	p.printf("    %s: %s\n", t.Reason, printable(t.Message))
	p.field("sent", t.Sent)
	p.field("expected", t.Expected)
	p.field("got", t.Got)
	p.field("repeat", t.Repeat)
}

func (p *printer) field(name, value string) {
	if value != "" {
		p.printf("    %-9s %s\n", name, printable(value))
	}
}

// skips tells what was not run, one line for each reason.
func (p *printer) skips(results []conformance.TestResult) {
	why := map[string]int{}
	for _, t := range results {
		if t.Status == conformance.Skipped {
			why[t.Message]++
		}
	}
	for _, message := range slices.Sorted(keys(why)) {
		p.printf("skipped %5d: %s\n", why[message], printable(message))
	}
}

func (p *printer) verdict(r *conformance.Report) {
	verdict := p.color(red, "DOES NOT CONFORM")
	if r.Conforms() {
		verdict = p.color(green, "CONFORMS")
	}
	s := r.Summary
	p.printf("%s: %s %s: %d passed, %d failed, %d errored, %d skipped\n", verdict, printable(r.Target.Name), printable(r.Target.Version), s.Passed, s.Failed, s.Errored, s.Skipped)
	if s.Failed == 0 && s.Errored == 0 && !r.Conforms() {
		p.printf("no test of a profile was executed\n")
	}
}

// longHex are runs that nobody reads to the end.
var longHex = regexp.MustCompile(`[0-9a-f]{100,}`)

// printable elides long hexadecimal values and escapes control characters.
func printable(s string) string {
	s = longHex.ReplaceAllStringFunc(s, func(h string) string {
		return fmt.Sprintf("%s…%s (%d bytes)", h[:32], h[len(h)-16:], len(h)/2)
	})
	var b strings.Builder
	for _, c := range s {
		if unicode.IsControl(c) || !unicode.IsPrint(c) && c != ' ' {
			fmt.Fprintf(&b, "\\u%04x", c)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

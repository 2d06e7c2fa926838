package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"

	"credence/conformance/verdict"
)

// ErrMalformed is the error of Read for anything but a report.
var ErrMalformed = errors.New("malformed report")

// JSON writes a report as indented JSON. Arrays are never null, no text is shortened, and there are no control
// characters but line feeds: a report can be shown as it is.
func JSON(w io.Writer, r *verdict.Report) error {
	text, err := marshal(r)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func marshal(r *verdict.Report) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(withoutNull(*r)); err != nil {
		return nil, err
	}
	return escapeUnprintable(b.Bytes()), nil
}

// withoutNull returns a copy of r in which every slice is set.
func withoutNull(r verdict.Report) verdict.Report {
	r.Target.Profiles = append([]string{}, r.Target.Profiles...)
	r.Target.ParameterSets = append([]string{}, r.Target.ParameterSets...)
	r.Results = append([]verdict.TestResult{}, r.Results...)
	for i := range r.Results {
		r.Results[i].Requirements = append([]string{}, r.Results[i].Requirements...)
	}
	if g := r.Gate; g != nil {
		r.Gate = &verdict.Gate{
			Passed: g.Passed, Known: append([]verdict.Excused{}, g.Known...),
			Flaky: append([]verdict.Excused{}, g.Flaky...), Problems: append([]string{}, g.Problems...),
		}
	}
	return r
}

// escapeUnprintable replaces what encoding/json leaves raw: DEL, the C1 controls, direction marks and the like, and the
// character for what is not UTF-8, which it writes in two ways. They can
// only be inside strings.
func escapeUnprintable(text []byte) []byte {
	var out []byte
	for _, r := range string(text) {
		switch {
		case r == '\n' || strconv.IsPrint(r) && r != utf8.RuneError:
			out = append(out, string(r)...)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// Read reads a report. It takes what JSON writes, whatever the whitespace and the order of the keys, and returns
// ErrMalformed for everything else: missing or unknown keys, null, more after the report, statuses or reasons that
// there are not, and a summary that is not that of the results.
func Read(r io.Reader) (*verdict.Report, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var rep verdict.Report
	if err := json.Unmarshal(text, &rep); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := sameForm(text, &rep); err != nil {
		return nil, err
	}
	return &rep, validate(&rep)
}

// sameForm compares a text with what JSON writes for it.
func sameForm(text []byte, rep *verdict.Report) error {
	again, err := marshal(rep)
	if err != nil {
		return err
	}
	read, err := generic(text)
	if err != nil {
		return err
	}
	written, err := generic(again)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(read, written) {
		return fmt.Errorf("%w: a key is missing, unknown or null", ErrMalformed)
	}
	return nil
}

func generic(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	return v, d.Decode(&v)
}

// outcomes are the reasons that a status can have.
var outcomes = map[verdict.Status][]verdict.Reason{
	verdict.Passed:  {""},
	verdict.Skipped: {verdict.Unsupported},
	verdict.Errored: {verdict.Crash, verdict.Hang, verdict.Protocol, verdict.Suite},
	verdict.Failed: {
		verdict.Protocol, verdict.Unsupported, verdict.Mismatch, verdict.AcceptedInvalid,
		verdict.RejectedValid, verdict.StateChanged, verdict.Exposed, verdict.Memory,
	},
}

func validate(r *verdict.Report) error {
	if r.Suite != "credence" {
		return fmt.Errorf("%w: suite %q", ErrMalformed, r.Suite)
	}
	var sum verdict.Summary
	seen := map[string]bool{}
	for _, t := range r.Results {
		switch {
		case t.ID == "" || seen[t.ID]:
			return fmt.Errorf("%w: the id %q is empty or used twice", ErrMalformed, t.ID)
		case !slices.Contains(outcomes[t.Status], t.Reason):
			return fmt.Errorf("%w: %s: status %q with reason %q", ErrMalformed, t.ID, t.Status, t.Reason)
		}
		seen[t.ID] = true
		*counter(&sum, t.Status)++
	}
	if sum != r.Summary {
		return fmt.Errorf("%w: the summary is not that of the results", ErrMalformed)
	}
	return nil
}

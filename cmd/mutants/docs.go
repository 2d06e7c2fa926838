package main

import (
	"bufio"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"text/template"

	"credence"
)

//go:embed docs.tmpl
var docsText string

// page is what docs.tmpl shows.
type page struct {
	Possible    int // changes that there are
	Packages    []tally
	Sum         tally
	Explained   []group // survivors, by the reason
	Unexplained []result
	Columns     []string // sets and roles
	Rules       []rule
	NotCited    []string // requirements that no line of the reference cites
	RulesSum    tally
	Holes       []result // rules whose absence is not seen somewhere
}

// tally counts the changes of a package.
type tally struct {
	Name                                              string
	Changes, Killed, Survived, Explained, Unbuildable int
	Minutes                                           float64 // of judging, one change after the other
}

func (t *tally) add(r result, reason string) {
	t.Changes++
	t.Minutes += r.Seconds / 60
	switch {
	case r.Fate == killed:
		t.Killed++
	case r.Fate == unviable:
		t.Unbuildable++
	case reason != "":
		t.Explained++
	default:
		t.Survived++
	}
}

// group is the survivors with one reason.
type group struct {
	Reason  string
	Changes []result
}

// rule is a requirement, and what is seen when it is taken away.
type rule struct {
	ID    string
	Cells []string // by column: "seen of taken away", or "" where it does not act
}

// writeDocs writes the results in files as Markdown.
func writeDocs(file string, results []string, changes *catalogue, known explained) error {
	all, err := readResults(results)
	if err != nil {
		return err
	}
	p := newPage(all, known)
	for _, c := range changes.changes {
		if changes.possible(c) {
			p.Possible++
		}
	}
	var out strings.Builder
	if err := template.Must(template.New("docs").Parse(docsText)).Execute(&out, p); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(out.String()), 0o644)
}

func readResults(files []string) (all []result, err error) {
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			var r result
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			all = append(all, r)
		}
		if err := lines.Err(); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b result) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), a.Line-b.Line, cmp.Compare(a.String(), b.String()))
	})
	return all, nil
}

func newPage(all []result, known explained) *page {
	p := &page{Sum: tally{Name: "all"}}
	packages, reasons := map[string]*tally{}, map[string][]result{}
	var rules []result
	for _, r := range all {
		if r.where != (where{}) {
			rules = append(rules, r)
			continue
		}
		reason := known.reason(r.change(), r.where)
		name := path.Base(path.Dir(r.Path))
		if packages[name] == nil {
			packages[name] = &tally{Name: name}
		}
		packages[name].add(r, reason)
		p.Sum.add(r, reason)
		switch {
		case !r.lives():
		case reason == "":
			p.Unexplained = append(p.Unexplained, r)
		default:
			reasons[reason] = append(reasons[reason], r)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		p.Packages = append(p.Packages, *packages[name])
	}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		p.Explained = append(p.Explained, group{reason, reasons[reason]})
	}
	p.addRules(rules, known)
	return p
}

// addRules fills the table of requirements.
func (p *page) addRules(results []result, known explained) {
	cells := map[string]map[string]*tally{}
	columns := map[string]bool{}
	for _, r := range results {
		reason := known.reason(r.change(), r.where)
		p.RulesSum.add(r, reason)
		if r.lives() && reason == "" {
			p.Holes = append(p.Holes, r)
		}
		column := cmp.Or(r.Set, r.Role)
		columns[column] = true
		for _, id := range r.Requirements {
			if cells[id] == nil {
				cells[id] = map[string]*tally{}
			}
			if cells[id][column] == nil {
				cells[id][column] = &tally{}
			}
			cells[id][column].add(r, reason)
		}
	}
	p.Columns = slices.Sorted(maps.Keys(columns))
	for _, r := range credence.Requirements() {
		row := rule{ID: r.ID}
		for _, column := range p.Columns {
			text := ""
			if t := cells[r.ID][column]; t != nil {
				text = fmt.Sprintf("%d of %d", t.Killed, t.Changes-t.Explained)
			}
			row.Cells = append(row.Cells, text)
		}
		if cells[r.ID] == nil {
			p.NotCited = append(p.NotCited, r.ID)
			continue
		}
		p.Rules = append(p.Rules, row)
	}
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"credence/cmd/internal/overlay"
)

// mutated are the packages that are changed: the chapters of SPEC.md.
var mutated = []string{
	"account", "ambassador", "channel", "codec", "conversation", "params", "postoffice", "primitive", "ratchet",
	"session", "wire", "x3dh", "xeddsa",
}

// elsewhere are files that no target runs: what attackers use, and what checks a set before it is used.
var elsewhere = []string{"reference/wire/edit.go", "reference/params/validate.go"}

// catalogue numbers changes and sites.
type catalogue struct {
	changes []*change
	keys    map[string]int // how many changes read the same
	sites   int
	of      map[int][]int // the sites of each change; none for one that does not build
}

func (c *catalogue) add(m *change) int {
	m.id = len(c.changes) + 1
	key := m.key()
	if c.keys[key]++; c.keys[key] > 1 {
		m.nth = c.keys[key]
	}
	c.changes = append(c.changes, m)
	return m.id
}

// possible reports whether a change can be switched on or built.
func (c *catalogue) possible(m *change) bool { return len(c.of[m.id]) > 0 }

func (c *catalogue) site() int {
	c.sites++
	return c.sites - 1
}

// source is a file of the reference.
type source struct {
	path    string
	code    string
	fset    *token.FileSet
	file    *ast.File
	pkg     *types.Package
	imports map[string]string // names of packages in this file, by path
}

func newSource(fset *token.FileSet, file *ast.File, path, code string) *source {
	s := &source{path: path, code: code, fset: fset, file: file, imports: map[string]string{}}
	for _, i := range file.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		s.imports[path] = path[strings.LastIndex(path, "/")+1:]
	}
	return s
}

func (s *source) offset(p token.Pos) int  { return s.fset.Position(p).Offset }
func (s *source) line(p token.Pos) int    { return s.fset.Position(p).Line }
func (s *source) text(n ast.Node) string  { return s.code[s.offset(n.Pos()):s.offset(n.End())] }
func (s *source) short(n ast.Node) string { return brief(s.text(n)) }

// instrumented is a file with switches.
type instrumented struct {
	*source
	sites []*site
	text  string
}

// importers returns an importer that reads what the Go command has compiled.
func importers(fset *token.FileSet) (types.Importer, error) {
	out, err := exec.Command(
		"go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}",
		"./shims/reference", "./cmd/mutants/active",
	).Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			exports[path] = file
		}
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	return importer.ForCompiler(fset, "gc", open), nil
}

// instrument reads the reference, and puts a switch at every site.
func instrument() (all *catalogue, files []*instrumented, err error) {
	fset := token.NewFileSet()
	imp, err := importers(fset)
	if err != nil {
		return nil, nil, err
	}
	all = &catalogue{keys: map[string]int{}, of: map[int][]int{}}
	for _, name := range mutated {
		sources, info, err := load(fset, imp, name)
		if err != nil {
			return nil, nil, err
		}
		var of []*instrumented
		for _, s := range sources {
			f := &finder{source: s, info: info, sites: map[[3]int]*site{}, all: all}
			f.find(s.file)
			of = append(of, &instrumented{source: s, sites: f.sorted()})
		}
		if err := settle(imp, name, of); err != nil {
			return nil, nil, err
		}
		files = append(files, of...)
	}
	all.place(files)
	return all, files, nil
}

// place notes the sites of each change. Of what declares a constant, these are all sites of its package.
func (c *catalogue) place(files []*instrumented) {
	packages := map[string][]int{}
	for _, f := range files {
		for _, s := range f.sites {
			for _, w := range s.ways {
				c.of[w.change] = append(c.of[w.change], s.id)
			}
			packages[filepath.Dir(f.path)] = append(packages[filepath.Dir(f.path)], s.id)
		}
	}
	for _, m := range c.changes {
		if m.constant != "" {
			c.of[m.id] = packages[filepath.Dir(m.path)]
		}
	}
}

// load parses and checks a package of the reference.
func load(fset *token.FileSet, imp types.Importer, name string) (sources []*source, info *types.Info, err error) {
	paths, err := filepath.Glob(filepath.Join("reference", name, "*.go"))
	if err != nil {
		return nil, nil, err
	}
	var parsed []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || slices.Contains(elsewhere, path) {
			continue
		}
		code, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		file, err := parser.ParseFile(fset, path, code, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return nil, nil, err
		}
		parsed = append(parsed, file)
		sources = append(sources, newSource(fset, file, path, string(code)))
	}
	info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	pkg, err := (&types.Config{Importer: imp}).Check("credence/reference/"+name, fset, parsed, info)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range sources {
		s.pkg = pkg
	}
	return sources, info, nil
}

// sorted returns the sites of a file, those outside before those inside.
func (f *finder) sorted() (sites []*site) {
	for _, s := range f.sites {
		sites = append(sites, s)
	}
	slices.SortFunc(sites, func(a, b *site) int {
		switch {
		case a.from != b.from:
			return a.from - b.from
		case a.form == before || b.form == before:
			return int(b.form) - int(a.form)
		case a.to != b.to:
			return b.to - a.to
		}
		return int(b.form) - int(a.form)
	})
	return sites
}

// settle writes the files of a package with switches, and gives up every site at which the result does not build.
func settle(imp types.Importer, name string, files []*instrumented) error {
	for range 50 {
		fset := token.NewFileSet()
		var parsed []*ast.File
		for _, f := range files {
			f.write()
			file, err := parser.ParseFile(fset, f.path, f.text, parser.SkipObjectResolution)
			if err != nil {
				return fmt.Errorf("%s with switches: %w", f.path, err)
			}
			parsed = append(parsed, file)
		}
		wrong := 0
		config := types.Config{Importer: imp, Error: func(err error) {
			var e types.Error
			if errors.As(err, &e) {
				wrong++
				at := fset.Position(e.Pos)
				for _, f := range files {
					if f.path == at.Filename && !f.giveUp(at.Offset) {
						wrong = -1 << 20
					}
				}
			}
		}}
		_, err := config.Check("credence/reference/"+name, fset, parsed, nil)
		if err == nil {
			return nil
		}
		if wrong <= 0 {
			return fmt.Errorf("reference/%s with switches: %w", name, err)
		}
	}
	return fmt.Errorf("reference/%s with switches does not build", name)
}

// giveUp drops the innermost site around an offset of the text with switches. It returns false if there is none.
func (f *instrumented) giveUp(offset int) bool {
	i := f.innermost(offset)
	if i < 0 {
		return false
	}
	f.sites = slices.Delete(f.sites, i, i+1)
	return true
}

// innermost finds, by the number that a switch begins with, the site whose switch is the last that is open at an
// offset.
func (f *instrumented) innermost(offset int) int {
	depth := 0
	for at := offset; at >= 0; at-- {
		switch {
		case strings.HasPrefix(f.text[at:], closing):
			depth++
		case strings.HasPrefix(f.text[at:], opening):
			if depth > 0 {
				depth--
				continue
			}
			var id int
			_, _ = fmt.Sscanf(f.text[at+len(opening):], "%d", &id)
			return slices.IndexFunc(f.sites, func(s *site) bool { return s.id == id })
		}
	}
	return -1
}

// A switch stands between these comments, the first of them with the number of its site.
const (
	opening = "/*{"
	closing = "/*}*/"
)

// write writes the text with switches.
func (f *instrumented) write() {
	var out bytes.Buffer
	f.render(&out, 0, len(f.code), f.sites)
	text := f.roles(out.String())
	if len(f.sites) > 0 {
		name := "package " + f.file.Name.Name
		text = strings.Replace(text, name+"\n", name+"\n\nimport \"credence/cmd/mutants/active\"\n", 1)
	}
	f.text = text
}

// role says in the instrumented package which role a device has (SPEC.md 9.1).
const role = `
func (d *Device) roleNow() string {
	switch {
	case d.accountKey != nil:
		return "leader"
	case d.keys != nil:
		return "companion"
	case d.list != nil:
		return "pending"
	}
	return "new"
}
`

// method is how an exported method of a device begins.
var method = regexp.MustCompile(`(?m)^func \(d \*Device\) [A-Z].*\{$`)

// roles makes the methods of a device say that a device of its role works.
func (f *instrumented) roles(text string) string {
	if !strings.HasPrefix(f.path, "reference/ambassador/") {
		return text
	}
	text = method.ReplaceAllString(text, "$0\n\tdefer active.As(d.roleNow())()")
	if strings.HasSuffix(f.path, "/device.go") {
		text += role
	}
	return text
}

// render writes a part of the code with the switches of the sites in it.
func (f *instrumented) render(out *bytes.Buffer, from, to int, sites []*site) {
	for len(sites) > 0 {
		s := sites[0]
		inner := 1
		for inner < len(sites) && s.to > s.from && sites[inner].from < s.to {
			inner++
		}
		out.WriteString(f.code[from:s.from])
		var body bytes.Buffer
		f.render(&body, s.from, s.to, sites[1:inner])
		s.write(out, body.String())
		from, sites = s.to, sites[inner:]
	}
	out.WriteString(f.code[from:to])
}

// write writes the switch of a site around its code.
func (s *site) write(out *bytes.Buffer, body string) {
	fmt.Fprintf(out, "%s%d*/", opening, s.id)
	defer out.WriteString(closing)
	switch s.form {
	case before:
		for _, w := range s.ways {
			fmt.Fprintf(out, "if active.At(%d) == %d { %s }; ", s.id, w.change, w.text)
		}
	case statement:
		var off []string
		for _, w := range s.ways {
			off = append(off, strconv.Itoa(w.change))
		}
		fmt.Fprintf(out, "if active.None(%d, %s) { %s }", s.id, strings.Join(off, ", "), body)
	case value:
		fmt.Fprintf(out, "func() %s { switch active.At(%d) {", s.typ, s.id)
		for _, w := range s.ways {
			fmt.Fprintf(out, " case %d: return %s;", w.change, w.text)
		}
		fmt.Fprintf(out, " }; return %s }()", body)
	}
}

// build builds the reference shim with other texts of files.
func build(dir string, texts map[string]string) (binary string, err error) {
	replace := map[string]string{}
	for path, text := range texts {
		copied := filepath.Join(dir, strings.ReplaceAll(path, "/", "_"))
		if err := os.WriteFile(copied, []byte(text), 0o644); err != nil {
			return "", err
		}
		replace[path] = copied
	}
	return overlay.Build(dir, replace)
}

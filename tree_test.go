package credence_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mayImport says of each part of the tree, from the bottom, which parts of ours it may import. A part is a package with
// those below it; the longest name that fits counts. Every part may import itself. Tests may import what they like.
var mayImport = []struct {
	part string
	of   []string
}{
	{"credence", nil},
	{"credence/spec", nil},
	{"credence/shim", []string{"credence/spec"}},
	{"credence/vectors", []string{"credence/shim", "credence/spec"}},
	{"credence/reference", []string{"credence/spec"}},
	{"credence/internal/malicious", []string{"credence/reference", "credence/spec"}},
	{"credence/shims/reference", []string{"credence/reference", "credence/shim", "credence/spec"}},

	{"credence/conformance/scenario", []string{"credence/shim", "credence/spec"}},
	{"credence/conformance/verdict", []string{"credence/conformance/scenario", "credence/spec"}},
	{"credence/conformance/zoo", []string{"credence"}},
	{"credence/conformance/internal/adversary", []string{"credence/conformance/verdict"}},
	{"credence/conformance/internal/suite", []string{
		"credence/conformance/scenario", "credence/conformance/verdict", "credence/reference/params", "credence/shim",
		"credence/spec",
	}},
	{"credence/conformance/internal/probe", suiteAnd()},
	{"credence/conformance/internal/kat", suiteAnd("credence/vectors")},
	{"credence/conformance/internal/pair", suiteAnd()},
	{"credence/conformance/internal/world", suiteAnd()},
	{"credence/conformance/internal/live", suiteAnd(
		"credence/conformance/internal/pair", "credence/conformance/internal/world", "credence/internal/malicious",
	)},
	{"credence/conformance/internal/schedule", suiteAnd(
		"credence/conformance/internal/adversary", "credence/conformance/internal/pair",
		"credence/conformance/internal/world",
		"credence/internal/malicious",
	)},
	{"credence/conformance/internal/replay", suiteAnd("credence/conformance/internal/schedule")},
	{"credence/conformance/internal/player", suiteAnd("credence/conformance/internal/replay")},
	{"credence/conformance/internal/properties", suiteAnd("credence/conformance/internal/schedule")},
	{"credence/conformance/internal/search", suiteAnd("credence/conformance/internal/schedule")},
	{"credence/conformance/internal/campaign", suiteAnd(
		"credence/conformance/internal/player", "credence/conformance/internal/schedule",
	)},
	{"credence/conformance/internal/random", suiteAnd(
		"credence/conformance/internal/player", "credence/conformance/internal/schedule",
	)},
	{"credence/conformance/internal/runner", suiteAnd()},
	{"credence/conformance/internal/catalog", suiteAnd(
		"credence/conformance/internal/kat", "credence/conformance/internal/live",
		"credence/conformance/internal/probe",
		"credence/conformance/internal/properties", "credence/vectors",
	)},
	{"credence/conformance/conformancetest", suiteAnd("credence/conformance/internal/catalog")},
	{"credence/conformance", suiteAnd("credence/conformance/internal", "credence/vectors")},

	{"credence/study", []string{"credence/reference", "credence/spec"}},
	{"credence/report", []string{
		"credence", "credence/conformance/scenario", "credence/conformance/verdict", "credence/study/claims",
	}},
	{"credence/fuzz", []string{"credence"}},
	{"credence/cmd/vecgen", []string{
		"credence/internal/malicious", "credence/reference", "credence/shim", "credence/shims/reference",
		"credence/spec",
		"credence/vectors",
	}},
	{"credence/cmd", []string{
		"credence", "credence/conformance", "credence/conformance/scenario", "credence/conformance/verdict",
		"credence/conformance/zoo", "credence/report", "credence/shim", "credence/shims/reference", "credence/spec",
		"credence/study", "credence/vectors",
	}},
}

// suiteAnd is what every test of the suite may import, and more.
func suiteAnd(more ...string) []string {
	return append([]string{
		"credence/conformance/internal/suite", "credence/conformance/scenario", "credence/conformance/verdict",
		"credence/reference", "credence/shim", "credence/shims/reference/adapter", "credence/spec",
	}, more...)
}

// within reports whether a package is a part or below it. The root package has nothing below it.
func within(pkg, part string) bool {
	return pkg == part || part != "credence" && strings.HasPrefix(pkg, part+"/")
}

// misplaced returns why a package must not import another one, or "".
func misplaced(pkg, imported string) string {
	best := -1
	for i, rule := range mayImport {
		if within(pkg, rule.part) && (best < 0 || len(rule.part) > len(mayImport[best].part)) {
			best = i
		}
	}
	if best < 0 {
		return fmt.Sprintf("%s is in no part of the tree: give it a place in mayImport", pkg)
	}
	rule := mayImport[best]
	if within(imported, rule.part) ||
		slices.ContainsFunc(rule.of, func(part string) bool { return within(imported, part) }) {
		return ""
	}
	return fmt.Sprintf("%s must not import %s: of ours, %s may import %v", pkg, imported, rule.part, rule.of)
}

// Imports run one way: a package imports only what is below it.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Greater(t, len(lines), 40)
	for _, line := range lines {
		pkg, imports, _ := strings.Cut(line, " ")
		for _, imported := range strings.Fields(imports) {
			if within(imported, "credence") || strings.HasPrefix(imported, "credence/") {
				require.Empty(t, misplaced(pkg, imported))
			}
		}
	}
}

// An arrow that runs back is seen, and a package without a place.
func TestImportsAwake(t *testing.T) {
	for _, wrong := range [][2]string{
		{"credence/reference/ratchet", "credence/shim"}, {"credence/shim", "credence/reference/wire"},
		{"credence/vectors", "credence/reference/params"},
		{"credence/conformance/internal/suite", "credence/conformance"},
		{"credence/conformance/internal/adversary", "credence/reference/wire"},
		{"credence/conformance/internal/adversary/structures", "credence/reference/codec"},
		{"credence/conformance/internal/pair", "credence/conformance/internal/world"},
		{"credence/study/claims", "credence/report"},
		{"credence/cmd/credence", "credence/internal/malicious"}, {"credence/other", "credence"},
	} {
		require.NotEmpty(t, misplaced(wrong[0], wrong[1]), wrong)
	}
}

// What the files and functions of the tree may measure, in lines, and lines in characters.
const (
	longestFile     = 600
	longestFunction = 80
	longestLine     = 120
	medianFunction  = 10
)

// tables are the files and functions that are tables, and may be as long as they need.
var tables = map[string]string{
	"conformance/self_test.go:TestLiars":        "a lie of a target each, and what the suite says of it",
	"conformance/verdict/gate_test.go:TestGate": "a gate each, and its outcome",
	"cmd/vecgen/ambassador.go:neighbours":       "a rule of each structure, and what breaks it",
}

// size is the number of lines of something.
type size struct {
	name  string
	lines int
}

// measured are the sizes of the tree.
type measured struct{ files, functions, lines []size }

// measure measures the Go files of the module, tests included.
func measure(t *testing.T) (m measured) {
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"build", ".git", "node_modules", "testdata"}, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		return m.file(path)
	}))
	return m
}

// file measures one file.
func (m *measured) file(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	m.files = append(m.files, size{path, len(lines)})
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, text, 0)
	if err != nil {
		return err
	}
	raw := rawLines(set, file)
	for i, line := range lines {
		if !raw[i+1] {
			n := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
			m.lines = append(m.lines, size{fmt.Sprintf("%s:%d", path, i+1), n})
		}
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
			n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1
			m.functions = append(m.functions, size{path + ":" + f.Name.Name, n})
		}
	}
	return nil
}

// rawLines returns the lines that hold a raw string: its text is somebody else's to break.
func rawLines(set *token.FileSet, file *ast.File) map[int]bool {
	lines := map[int]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.BasicLit); ok && strings.HasPrefix(s.Value, "`") {
			for i := set.Position(s.Pos()).Line; i <= set.Position(s.End()).Line; i++ {
				lines[i] = true
			}
		}
		return true
	})
	return lines
}

// over returns what is larger than a limit and no table, the largest first.
func over(sizes []size, limit int) (found []string) {
	slices.SortStableFunc(sizes, func(a, b size) int { return b.lines - a.lines })
	for _, s := range sizes {
		if _, table := tables[s.name]; s.lines > limit && !table {
			found = append(found, fmt.Sprintf("%s: %d", s.name, s.lines))
		}
	}
	return found
}

// Files, functions and lines stay as short as one reads them in a sitting. `make sizes` prints the figures.
func TestSizes(t *testing.T) {
	m := measure(t)
	files, functions, lines := over(m.files, longestFile), over(m.functions, longestFunction), over(
		m.lines, longestLine,
	)
	median := m.functions[len(m.functions)/2].lines
	t.Logf("%d files, the longest %s with %d lines", len(m.files), m.files[0].name, m.files[0].lines)
	t.Logf("%d functions, median %d lines, the longest %s with %d", len(m.functions), median, m.functions[0].name,
		m.functions[0].lines)
	t.Logf("the longest line, %s, has %d characters", m.lines[0].name, m.lines[0].lines)
	require.LessOrEqual(t, median, medianFunction)
	assert.Empty(t, files, "files of more than %d lines", longestFile)
	assert.Empty(t, functions, "functions of more than %d lines", longestFunction)
	assert.Empty(t, lines, "lines of more than %d characters", longestLine)
	for name := range tables {
		require.FileExists(t, strings.Split(name, ":")[0], "a table that is gone")
	}
}

package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const sample = `package f

import "errors"

var bad = errors.New("bad")

type state struct{ n, pn uint32; key [4]byte }

const limit = 5

// g is AMB-RAT-01.
func (s *state) g(n uint32, key [4]byte) error {
	if n > limit || key != s.key { // AMB-RAT-02
		return bad
	}
	s.n = n
	swap(n, s.pn)
	return check(n)
}

func swap(a, b uint32) {}

func check(n uint32) error { return nil }
`

// found returns the changes of the sample, and the sample with switches.
func found(t *testing.T) (all *catalogue, file *instrumented) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, "f.go", sample, parser.SkipObjectResolution|parser.ParseComments)
	require.NoError(t, err)
	imp, err := importers(fset)
	require.NoError(t, err)
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	pkg, err := (&types.Config{Importer: imp}).Check("f", fset, []*ast.File{parsed}, info)
	require.NoError(t, err)
	all = &catalogue{keys: map[string]int{}, of: map[int][]int{}}
	s := newSource(fset, parsed, "f.go", sample)
	s.pkg = pkg
	f := &finder{source: s, info: info, sites: map[[3]int]*site{}, all: all}
	f.find(parsed)
	file = &instrumented{source: s, sites: f.sorted()}
	require.NoError(t, settle(imp, "f", []*instrumented{file}))
	return all, file
}

// Every kind of change is found, with its requirement.
func TestFind(t *testing.T) {
	t.Chdir("../..")
	all, file := found(t)
	var changes []string
	for _, c := range all.changes {
		changes = append(changes, c.what()+" "+strings.Join(c.requirements, " "))
	}
	slices.Sort(changes)
	require.Equal(t, []string{
		"`5` becomes `5 + 1` ", "`5` becomes `5 - 1` ",
		"`check(n)` has its error dropped AMB-RAT-01",
		"`key != s.key` leaves out all but the first byte AMB-RAT-02",
		"`key != s.key` leaves out the first byte AMB-RAT-02",
		"`key != s.key` leaves out the last bit AMB-RAT-02",
		"`key != s.key` leaves out the last byte AMB-RAT-02",
		"`n > limit || key != s.key` becomes `key != s.key` AMB-RAT-02",
		"`n > limit || key != s.key` becomes `n > limit` AMB-RAT-02",
		"`n > limit || key != s.key` counts as false AMB-RAT-02",
		"`n > limit || key != s.key` counts as true AMB-RAT-02",
		"`n > limit` becomes `n >= limit` AMB-RAT-02",
		"`n` has the bits of a uint16 (2) AMB-RAT-01", "`n` has the bits of a uint16 (3) AMB-RAT-01",
		"`n` has the bits of a uint16 AMB-RAT-01",
		"`n` has the bits of a uint8 (2) AMB-RAT-01", "`n` has the bits of a uint8 (3) AMB-RAT-01",
		"`n` has the bits of a uint8 AMB-RAT-01",
		"`s.n = n` is done before the check in front of it AMB-RAT-01", "`s.n = n` is left out AMB-RAT-01",
		"`s.pn` has the bits of a uint16 AMB-RAT-01", "`s.pn` has the bits of a uint8 AMB-RAT-01",
		"`swap(n, s.pn)` has `n` and `s.pn` swapped AMB-RAT-01", "`swap(n, s.pn)` is left out AMB-RAT-01",
	}, changes)
	require.Regexp(t, `if active\.At\(\d+\) == \d+ \{ s\.n = n \}; .*if`, file.text)
	require.Regexp(t, `if active\.None\(\d+, \d+, \d+\) \{ s\.n = .*\}`, file.text)
}

// What is explained, or has survived once, is still a change of the reference.
func TestExplained(t *testing.T) {
	t.Chdir("../..")
	all, _, err := instrument()
	require.NoError(t, err)
	known, err := readExplained()
	require.NoError(t, err)
	keys := map[string]bool{}
	for _, c := range all.changes {
		require.False(t, keys[c.key()], "two changes read %s", c.key())
		keys[c.key()] = true
	}
	for _, e := range known {
		require.NotEmpty(t, e.Reason)
		for _, p := range e.Changes {
			some := false
			for key := range keys {
				some = some || p.matches(key)
			}
			require.True(t, some, "explained.json explains no change: %s", p)
		}
	}
	for _, key := range slices.Concat(former, open) {
		require.True(t, keys[key], "former.txt or open.txt names a change that there is no more: %s", key)
	}
}

func TestPattern(t *testing.T) {
	require.True(t, pattern("a: `b` is *").matches("a: `b` is left out"))
	require.True(t, pattern("a*c*").matches("abcd"))
	require.True(t, pattern("abc").matches("abc"))
	require.False(t, pattern("a: `b` is *").matches("a: `c` is left out"))
	require.False(t, pattern("a*c*e").matches("abcd"))
	require.False(t, pattern("abc").matches("abcd"))
}

// A change that the tests see is killed. One that they do not see survives, is printed, and fails the run.
func TestJudge(t *testing.T) {
	t.Chdir("../..")
	out := filepath.Join(t.TempDir(), "results")
	page := filepath.Join(t.TempDir(), "page.md")
	change := "^reference/xeddsa/xeddsa.go.* Verify: `!bytes.Equal.*counts as false"
	for _, c := range []struct {
		tests string
		code  int
		said  string
		page  string
	}{
		{"^xeddsa/signal-v3/verify/", 0, "1 changes in .*: 1 killed, 0 survived", "| **all** | 1 | 1 | 0 | 0 | 0 |"},
		{"^xeddsa/signal-v3/sign/", 1, "UNREACHED reference/xeddsa/xeddsa.go", "| **all** | 1 | 0 | 0 | 1 | 0 |"},
	} {
		var stdout, stderr bytes.Buffer
		args := []string{"-run", change, "-tests", c.tests, "-out", out}
		require.Equal(t, c.code, run(args, &stdout, &stderr), &stderr)
		require.Regexp(t, c.said, stdout.String())
		require.Zero(t, run([]string{"-docs", page, out}, &stdout, &stderr), &stderr)
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		require.Contains(t, string(text), c.page)
	}
	require.Equal(t, 2, run([]string{"-run", "("}, io.Discard, io.Discard))
}

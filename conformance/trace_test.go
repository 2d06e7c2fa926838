package conformance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence"
	"credence/conformance"
)

// Every requirement has a test, and no test names a requirement that SPEC.md lacks.
func TestTraceability(t *testing.T) {
	tests, err := conformance.List(nil)
	require.NoError(t, err)
	count := map[string]int{}
	for _, r := range credence.Requirements() {
		require.NotContains(t, count, r.ID, "a requirement id stands twice in SPEC.md")
		count[r.ID] = 0
	}
	seen := map[string]bool{}
	for _, test := range tests {
		require.False(t, seen[test.ID], "two tests have the id %s", test.ID)
		seen[test.ID] = true
		require.NotEmpty(t, test.Comment, test.ID)
		for _, id := range test.Requirements {
			require.Contains(t, count, id, "test %s names a requirement that SPEC.md lacks", test.ID)
			count[id]++
		}
	}
	for id, n := range count {
		require.Positive(t, n, "%s has no test", id)
	}
}

var (
	seedRow     = regexp.MustCompile(`(?m)^\| \d+ \|.*\|$`)
	seedID      = regexp.MustCompile(`AMB-[A-Z0-9]{3}-[0-9]{2}`)
	seedTest    = regexp.MustCompile("`([a-z0-9/-]+/[a-z0-9/-]+|[a-z]+\\.Test[A-Za-z]+)`")
	seedVerdict = regexp.MustCompile(`^(as stated|with conditions|does not hold|not examined)`)
)

// Every claim of docs/seed.md has a verdict, and what it names is there.
func TestSeed(t *testing.T) {
	text, err := os.ReadFile("../docs/seed.md")
	require.NoError(t, err)
	tests, err := conformance.List(nil)
	require.NoError(t, err)
	known := map[string]bool{}
	for _, test := range tests {
		known[test.ID] = true
	}
	for _, r := range credence.Requirements() {
		known[r.ID] = true
	}
	for _, dir := range []string{"../reference/client", "../study/design"} {
		name := filepath.Base(dir)
		files, err := filepath.Glob(dir + "/*_test.go")
		require.NoError(t, err)
		for _, file := range files {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)`).FindAllStringSubmatch(string(source), -1) {
				known[name+"."+m[1]] = true
			}
		}
	}
	rows := seedRow.FindAllString(string(text), -1)
	require.Greater(t, len(rows), 40)
	for i, row := range rows {
		cells := strings.Split(row, " | ")
		require.True(t, strings.HasPrefix(row, fmt.Sprintf("| %d |", i+1)), "row %d: %s", i+1, row)
		require.Regexp(t, seedVerdict, cells[len(cells)-1], row)
		for _, id := range seedID.FindAllString(row, -1) {
			require.True(t, known[id], "row %d names %s, which does not exist", i+1, id)
		}
		named := seedTest.FindAllStringSubmatch(row, -1)
		require.True(t, len(named) > 0 || strings.Contains(row, "not examined"), "row %d has no test", i+1)
		for _, m := range named {
			require.True(t, known[m[1]], "row %d names the test %s, which does not exist", i+1, m[1])
		}
	}
}

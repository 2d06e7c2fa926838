package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/stretchr/testify/require"
)

// commandLine is a line of a code block in the docs, without prompt and comment.
var commandLine = regexp.MustCompile(`(?m)^    ((?:[A-Z_]+='[^']*' )?(?:(?:build/)?credence|make|go) .*?)(?:  +#.*)?$`)

// Every command in the docs runs: with a shim, a file and a short time in the place of the reader's. Docs that are
// about other machines say themselves what was tried.
func TestDocs(t *testing.T) {
	var docs []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../shims/*/*.md", "../../vectors/*.md"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		docs = append(docs, paths...)
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	shim := filepath.Join(t.TempDir(), "shim")
	out, err := exec.Command(
		"go", "build", "-C", filepath.Join(root, "shims/reference"), "-o", shim, ".",
	).CombinedOutput()
	require.NoError(t, err, string(out))
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "known.json"), []byte("{}"), 0o600))
	scenario, err := filepath.Abs("../../fuzz/regressions/race-with-a-commit-under-way.json")
	require.NoError(t, err)
	t.Chdir(dir)
	seen := 0
	for _, path := range docs {
		if filepath.Base(path) == "fuzzing-at-scale.md" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, "cmd/credence", path))
		require.NoError(t, err)
		for _, m := range commandLine.FindAllStringSubmatch(string(text), -1) {
			seen++
			t.Run(filepath.Base(path)+" "+m[1], func(t *testing.T) { runDocumented(t, root, shim, scenario, m[1]) })
		}
	}
	require.Greater(t, seen, 12)
}

func runDocumented(t *testing.T, root, shim, scenario, line string) {
	words, err := shlex.Split(line)
	require.NoError(t, err)
	for strings.Contains(words[0], "=") {
		words = words[1:]
	}
	switch filepath.Base(words[0]) {
	case "make":
		words = append(words, "-n", "-C", root)
		out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
		require.NoError(t, err, string(out))
	case "go":
		if i := slices.Index(words, "-fuzz"); i >= 0 {
			out, err := exec.Command("go", "test", "-C", root, "./fuzz", "-list", "^"+words[i+1]+"$").CombinedOutput()
			require.NoError(t, err, string(out))
			require.Contains(t, string(out), words[i+1])
		}
	case "credence":
		switch words[1] {
		case "doctor":
			shim = badShimCommand(t, "dies on every third request") // it stops early there
		case "init":
			t.Chdir(t.TempDir())
		}
		status, stdout, stderr := credenceRun(documented(words[1:], shim, scenario)...)
		require.Contains(t, []int{conforms, doesNotConform}, status, stdout+stderr)
	}
}

// documented puts what is there in the place of what the docs leave to the reader, and makes it short.
func documented(args []string, shim, scenario string) []string {
	for i := range args {
		switch {
		case i > 0 && args[i-1] == "--shim":
			args[i] = shim
		case i > 0 && args[i-1] == "--time":
			args[i] = "1s"
		case args[i] == "FILE" || strings.HasPrefix(args[i], "credence-failures/"):
			args[i] = scenario
		case args[i] == "ID":
			args[i] = "AMB-RAT-12"
		}
	}
	if args[0] == "run" && !slices.Contains(args, "--run") {
		args = append(args, "--run", "^xeddsa/ambassador-v1/sign/")
	}
	return args
}

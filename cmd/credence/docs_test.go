package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/stretchr/testify/require"
)

// commandLine is a line of a code block in the documents, without its comment.
var commandLine = regexp.MustCompile(`(?m)^    ((?:[A-Z_]+='[^']*' )?(?:(?:build/)?credence|make|go) .*?)(?:  +#.*)?$`)

// documented is a command of a document, with what has to come of it.
type documented struct {
	doc, command string
	instead      []string // pairs: what the reader fills in or what takes long, and what is run instead
	status       int
	says         string // what it prints, among other things
}

// Placeholders in documented.instead.
const (
	theShim     = "THE-SHIM"     // the reference over the shim protocol, built as its README says
	theScenario = "THE-SCENARIO" // a scenario of fuzz/regressions
)

var yourShim = []string{"path/to/your-shim", theShim}

// some makes a run of the suite short: the known answers of one profile.
const some = " --run ^xeddsa/ambassador-v1/sign/"

// documentedCommands are all commands of the documents, in their order.
var documentedCommands = []documented{
	{"README.md", "make conformance", nil, 0, "credence run --shim build/shims/reference"},
	{"README.md", "make test", nil, 0, "go test -timeout 30m ./..."},
	{"README.md", "make build", nil, 0, "go build -o"},
	{"README.md", "build/credence init python my-shim", nil, conforms, "my-shim"},
	{"README.md", "build/credence run --shim 'path/to/your-shim --its-arguments'",
		[]string{"'path/to/your-shim --its-arguments'", theShim + some}, conforms, "\nCONFORMS"},
	{"docs/fuzzing.md", "credence fuzz --shim 'path/to/your-shim' --time 10m --corpus my-corpus",
		append([]string{"10m", "1s"}, yourShim...), conforms, "executions"},
	{"docs/fuzzing.md",
		"credence replay --shim 'path/to/your-shim' credence-failures/ratchet-olm-v1-fuzz-223e5941.json",
		append([]string{"credence-failures/ratchet-olm-v1-fuzz-223e5941.json", theScenario}, yourShim...), conforms,
		"alice"},
	{"docs/fuzzing.md", "make fuzz", nil, 0, "go test ./fuzz -run"},
	{"docs/fuzzing.md", "go test ./fuzz -run '^$' -fuzz FuzzMail -fuzztime 1h -fuzzminimizetime 1s",
		[]string{"1h", "10x"}, 0, "fuzz: elapsed"},
	{"docs/fuzzing.md", "CREDENCE_SHIM='path/to/your-shim' go test ./fuzz -run '^$' -fuzz FuzzRatchetSchedules",
		append([]string{"FuzzRatchetSchedules", "FuzzRatchetSchedules -fuzztime 5x"}, yourShim...), 0, "fuzz: elapsed"},
	{"docs/scenarios.md", "credence replay --target reference FILE", []string{"FILE", theScenario}, conforms, "alice"},
	{"docs/scenarios.md", "credence replay --shim 'COMMAND ARGS' FILE",
		[]string{"COMMAND ARGS", theShim, "FILE", theScenario}, conforms, "alice"},
	{"docs/tutorial.md", "credence init python my-shim", nil, conforms, "my-shim"},
	{"docs/tutorial.md", "credence doctor --shim 'python3 my-shim/shim.py'", nil, conforms,
		"next: xeddsa: to have it, answer xeddsa.sign, xeddsa.verify"},
	// The reader's shim has two operations by now and fails one test. Here it is still the skeleton, in which nothing
	// is passed.
	{"docs/tutorial.md", "credence run --shim 'python3 my-shim/shim.py' --profile xeddsa", nil, doesNotConform,
		"DOES NOT CONFORM: my library 0: "},
	{"docs/tutorial.md", "credence fuzz --shim 'python3 my-shim/shim.py' --time 10m",
		[]string{"python3 my-shim/shim.py", theShim, "10m", "1s"}, conforms, "executions"},
	{"docs/verdicts.md", "credence run --shim 'path/to/your-shim'",
		[]string{"'path/to/your-shim'", theShim + some}, conforms, "\nCONFORMS"},
	{"docs/verdicts.md", "credence run --shim '…' --known-failures known.json",
		[]string{"'…'", theShim + some}, conforms, "GATE PASSED"},
	{"shims/reference/README.md", "go build -C shims/reference -o ../../build/shims/reference .",
		[]string{"../../build/shims/reference", theShim}, 0, ""},
	{"shims/reference/README.md", "credence run --shim build/shims/reference",
		[]string{"build/shims/reference", theShim + some}, conforms, "\nCONFORMS: Credence reference"},
}

// The documents have the commands of the list and no others. fuzzing-at-scale.md is about other machines, and says
// itself what was tried.
func TestDocumentedCommands(t *testing.T) {
	var want, have []string
	for _, d := range documentedCommands {
		want = append(want, d.doc+": "+d.command)
	}
	for _, pattern := range []string{"*.md", "docs/*.md", "shims/*/*.md", "vectors/*.md"} {
		paths, err := filepath.Glob(filepath.Join(repository, pattern))
		require.NoError(t, err)
		for _, path := range paths {
			if filepath.Base(path) != "fuzzing-at-scale.md" {
				have = append(have, commandsOf(t, path)...)
			}
		}
	}
	require.ElementsMatch(t, want, have)
}

func commandsOf(t *testing.T, path string) (commands []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	doc, err := filepath.Rel(repository, path)
	require.NoError(t, err)
	for _, m := range commandLine.FindAllStringSubmatch(string(text), -1) {
		commands = append(commands, filepath.ToSlash(doc)+": "+m[1])
	}
	return commands
}

// Every command of the documents does what they say, the commands of one document one after the other in one directory.
func TestDocs(t *testing.T) {
	shim := filepath.Join(built, "reference")
	out, err := exec.Command(
		"go", "build", "-C", filepath.Join(repository, "shims/reference"), "-o", shim, ".",
	).CombinedOutput()
	require.NoError(t, err, string(out))
	scenario := filepath.Join(repository, "fuzz/regressions/race-with-a-commit-under-way.json")
	directories := map[string]string{}
	for _, d := range documentedCommands {
		if directories[d.doc] == "" {
			directories[d.doc] = t.TempDir()
		}
		t.Run(d.doc+" "+d.command, func(t *testing.T) {
			t.Chdir(directories[d.doc])
			line := strings.NewReplacer(d.instead...).Replace(d.command)
			d.run(t, strings.NewReplacer(theShim, shim, theScenario, scenario).Replace(line))
		})
	}
}

func (d documented) run(t *testing.T, line string) {
	words, err := shlex.Split(line)
	require.NoError(t, err)
	var env []string
	for strings.Contains(words[0], "=") {
		env, words = append(env, words[0]), words[1:]
	}
	var status int
	var output string
	switch words[0] {
	case "make":
		status, output = makeTarget(t, words[1])
	case "go":
		status, output = execute(t, repository, env, words...)
	case "build/credence":
		status, output = execute(t, ".", env, append([]string{buildCredence(t)}, words[1:]...)...)
	default:
		prepare(t, line)
		var stdout, stderr string
		status, stdout, stderr = credenceRun(words[1:]...)
		output = stdout + stderr
	}
	require.Equal(t, d.status, status, output)
	require.Contains(t, output, d.says)
}

// makeTarget builds the command for "build". The other targets take minutes: their recipes are printed, and CI has to
// run them.
func makeTarget(t *testing.T, target string) (status int, output string) {
	t.Helper()
	if target == "build" {
		out, err := buildOnce()
		require.NoError(t, err, string(out))
		return 0, string(out)
	}
	ci, err := os.ReadFile(filepath.Join(repository, ".ci/run"))
	require.NoError(t, err)
	require.Regexp(t, `(?m)^make `+target+`\b`, string(ci))
	return execute(t, repository, nil, "make", "-n", target)
}

// execute runs a command in a directory and returns its exit status and all of its output.
func execute(t *testing.T, dir string, env []string, words ...string) (status int, output string) {
	t.Helper()
	c := exec.Command(words[0], words[1:]...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	require.NotNil(t, c.ProcessState, "%v", err)
	return c.ProcessState.ExitCode(), string(out)
}

// prepare makes what a command needs in the current directory, or skips it.
func prepare(t *testing.T, line string) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil && strings.Contains(line, "python3") {
		t.Skip("python3 is not installed")
	}
	if strings.Contains(line, "known.json") {
		require.NoError(t, os.WriteFile("known.json", knownFailuresOfTheDocs(t), 0o600))
	}
}

// knownFailuresOfTheDocs returns the list that docs/verdicts.md shows.
func knownFailuresOfTheDocs(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "docs/verdicts.md"))
	require.NoError(t, err)
	m := regexp.MustCompile("(?s)```json\n(\\{\n \"known_failures\".*?)```").FindSubmatch(text)
	require.NotNil(t, m)
	return m[1]
}

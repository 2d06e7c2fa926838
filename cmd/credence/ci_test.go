package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// ciJob runs lines of a CI file as a job would, and gives its output and whether it passed.
func ciJob(t *testing.T, dir string, env []string, lines ...string) (string, bool) {
	t.Helper()
	c := exec.Command("bash", "-e", "-c", strings.Join(lines, "\n"))
	c.Dir = dir
	c.Env = append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	return string(out), err == nil
}

func readYAML(t *testing.T, path string, v any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, v))
}

// The step of the GitHub Action: a bad shim fails the job, and passes it with the list of its failures; the page of the
// job and the reports are there.
func TestGitHubAction(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	var action struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Steps []struct {
				Run string
				Env map[string]string
			}
		}
	}
	readYAML(t, "../../action.yml", &action)
	step := action.Runs.Steps[1]
	dir := t.TempDir()
	inputs := map[string]string{
		"github.action_path": root, "inputs.shim": badShimCommand(t, "dies on every third request"),
		"inputs.args": "--run ^xeddsa/signal-v3/sign/ --jobs 1",
	}
	for name, i := range action.Inputs {
		if name := "inputs." + name; inputs[name] == "" {
			inputs[name] = i.Default
		}
	}
	job := func() (string, bool) {
		env := []string{"GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary.md")}
		for name, value := range step.Env {
			input := strings.TrimSuffix(strings.TrimPrefix(value, "${{ "), " }}")
			require.Contains(t, inputs, input)
			env = append(env, name+"="+inputs[input])
		}
		return ciJob(t, dir, env, step.Run)
	}
	out, ok := job()
	require.False(t, ok, out)
	require.Contains(t, out, "DOES NOT CONFORM")
	for _, file := range []string{
		"summary.md", "credence-reports/credence.json", "credence-reports/credence.xml", "credence-reports/badge.json",
	} {
		require.FileExists(t, filepath.Join(dir, file))
	}
	inputs["inputs.args"] += " --fail-on none"
	out, ok = job()
	require.True(t, ok, out)
	summary, err := os.ReadFile(filepath.Join(dir, "summary.md"))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(summary), "## DOES NOT CONFORM"))
}

// The script of the GitLab job, in a project beside a checkout.
func TestGitLabJob(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	var file struct {
		Credence struct {
			Script    []string
			Variables map[string]string
			Artifacts struct{ Reports map[string]string }
		}
	}
	readYAML(t, "../../ci/gitlab.yml", &file)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(root, filepath.Join(dir, "credence")))
	env := []string{
		"CREDENCE_SHIM=" + badShimCommand(t, "dies on every third request"),
		"CREDENCE_ARGS=--run ^xeddsa/signal-v3/sign/ --fail-on none",
	}
	for name, value := range file.Credence.Variables {
		env = append(env, name+"="+value)
	}
	out, ok := ciJob(t, dir, env, file.Credence.Script...)
	require.True(t, ok, out)
	require.FileExists(t, filepath.Join(dir, file.Credence.Artifacts.Reports["junit"]))
}

package fuzz

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/scenario"
	"credence/conformance/verdict"
)

// TestRegressions plays what campaigns have found, in the reference or in the suite itself, and what they start from.
func TestRegressions(t *testing.T) {
	p := player(t)
	for _, dir := range []string{"regressions", "corpus"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
		require.NoError(t, err)
		require.NotEmpty(t, paths)
		for _, path := range paths {
			t.Run(path, func(t *testing.T) {
				s, err := scenario.ReadFile(path)
				require.NoError(t, err)
				play, err := p.Play(s)
				require.NoError(t, err)
				require.Equal(t, verdict.Passed, play.Result.Status, play.Result.Message)
			})
		}
	}
}

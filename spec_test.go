package credence_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence"
)

// Every line of SPEC.md with a MUST is a requirement, has one MUST, and is found.
func TestRequirements(t *testing.T) {
	found := map[string]bool{}
	for _, r := range credence.Requirements() {
		found[r.ID] = true
		require.Len(t, regexp.MustCompile(`\bMUST\b`).FindAllString(r.Text, -1), 1, r.ID)
	}
	require.NotEmpty(t, found)
	body := strings.SplitAfterN(credence.Spec, "## 1. Conventions", 2)[1]
	for _, line := range strings.Split(body, "\n") {
		if strings.Contains(line, "MUST") {
			id := regexp.MustCompile(`^\*\*(AMB-[A-Z0-9]{3}-[0-9]{2})\*\* `).FindStringSubmatch(line)
			require.NotNil(t, id, "a MUST outside a requirement: %s", line)
			require.True(t, found[id[1]], id[1])
		}
	}
}

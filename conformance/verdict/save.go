package verdict

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// SaveScenario writes the scenario of a failure into a directory and says in Replay how to play it again: replay is the
// command line up to the file. Without a scenario or a directory it does nothing. A scenario that cannot be written
// stays in the report.
func (t *TestResult) SaveScenario(directory, replay string, seed uint64) {
	if t.Scenario == nil || directory == "" {
		return
	}
	t.Scenario.Comment = fmt.Sprintf("%s, seed %d: %s", t.ID, seed, t.Message)
	path := filepath.Join(directory, strings.ReplaceAll(t.ID, "/", "-")+".json")
	text, err := t.Scenario.Encode()
	if err == nil {
		err = errors.Join(os.MkdirAll(directory, 0o755), os.WriteFile(path, text, 0o644))
	}
	if err != nil {
		t.Replay = "the scenario could not be saved: " + err.Error()
		return
	}
	t.Replay = replay
	if t.Times > 0 {
		t.Replay += fmt.Sprintf(" --times %d", t.Times)
	}
	t.Replay += " " + path
}

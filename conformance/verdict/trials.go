package verdict

import (
	"fmt"
	"strings"
)

// Trials says how those parts of a test went that stand for themselves: the changes of a message, the scenarios of a
// property. A test that passes has none.
type Trials struct {
	Count     int     `json:"count"` // that there are
	Wrong     int     `json:"wrong"`
	NotJudged int     `json:"not_judged"`
	Named     []Trial `json:"named"` // that went wrong or were not judged, the first of them
}

// Trial is a part of a test that did not go well.
type Trial struct {
	Name    string `json:"name"`
	Judged  bool   `json:"judged"` // it went wrong; otherwise what it is about could not be judged
	Reason  Reason `json:"reason"`
	Message string `json:"message"`
	Stands  int    `json:"stands"` // for so many trials
}

// MostTrials is how many trials are named at most.
const MostTrials = 24

// Add adds a trial that did not go well.
func (t *Trials) Add(trial Trial) {
	trial.Stands = max(trial.Stands, 1)
	if trial.Judged {
		t.Wrong += trial.Stands
	} else {
		t.NotJudged += trial.Stands
	}
	if len(t.Named) < MostTrials {
		t.Named = append(t.Named, trial)
	}
}

// String says which trials went wrong, and which were not judged and why, in a line.
func (t *Trials) String() string {
	var all []string
	if t.Wrong > 0 {
		all = append(all, fmt.Sprintf("%d of %d went wrong: %s", t.Wrong, t.Count, t.names(true)))
	}
	if t.NotJudged > 0 {
		all = append(all, fmt.Sprintf("%d of %d not judged: %s", t.NotJudged, t.Count, t.names(false)))
	}
	return strings.Join(all, "; ")
}

// names lists trials, each with its reason where that is another one than before.
func (t *Trials) names(judged bool) string {
	var names []string
	var before Trial
	n := 0
	for _, trial := range t.Named {
		if trial.Judged != judged {
			continue
		}
		n += trial.Stands
		name := trial.Name
		switch {
		case !judged && trial.Message != before.Message:
			name += " (" + string(trial.Reason) + ": " + trial.Message + ")"
		case trial.Reason != before.Reason:
			name += " (" + string(trial.Reason) + ")"
		}
		names, before = append(names, name), trial
	}
	if total := map[bool]int{true: t.Wrong, false: t.NotJudged}[judged]; total > n {
		names = append(names, fmt.Sprintf("and %d more", total-n))
	}
	return strings.Join(names, ", ")
}

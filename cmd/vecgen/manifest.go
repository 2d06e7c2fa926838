package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"credence/vectors"
)

const manifestFile = "manifest.json"

// manifest remembers every test that was ever published.
type manifest struct {
	Comment string                  `json:"comment"`
	Next    int                     `json:"nextTcId"`
	Tests   map[string]manifestTest `json:"tests"`
	seen    map[string]bool
	reason  string // why tests may be withdrawn; empty: none may
	taken   []int  // the numbers of those that were withdrawn now
}

type manifestTest struct {
	TcID      int    `json:"tcId"`
	SHA256    string `json:"sha256"`              // of the test without its tcId
	Withdrawn string `json:"withdrawn,omitempty"` // why the test is in no file any more
}

func readManifest(path, reason string) (*manifest, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := &manifest{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m.Comment = "Every test ever published. Written by vecgen; ids and numbers are never changed or reused."
	m.seen, m.reason = map[string]bool{}, reason
	if m.Tests == nil {
		m.Tests, m.Next = map[string]manifestTest{}, 1
	}
	return m, nil
}

// number returns every test of f its id and its tcId. A published test that would change is refused; if there is a
// reason, it is withdrawn, and what the generator makes now is another test.
func (m *manifest) number(f *vectors.File) error {
	for gi := range f.TestGroups {
		g := &f.TestGroups[gi]
		for ti := range g.Tests {
			if err := m.numberTest(g, &g.Tests[ti]); err != nil {
				return err
			}
			f.NumberOfTests++
		}
	}
	return nil
}

func (m *manifest) numberTest(g *vectors.Group, t *vectors.Test) error {
	name := t.ID
	for {
		t.ID = m.id(name)
		if m.seen[t.ID] {
			return fmt.Errorf("two tests have the id %q", t.ID)
		}
		hash, err := hashTest(g, *t)
		if err != nil {
			return err
		}
		known, ok := m.Tests[t.ID]
		if !ok {
			known = manifestTest{TcID: m.Next, SHA256: hash}
			m.Next++
		}
		if known.SHA256 == hash {
			m.seen[t.ID], m.Tests[t.ID], t.TcID = true, known, known.TcID
			return nil
		}
		if m.reason == "" {
			return fmt.Errorf("test %q is published and would change; -withdraw takes it back and says why", t.ID)
		}
		m.withdraw(t.ID)
	}
}

// id returns the id of the test that has a name: the name, or, where that test was withdrawn, the name with -r2, -r3
// and so on.
func (m *manifest) id(name string) string {
	id := name
	for r := 2; m.Tests[id].Withdrawn != ""; r++ {
		id = fmt.Sprintf("%s-r%d", name, r)
	}
	return id
}

func (m *manifest) withdraw(id string) {
	t := m.Tests[id]
	t.Withdrawn = m.reason
	m.Tests[id] = t
	m.taken = append(m.taken, t.TcID)
}

func hashTest(g *vectors.Group, t vectors.Test) (string, error) {
	t.TcID = 0
	head := *g
	head.Tests = []vectors.Test{t}
	b, err := json.Marshal(head)
	if err != nil {
		return "", err
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}

// finish refuses a manifest with tests that were not generated any more; if there is a reason, it withdraws them.
func (m *manifest) finish() error {
	for id, t := range m.Tests {
		if m.seen[id] || t.Withdrawn != "" {
			continue
		}
		if m.reason == "" {
			return fmt.Errorf("test %q is published and was not generated", id)
		}
		m.withdraw(id)
	}
	return nil
}

// withdrawals says which numbers were withdrawn now, for CHANGELOG.md.
func (m *manifest) withdrawals() string {
	if len(m.taken) == 0 {
		return ""
	}
	return fmt.Sprintf("; withdrawn %d: %s", len(m.taken), ranges(m.taken))
}

// ranges writes numbers in their order, and neighbours as 3-5.
func ranges(numbers []int) string {
	slices.Sort(numbers)
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		part := strconv.Itoa(numbers[i])
		if j > i {
			part += "-" + strconv.Itoa(numbers[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"credence/vectors"
)

const manifestFile = "manifest.json"

// manifest remembers every test that was ever published.
type manifest struct {
	Comment string                  `json:"comment"`
	Next    int                     `json:"nextTcId"`
	Tests   map[string]manifestTest `json:"tests"`
	seen    map[string]bool
}

type manifestTest struct {
	TcID   int    `json:"tcId"`
	SHA256 string `json:"sha256"` // of the test without its tcId
}

func readManifest(path string) (*manifest, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := &manifest{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m.Comment = "Every test ever published. Written by vecgen; ids and numbers are never changed or reused."
	m.seen = map[string]bool{}
	if m.Tests == nil {
		m.Tests, m.Next = map[string]manifestTest{}, 1
	}
	return m, nil
}

// number returns every test of f its tcId and refuses a test that changed.
func (m *manifest) number(f *vectors.File, rewrite bool) error {
	for gi := range f.TestGroups {
		g := &f.TestGroups[gi]
		for ti := range g.Tests {
			t := &g.Tests[ti]
			if m.seen[t.ID] {
				return fmt.Errorf("two tests have the id %q", t.ID)
			}
			m.seen[t.ID] = true
			hash, err := hashTest(g, *t)
			if err != nil {
				return err
			}
			known, ok := m.Tests[t.ID]
			if ok && known.SHA256 != hash && !rewrite {
				return fmt.Errorf("test %q is published and would change; give the new test a new id", t.ID)
			}
			if !ok {
				known.TcID = m.Next
				m.Next++
			}
			t.TcID = known.TcID
			m.Tests[t.ID] = manifestTest{t.TcID, hash}
			f.NumberOfTests++
		}
	}
	return nil
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

// finish refuses a manifest with tests that were not generated any more.
func (m *manifest) finish(rewrite bool) error {
	for id := range m.Tests {
		if m.seen[id] {
			continue
		}
		if !rewrite {
			return fmt.Errorf("test %q is published and was not generated", id)
		}
		delete(m.Tests, id)
	}
	return nil
}

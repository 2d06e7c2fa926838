package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"credence/vectors"
)

// output is everything that vecgen writes: file names and contents.
type output struct {
	files   map[string][]byte
	summary string
}

// generators lists the vector files in the order in which their tests are numbered.
var generators = []struct {
	name string
	make func() (*vectors.File, error)
}{
	{"xeddsa_test.json", xeddsaFile},
	{"x3dh_test.json", x3dhFile},
	{"ratchet_test.json", ratchetFile},
	{"session_test.json", sessionFile},
	{"follower_test.json", followerFile},
	{"ambassador_test.json", ambassadorFile},
}

func generate(dir, withdraw string) (*output, error) {
	m, err := readManifest(filepath.Join(dir, manifestFile), withdraw)
	if err != nil {
		return nil, err
	}
	out := &output{files: map[string][]byte{}}
	count := map[vectors.Result]int{}
	for _, g := range generators {
		f, err := g.make()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.name, err)
		}
		if err := m.number(f); err != nil {
			return nil, fmt.Errorf("%s: %w", g.name, err)
		}
		countResults(f, count)
		if out.files[g.name], err = encode(f); err != nil {
			return nil, err
		}
	}
	canary, err := canaryFile(out.files)
	if err != nil {
		return nil, err
	}
	if out.files[vectors.CanaryFile], err = encode(canary); err != nil {
		return nil, err
	}
	if err := m.finish(); err != nil {
		return nil, err
	}
	if out.files[manifestFile], err = encode(m); err != nil {
		return nil, err
	}
	out.summary = fmt.Sprintf("%d vectors: %d valid, %d invalid, %d acceptable%s",
		len(m.seen), count[vectors.Valid], count[vectors.Invalid], count[vectors.Acceptable], m.withdrawals())
	return out, nil
}

func countResults(f *vectors.File, count map[vectors.Result]int) {
	for _, g := range f.TestGroups {
		for _, t := range g.Tests {
			count[t.Result]++
		}
	}
}

func encode(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", " ")
	return append(b, '\n'), err
}

func write(dir string, out *output) error {
	for name, content := range out.files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare names the first difference between the files of dir and what would be written.
func compare(dir string, out *output) error {
	for _, name := range slices.Sorted(maps.Keys(out.files)) {
		have, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if want := out.files[name]; !bytes.Equal(have, want) {
			return fmt.Errorf("%s", firstDifference(filepath.Join(dir, name), have, want))
		}
	}
	return nil
}

func firstDifference(name string, have, want []byte) string {
	h, w := bytes.Split(have, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range min(len(h), len(w)) {
		if !bytes.Equal(h[i], w[i]) {
			return fmt.Sprintf("%s:%d: differs\n  file:      %.200s\n  generated: %.200s", name, i+1, h[i], w[i])
		}
	}
	return fmt.Sprintf("%s: has %d lines, generated %d", name, len(h), len(w))
}

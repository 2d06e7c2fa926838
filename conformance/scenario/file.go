package scenario

import (
	"fmt"
	"os"
	"path/filepath"
)

// ReadFile reads a scenario. Its errors name the file: those of the file system, and ErrInvalid.
func ReadFile(path string) (*Scenario, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := Decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// ReadDir reads the scenarios of a directory, in the order of their names. A directory that is not there is empty.
func ReadDir(dir string) (all []*Scenario, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json")) // sorted
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		s, err := ReadFile(path)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

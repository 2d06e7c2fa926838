package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"

	"credence/cmd/internal/overlay"
	"credence/conformance/zoo"
)

// bug is a bug that can be built.
type bug struct{ zoo.Bug }

// readBugs returns the bugs whose name matches.
func readBugs(match *regexp.Regexp) (bugs []bug, err error) {
	all, err := zoo.Bugs()
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		if match.MatchString(b.Name) {
			bugs = append(bugs, bug{b})
		}
	}
	if len(bugs) == 0 {
		return nil, fmt.Errorf("no bug in %s matches", zooDir)
	}
	return bugs, nil
}

func (b bug) violates(requirements []string) bool {
	return slices.ContainsFunc(b.Requirements, func(id string) bool { return slices.Contains(requirements, id) })
}

// apply writes the patched files to a directory.
func (b bug) apply(dir string) error {
	for _, path := range b.Files {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		copied := filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(copied), 0o755), os.WriteFile(copied, text, 0o644)); err != nil {
			return err
		}
	}
	git := exec.Command("git", "apply", "-")
	git.Dir = dir
	// also under a directory that is a repository
	git.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	git.Stdin = bytes.NewReader(b.Patch)
	if out, err := git.CombinedOutput(); err != nil {
		return fmt.Errorf("the patch does not apply: %w: %s", err, out)
	}
	return nil
}

// build builds the reference shim with the patched files in the place of the repository's.
func (b bug) build(dir string) (binary string, err error) {
	if err := b.apply(dir); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for _, path := range b.Files {
		replace[path] = filepath.Join(dir, path)
	}
	return overlay.Build(dir, replace)
}

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"credence"
)

// bug is a file of the zoo: what is wrong, and the patch that makes it so.
type bug struct {
	name         string // of the file, without .patch
	class        int
	title        string
	source       string
	requirements []string
	patch        []byte
	files        []string // that the patch changes
}

// readBugs reads the bugs whose name matches, in the order of their names.
func readBugs(root fs.FS, match *regexp.Regexp) (bugs []bug, err error) {
	paths, err := fs.Glob(root, zooDir+"/*.patch")
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".patch")
		if !match.MatchString(name) {
			continue
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return nil, err
		}
		b, err := parseBug(name, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		bugs = append(bugs, b)
	}
	if len(bugs) == 0 {
		return nil, fmt.Errorf("no bug in %s matches", zooDir)
	}
	return bugs, nil
}

var changedFile = regexp.MustCompile(`(?m)^--- a/(reference/\S+\.go)$`)

// parseBug reads the lines before the patch, and the patch.
func parseBug(name string, text []byte) (b bug, err error) {
	head, patch, ok := bytes.Cut(text, []byte("\n\n"))
	if !ok {
		return b, errors.New("no empty line before the patch")
	}
	b = bug{name: name, patch: patch}
	lines := bufio.NewScanner(bytes.NewReader(head))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "Class":
			b.class, err = strconv.Atoi(value)
		case "Title":
			b.title = value
		case "Source":
			b.source = value
		case "Requirement":
			b.requirements = strings.Split(value, ", ")
		default:
			return b, fmt.Errorf("unknown line %q", lines.Text())
		}
		if err != nil {
			return b, fmt.Errorf("%s: %w", key, err)
		}
	}
	for _, m := range changedFile.FindAllSubmatch(patch, -1) {
		b.files = append(b.files, string(m[1]))
	}
	return b, b.check()
}

func (b bug) check() error {
	switch {
	case b.class == 0 || b.title == "" || b.source == "" || len(b.requirements) == 0:
		return errors.New("one of the lines Class, Title, Source, Requirement is missing")
	case !strings.HasPrefix(b.name, fmt.Sprintf("%03d-", b.class)):
		return fmt.Errorf("the name does not start with the class %03d", b.class)
	case len(b.files) == 0:
		return errors.New("the patch changes no file of the reference")
	}
	known := credence.Requirements()
	for _, id := range b.requirements {
		if !slices.ContainsFunc(known, func(r credence.Requirement) bool { return r.ID == id }) {
			return fmt.Errorf("SPEC.md has no requirement %q", id)
		}
	}
	return nil
}

func (b bug) violates(requirements []string) bool {
	return slices.ContainsFunc(b.requirements, func(id string) bool { return slices.Contains(requirements, id) })
}

// apply writes the patched files to a directory.
func (b bug) apply(dir string) error {
	for _, path := range b.files {
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
	git.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir)) // also under a directory that is a repository
	git.Stdin = bytes.NewReader(b.patch)
	if out, err := git.CombinedOutput(); err != nil {
		return fmt.Errorf("the patch does not apply: %w: %s", err, out)
	}
	return nil
}

// build builds the reference shim with the bug in it.
func (b bug) build(dir string) (binary string, err error) {
	if err := b.apply(dir); err != nil {
		return "", err
	}
	return build(dir, b.files...)
}

// build builds the reference shim with the files of a directory in the place of the repository's.
func build(dir string, files ...string) (binary string, err error) {
	replace := map[string]string{}
	for _, path := range files {
		original, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		replace[original] = filepath.Join(dir, path)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o644); err != nil {
		return "", err
	}
	binary = filepath.Join(dir, "shim")
	if out, err := exec.Command("go", "build", "-C", "shims/reference", "-overlay", file, "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not build: %w: %s", err, out)
	}
	return binary, nil
}

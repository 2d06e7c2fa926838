// Package overlay builds the shim of the reference with changed files.
package overlay

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds the shim of the reference into a directory, and returns its path. replace gives the files that stand in
// the place of others, by the paths of these in the repository, which is the working directory. It returns the error of
// the Go command with its output.
func Build(dir string, replace map[string]string) (binary string, err error) {
	absolute := map[string]string{}
	for path, instead := range replace {
		original, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		absolute[original] = instead
	}
	overlay, err := json.Marshal(map[string]any{"Replace": absolute})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o644); err != nil {
		return "", err
	}
	binary = filepath.Join(dir, "shim")
	out, err := exec.Command("go", "build", "-overlay", file, "-o", binary, "./shims/reference").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("it does not build: %w: %s", err, out)
	}
	return binary, nil
}

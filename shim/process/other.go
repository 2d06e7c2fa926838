//go:build !unix

package process

import (
	"os"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

func killGroup(c *exec.Cmd) {
	_ = c.Process.Kill() // fails only when it has ended
}

// readNow reads nothing: what came unasked is found by the id of the reply.
func readNow(*os.File, []byte) int { return 0 }

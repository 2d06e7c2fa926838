//go:build unix

package shim

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the shim into a process group of its own, so that its children can be killed with it.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(c *exec.Cmd) {
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // fails only when nobody is left
}

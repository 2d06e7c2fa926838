//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup puts the shim into a process group of its own, so that its children can be killed with it.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(c *exec.Cmd) {
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // fails only when nobody is left
}

// readNow reads what has already come, and does not wait. It returns the number of bytes.
func readNow(f *os.File, b []byte) int {
	c, err := f.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	_ = c.Read(func(fd uintptr) bool {
		n, _ = syscall.Read(int(fd), b)
		return true
	})
	return max(n, 0)
}

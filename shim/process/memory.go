package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Memory returns the resident memory of the shim and its children, in bytes. It is not ok where the system does not say
// (it does on Linux).
func (p *Process) Memory() (total uint64, ok bool) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, false
	}
	group := strconv.Itoa(p.command.Process.Pid)
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// After the name in parentheses: state, parent, group, and the resident pages as the 22nd.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) < 22 || fields[2] != group {
			continue
		}
		pages, err := strconv.ParseUint(fields[21], 10, 64)
		if err != nil {
			continue
		}
		total, ok = total+pages*uint64(os.Getpagesize()), true
	}
	return total, ok
}

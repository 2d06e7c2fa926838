//go:build unix

package active

import (
	"os"
	"syscall"
)

// memory is what a mutant may take, in bytes of address space: one that fills memory must not take the machine with it.
const memory = 4 << 30

// mapped maps a file into memory, and bounds the memory of the process. It returns nil for no file.
func mapped(path string) []byte {
	if mutant != 0 {
		// Where there is no such bound, there is none.
		_ = syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: memory, Max: memory})
	}
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	info, err := f.Stat()
	if err != nil {
		panic(err)
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return b
}

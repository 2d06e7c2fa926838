// Command reference is the reference of Credence as a shim, over standard input and output.
package main

import (
	"fmt"
	"os"

	"credence/shim"
	"credence/shims/reference/adapter"
)

func main() {
	if err := shim.Serve(adapter.New(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

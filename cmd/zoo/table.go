package main

import (
	"bytes"
	"fmt"
	"strings"
)

func classes(bugs []bug) int {
	seen := map[int]bool{}
	for _, b := range bugs {
		seen[b.Class] = true
	}
	return len(seen)
}

// table returns the detection table. It has no times, so that it is the same wherever it is made.
func table(bugs []bug, verdicts []judgement) []byte {
	var t bytes.Buffer
	caught, named := count(verdicts)
	fmt.Fprintf(&t, `# The zoo

Bugs that implementations have had, put into the reference one at a time (`+"`%s`"+`). The suite runs on each over the shim boundary. This
file is written by `+"`make zoo`"+`. "Caught by" is the first test that failed: of those that name the requirement, or,
where the mark is missing, of all.

%d bugs of %d classes: %d caught, %d of them by a test that names the requirement.

| bug | what is wrong | seen in | requirement | caught by | by name |
|---|---|---|---|---|---|
`, zooDir, len(bugs), classes(bugs), caught, named)
	for i, b := range bugs {
		v := verdicts[i]
		by, mark := "**not caught**", ""
		if v.caught() {
			by = "`" + v.failed + "`"
		}
		if v.named {
			mark = "yes"
		}
		fmt.Fprintf(
			&t, "| %s | %s | %s | %s | %s | %s |\n", b.Name, b.Title, b.Source, strings.Join(b.Requirements, ", "), by,
			mark,
		)
	}
	return t.Bytes()
}

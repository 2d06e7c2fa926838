package claims

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// JSON writes the table with the evidence of every cell.
func (t *Table) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(t)
}

// Text writes the table for a terminal.
func (t *Table) Text(w io.Writer) error {
	tabs := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tabs, "\t%s\n", strings.Join(t.Designs, "\t"))
	for _, r := range t.Rows {
		fmt.Fprintf(tabs, "%s", r.Claim)
		for _, c := range r.Cells {
			fmt.Fprintf(tabs, "\t%s", c.Value)
		}
		fmt.Fprintln(tabs)
	}
	return tabs.Flush()
}

const markdownHead = `# The claims, measured

What the essay that proposed the Ambassador protocol says of it and of the designs beside it, from runs of all four
([study/design](../study/design/)). Written by ` + "`credence claims --format markdown`" + `. Every cell is what a run has shown; the evidence is below.

Alice has three devices and Bob two, where the design allows it, and one each in the design with a single device. The attacker copies the state of one of Alice's
devices, a companion if she has one, and leaves; later he runs the copy on everything that was sent to the device, before and after.
He is weaker than the attacker of [scenarios.md](scenarios.md), who looks into bytes and follows what a device sends itself; SPEC.md 13.2 says
exactly what holds. In the ambassador's design a channel between two devices heals when both have sent on it; in the others every turn of a pair of devices heals
the session of that pair, and says nothing of the others.

![What the attacker of a state reads of one conversation in each design](pictures/designs.svg)

(drawn by credence claims --format svg)

`

// Markdown writes the table and its evidence.
func (t *Table) Markdown(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString(markdownHead)
	fmt.Fprintf(&b, "| claim | %s |\n|---|%s\n", strings.Join(t.Designs, " | "), strings.Repeat("---|", len(t.Designs)))
	for _, r := range t.Rows {
		fmt.Fprintf(&b, "| %s |", r.Claim)
		for _, c := range r.Cells {
			fmt.Fprintf(&b, " %s |", c.Value)
		}
		b.WriteString("\n")
	}
	b.WriteString("\n## Evidence\n")
	for _, r := range t.Rows {
		fmt.Fprintf(&b, "\n**%s**\n\n", r.Claim)
		for i, c := range r.Cells {
			fmt.Fprintf(&b, "- %s: %s\n", t.Designs[i], c.Evidence)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

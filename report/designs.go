package report

import (
	"fmt"
	"io"

	"credence/study/claims"
)

// Sizes of the exposure map of designs, in pixels.
const (
	designsTop    = 76
	designsLeft   = 250
	designsRow    = 22
	designsColumn = 118
)

// Designs draws what the attacker of a device's state reads of one conversation in several designs, side by side, as
// SVG: texts down, designs across, the time of the theft shaded until the last text that he reads.
func Designs(w io.Writer, s *claims.Story) error {
	c := &canvas{
		width: designsLeft + designsColumn*len(s.Designs) + 16, title: "What an attacker reads in each design",
		desc: "A device's state is copied; the attacker leaves, and sees everything that travels.",
	}
	c.text("title", 16, 24, c.title)
	c.text("small", 16, 42, c.desc)
	bottom := designsTop + designsRow*len(s.Texts)
	for i, d := range s.Designs {
		c.column(s, d, designsLeft+designsColumn*i+designsColumn/2, bottom)
	}
	for i, text := range s.Texts {
		y := designsTop + designsRow*i
		c.line("rule", 16, y, c.width-16, y)
		c.text("mono", 16, y+15, fmt.Sprintf("m%-2d  from %s", i+1, text.From))
	}
	for _, at := range []struct {
		row  int
		text string
	}{{s.Theft, "state copied"}, {s.Recover, "the user recovers"}} {
		y := designsTop + designsRow*at.row
		c.line("axis", 16, y, c.width-16, y)
		c.text("small end", designsLeft-16, y-4, at.text)
	}
	legend := c.legend(16, bottom+22, c.width-32, []sign{
		{"safe", func(x, y int) { c.mark(safe, x, y) }},
		{"the attacker reads it", func(x, y int) { c.mark(readable, x, y) }},
		{"state copied", c.theft}, {"healed", c.healed},
		{"no step by which a user recovers", func(x, y int) { c.text("muted", x-4, y+4, "–") }},
	})
	c.height = bottom + 22 + legend
	_, err := w.Write(c.markup(drawingStyle))
	return err
}

// column draws one design around x.
func (c *canvas) column(s *claims.Story, d claims.Column, x, bottom int) {
	c.text("name middle", x, designsTop-12, d.Design)
	last := s.Theft - 1
	for i, read := range d.Read {
		if read {
			last = i
		}
	}
	top := designsTop + designsRow*s.Theft
	c.rect("window", x-24, top, 48, designsTop+designsRow*(last+1)-top)
	c.line("lane", x, designsTop, x, bottom)
	c.group(d.Design, func() {
		for i, read := range d.Read {
			o := safe
			if read {
				o = readable
			}
			c.mark(o, x, designsTop+designsRow*i+11)
		}
	})
	c.theft(x+38, top)
	if last+1 < len(d.Read) {
		c.healed(x+38, designsTop+designsRow*(last+1)+11)
	}
	if !d.Recovers {
		c.text("muted middle", x+38, designsTop+designsRow*s.Recover+4, "–")
	}
}

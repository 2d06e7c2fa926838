package report

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"credence/conformance/scenario"
	"credence/conformance/verdict"
)

// drawingStyle is the style of both views, light and dark.
//
//go:embed drawing.css
var drawingStyle string

// ErrTooLarge is the error of Exposure and Sequence for scenarios that would fill more than a wall.
var ErrTooLarge = errors.New("too large to be drawn")

// Limits of a drawing.
const (
	mostEvents = 400
	mostRows   = 400
	mostLanes  = 64
	mostMarks  = 20000 // arrivals, readings and keys
)

// Exposure draws who could read what, as SVG: time goes across, an event a column, and messages down. A window of
// compromise is shaded from the theft of a state to the first message that it does not open any more. The text is the
// same for the same record. It returns ErrTooLarge.
func Exposure(w io.Writer, s *scenario.Scenario, r *verdict.Record) error {
	return standalone(w, s, r, exposureMap)
}

// Sequence draws who sent what to whom, as SVG: time goes down, an event a line, and parties or devices are lanes;
// beside them stands which keys each has from event to event. It returns ErrTooLarge.
func Sequence(w io.Writer, s *scenario.Scenario, r *verdict.Record) error {
	return standalone(w, s, r, sequenceView)
}

func standalone(w io.Writer, s *scenario.Scenario, r *verdict.Record, draw func(*scene) *canvas) error {
	c, err := drawn(s, r, draw)
	if err != nil {
		return err
	}
	_, err = w.Write(c.markup(drawingStyle))
	return err
}

func drawn(s *scenario.Scenario, r *verdict.Record, draw func(*scene) *canvas) (*canvas, error) {
	if err := drawable(s, r); err != nil {
		return nil, err
	}
	return draw(newScene(s, r)), nil
}

// drawable refuses what is too large, and indices that point nowhere: a record may come from a file.
func drawable(s *scenario.Scenario, r *verdict.Record) error {
	marks := len(r.Arrivals) + len(r.Keys)
	for _, c := range r.Compromises {
		marks += len(c.Exposed)
	}
	for _, limit := range []struct {
		what    string
		n, most int
	}{{"events", len(s.Events), mostEvents}, {"messages", len(r.Messages), mostRows}, {
		"lanes", len(r.Lanes), mostLanes,
	}, {"arrivals, readings and keys", marks, mostMarks}} {
		if limit.n > limit.most {
			return fmt.Errorf("%w: %d %s, and at most %d can be", ErrTooLarge, limit.n, limit.what, limit.most)
		}
	}
	return nil
}

// openness says who can read a message. The worst is the largest.
type openness int

const (
	safe     openness = iota // nobody whom it is not for
	allowed                  // the attacker may, and did not
	readable                 // the attacker may, and did
	broken                   // the attacker did, and may not
)

// words says it in a report.
func (o openness) words() string {
	return [...]string{"safe", "may be read; it was not", "may be read", "SECRET, and was read"}[o]
}

func (o openness) class() string { return [...]string{"safe", "allowed", "readable", "broken"}[o] }

func opennessOf(e verdict.Exposure) openness {
	switch {
	case e.Read != "" && !e.Allowed:
		return broken
	case e.Read != "":
		return readable
	case e.Allowed:
		return allowed
	}
	return safe
}

// span is a time in which a lane is compromised: from the theft to the healing, or to the end.
type span struct {
	from, to int
	healed   bool
}

// scene is what both views draw.
type scene struct {
	scenario    *scenario.Scenario
	record      *verdict.Record
	open        []openness        // of every message, from all copies
	spans       map[string][]span // of every victim, without overlaps
	victims     []string          // in the order of the first theft
	first, last int               // the first and the last event that is drawn
}

func newScene(s *scenario.Scenario, r *verdict.Record) *scene {
	sc := &scene{
		scenario: s, record: r, open: make([]openness, len(r.Messages)), spans: map[string][]span{},
		last: len(s.Events) - 1,
	}
	for _, c := range r.Compromises {
		for _, e := range c.Exposed {
			if sc.has(e.Index) {
				sc.open[e.Index] = max(sc.open[e.Index], opennessOf(e))
			}
		}
		if !slices.Contains(sc.victims, c.Who) {
			sc.victims = append(sc.victims, c.Who)
		}
		sc.spans[c.Who] = joined(append(sc.spans[c.Who], sc.span(c)))
	}
	for _, a := range r.Arrivals {
		sc.include(a.Event)
		sc.include(a.Sent)
	}
	for _, m := range r.Messages {
		if !m.Record {
			sc.include(m.Event)
		}
	}
	return sc
}

func (sc *scene) has(message int) bool { return message >= 0 && message < len(sc.open) }

// include makes sure that the time before the first event, or after the last one, is drawn.
func (sc *scene) include(event int) {
	sc.first = min(sc.first, max(event, -1))
	sc.last = max(sc.last, min(event, len(sc.scenario.Events)))
}

// clamp returns an event that is drawn.
func (sc *scene) clamp(event int) int { return min(max(event, sc.first), max(sc.last, sc.first)) }

// span returns the window of a copy: until the first message of or for its account that it does not open, and after
// which it opens none.
func (sc *scene) span(c verdict.Compromised) span {
	last := c.Event
	for _, e := range c.Exposed {
		if opennessOf(e) > safe && sc.has(e.Index) {
			last = max(last, sc.record.Messages[e.Index].Event)
		}
	}
	for _, m := range sc.record.Messages {
		if m.Event > last && concerns(m, c.Who) {
			return span{c.Event, m.Event, true}
		}
	}
	return span{c.Event, len(sc.scenario.Events), false}
}

// concerns reports whether a message is of or for the account of a lane; a record must be of or for the lane itself.
func concerns(m verdict.Travelled, lane string) bool {
	if m.Record {
		return m.From == lane || m.To == lane
	}
	return account(m.From) == account(lane) || account(m.To) == account(lane)
}

// account returns the account of a device; a party is its own.
func account(lane string) string {
	name, _, _ := strings.Cut(lane, "/")
	return name
}

// joined returns the spans without overlaps.
func joined(spans []span) []span {
	slices.SortStableFunc(spans, func(a, b span) int { return a.from - b.from })
	var out []span
	for _, s := range spans {
		n := len(out)
		switch {
		case n == 0 || s.from > out[n-1].to:
			out = append(out, s)
		case s.to > out[n-1].to || s.to == out[n-1].to && !s.healed:
			out[n-1].to, out[n-1].healed = s.to, s.healed
		}
	}
	return out
}

// label returns the text of an event, and how it ended if that was no good.
func (sc *scene) label(event int) (text, class string) {
	switch {
	case event < 0:
		return "before", "muted"
	case event >= len(sc.scenario.Events):
		return "all read on", "muted"
	}
	e := sc.scenario.Events[event]
	text = e.String()
	switch line := sc.line(event); {
	case strings.HasSuffix(line, ": WRONG"):
		return text + ": WRONG", "wrong"
	case strings.HasSuffix(line, ": does not apply"), line == "" && len(sc.record.Lines) > 0:
		return text, "idle"
	case e.Do == scenario.Compromise:
		return text, "theft"
	}
	return text, ""
}

func (sc *scene) line(event int) string {
	if event < 0 || event >= len(sc.record.Lines) {
		return ""
	}
	return sc.record.Lines[event]
}

// idle reports whether an event has had no effect.
func (sc *scene) idle(event int) bool {
	_, class := sc.label(event)
	return class == "idle"
}

// summary counts for the description of a drawing.
func (sc *scene) summary() string {
	var n [broken + 1]int
	for _, o := range sc.open {
		n[o]++
	}
	return fmt.Sprintf(
		"%d messages, %d copied states; %d messages safe, %d may be read, %d secret and read.", len(sc.open),
		len(sc.record.Compromises), n[safe], n[allowed]+n[readable], n[broken],
	)
}

// heading returns the first line of a drawing.
func (sc *scene) heading() string {
	text := fmt.Sprintf("%s, %s", sc.scenario.Level, sc.scenario.Set)
	if sc.scenario.Cadence != "" {
		text += ", " + sc.scenario.Cadence
	}
	return text
}

// Sizes of letters, in pixels; mono is the width of one.
const (
	monoWidth  = 7
	textWidth  = 6
	lineHeight = 16
)

// canvas is an SVG image under way. Texts are escaped, and bounded in length.
type canvas struct {
	body          bytes.Buffer
	width, height int
	title, desc   string
}

// shape draws an empty element.
func (c *canvas) shape(element, class string, attributes string, a ...any) {
	fmt.Fprintf(&c.body, `<%s class="%s" %s/>`+"\n", element, class, fmt.Sprintf(attributes, a...))
}

func (c *canvas) line(class string, x1, y1, x2, y2 int) {
	c.shape("line", class, `x1="%d" y1="%d" x2="%d" y2="%d"`, x1, y1, x2, y2)
}

func (c *canvas) rect(class string, x, y, width, height int) {
	c.shape("rect", class, `x="%d" y="%d" width="%d" height="%d"`, x, y, max(width, 0), max(height, 0))
}

// mostLetters bounds a text of a drawing.
const mostLetters = 120

// text writes a text that starts at x, or ends there if the class has "end" in it.
func (c *canvas) text(class string, x, y int, text string) {
	fmt.Fprintf(
		&c.body, `<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, x, y, xmlSafe(short(text, mostLetters)),
	)
}

// slanted writes a text that goes up to the right.
func (c *canvas) slanted(class string, x, y int, text string) {
	fmt.Fprintf(
		&c.body, `<text class="%s" transform="translate(%d %d) rotate(-48)">%s</text>`+"\n", class, x, y,
		xmlSafe(short(text, mostLetters)),
	)
}

// group puts what is drawn by f in a group with a tooltip.
func (c *canvas) group(title string, f func()) {
	fmt.Fprintf(&c.body, "<g><title>%s</title>\n", xmlSafe(short(title, 4*mostLetters)))
	f()
	c.body.WriteString("</g>\n")
}

// mark draws the sign of an openness: a circle, an empty or a full square, or a crossed diamond.
func (c *canvas) mark(o openness, x, y int) {
	switch o {
	case safe:
		c.shape("circle", "safe", `cx="%d" cy="%d" r="4"`, x, y)
	case allowed:
		c.rect("allowed", x-5, y-5, 10, 10)
	case readable:
		c.rect("readable", x-5, y-5, 10, 10)
	case broken:
		c.shape("path", "broken", `d="M%d %dl8 8l-8 8l-8 -8z"`, x, y-8)
		c.shape("path", "cross", `d="M%d %dl6 6m0 -6l-6 6"`, x-3, y-3)
	}
}

// theft, healed and cross are signs.
func (c *canvas) theft(x, y int) {
	c.shape("path", "attacker", `d="M%d %dh12l-6 10z"`, x-6, y-5)
}

func (c *canvas) healed(x, y int) {
	c.shape("circle", "healed", `cx="%d" cy="%d" r="6"`, x, y)
	c.shape("path", "tick", `d="M%d %dl2 3l4 -5"`, x-3, y)
}

func (c *canvas) cross(class string, x, y int) {
	c.shape("path", class, `d="M%d %dl8 8m0 -8l-8 8"`, x-4, y-4)
}

// markup returns the image, with a style of its own or, if it is empty, with that of the page around it.
func (c *canvas) markup(style string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(
		&b, `<svg xmlns="http://www.w3.org/2000/svg" class="drawing" role="img" width="%d" height="%d" viewBox="0 0 %d %d">`+"\n", c.width, c.height, c.width, c.height,
	)
	fmt.Fprintf(
		&b, "<title>%s</title>\n<desc>%s</desc>\n", xmlSafe(short(c.title, 4*mostLetters)),
		xmlSafe(short(c.desc, 8*mostLetters)),
	)
	if style != "" {
		fmt.Fprintf(&b, "<style>%s</style>\n", style)
	}
	fmt.Fprintf(&b, `<rect class="paper" width="%d" height="%d"/>`+"\n", c.width, c.height)
	b.Write(c.body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// legend explains the signs in one or more lines, and gives the height that it takes.
func (c *canvas) legend(x, y, width int, signs []sign) (height int) {
	left, top := x, y
	for _, s := range signs {
		w := 18 + textWidth*len([]rune(s.words)) + 14
		if x > left && x+w > left+width {
			x, y = left, y+lineHeight+2
		}
		s.draw(x+6, y)
		c.text("small", x+18, y+4, s.words)
		x += w
	}
	return y + lineHeight - top
}

// sign is one entry of a legend.
type sign struct {
	words string
	draw  func(x, y int)
}

// short cuts a text to a number of letters.
func short(text string, most int) string {
	letters := []rune(text)
	if len(letters) <= most {
		return text
	}
	return string(letters[:most-1]) + "…"
}

// xmlSafe escapes a text for XML, and makes what does not print visible.
func xmlSafe(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(Line(text))) // a buffer takes everything
	return b.String()
}

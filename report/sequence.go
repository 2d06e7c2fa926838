package report

import (
	"fmt"
	"math"
	"slices"

	"credence/conformance/scenario"
	"credence/conformance/verdict"
)

// Measures of the sequence view.
const (
	stepHeight = 26
	laneWidth  = 116
	stepMost   = 34 // letters of an event
)

// sequence is the view under way.
type sequence struct {
	*scene
	*canvas
	left int
	top  int
	lane map[string]int // place of a lane
	keys []keyBlock
}

func sequenceView(sc *scene) *canvas {
	v := &sequence{
		scene: sc, canvas: &canvas{title: "Who sent what: " + sc.heading(), desc: sc.summary()}, lane: map[string]int{},
	}
	for i, l := range sc.record.Lanes {
		v.lane[l.Name] = i
	}
	v.measure()
	v.text("title", 16, 24, "Who sent what to whom")
	v.text("small", 16, 42, short(sc.heading()+caption(sc.scenario.Comment), (v.width-32)/textWidth))
	v.accounts()
	v.steps()
	for _, k := range v.keys {
		v.block(k)
	}
	v.lanes()
	for _, a := range sc.record.Arrivals {
		v.arrow(a)
	}
	for i, m := range sc.record.Messages {
		if !m.Record {
			v.departure(i, m)
		}
	}
	for e := range sc.scenario.Events {
		v.event(e)
	}
	v.height = v.y(v.last) + stepHeight + 10
	v.height += v.legend(16, v.height, v.width-32, v.signs())
	return v.canvas
}

func caption(comment string) string {
	if comment == "" {
		return ""
	}
	return ": " + comment
}

func (v *sequence) measure() {
	events := 0
	for e := v.first; e <= v.last; e++ {
		text, _ := v.label(e)
		events = max(events, len(short(text, stepMost)))
	}
	v.left = 56 + events*monoWidth + laneWidth/2
	v.top = 92
	v.width = max(v.placeKeys(v.left+len(v.record.Lanes)*laneWidth), 640)
}

func (v *sequence) x(lane int) int { return v.left + lane*laneWidth }

func (v *sequence) y(event int) int {
	return v.top + (v.clamp(event)-v.first)*stepHeight + stepHeight/2
}

// accounts draws a ground for the lanes of each account.
func (v *sequence) accounts() {
	for i := 0; i < len(v.record.Lanes); {
		n := 1
		for i+n < len(v.record.Lanes) && account(v.record.Lanes[i+n].Name) == account(v.record.Lanes[i].Name) {
			n++
		}
		v.rect("account", v.x(i)-laneWidth/2+6, 54, n*laneWidth-12, v.y(v.last)+stepHeight/2-50)
		i += n
	}
}

// steps draws the lines of time.
func (v *sequence) steps() {
	for e := v.first; e <= v.last; e++ {
		text, class := v.label(e)
		y := v.y(e)
		v.canvas.line("rule", 16, y+stepHeight/2, v.width-16, y+stepHeight/2)
		if class == "wrong" {
			v.rect("fault", 16, y-stepHeight/2, v.width-32, stepHeight)
		}
		if e >= 0 && e < len(v.scenario.Events) {
			v.text("small end", 40, y+4, fmt.Sprint(e+1))
		}
		if class == "idle" {
			class = "idle muted"
		}
		v.text("mono "+class, 50, y+4, short(text, stepMost))
	}
}

// lanes draws each lane from its coming to its removal, and its times of compromise.
func (v *sequence) lanes() {
	for i, l := range v.record.Lanes {
		from, to := v.top-2, v.y(v.last)+stepHeight/2
		if l.Since >= 0 {
			from = v.y(l.Since)
		}
		if l.Until >= 0 {
			to = v.y(l.Until)
		}
		v.text("name middle", v.x(i), v.top-18, short(l.Name, laneWidth/monoWidth))
		v.canvas.line("lane", v.x(i), from, v.x(i), to)
		for _, s := range v.spans[l.Name] {
			end := v.y(s.to)
			if !s.healed {
				end = v.y(v.last) + stepHeight/2
			}
			v.rect("stolen", v.x(i)-7, v.y(s.from), 14, end-v.y(s.from))
			if s.healed {
				v.canvas.healed(v.x(i), end)
				v.text("small safe-words", v.x(i)+11, end+16, "healed")
			}
		}
		if l.Since >= 0 {
			v.shape("path", "start", `d="M%d %dh20"`, v.x(i)-10, from)
		}
		if l.Until >= 0 {
			v.cross("gone", v.x(i), to)
		}
	}
}

// arrow draws what has arrived somewhere.
func (v *sequence) arrow(a verdict.Arrival) {
	from, known := v.lane[a.From]
	to, there := v.lane[a.To]
	if !known || !there || from == to {
		return
	}
	class := "sync"
	if a.Message != "" {
		class = "message " + v.opennessOf(a).class() + "-line"
	}
	if a.Outcome != verdict.WasRead {
		class = "message failed-line"
	}
	x1, y1, x2, y2 := v.x(from), v.y(a.Sent), v.x(to), v.y(a.Event)
	v.group(fmt.Sprintf("%s from %s to %s: %s", orRecords(a.Message), a.From, a.To, a.Outcome), func() {
		v.canvas.line(class, x1, y1, x2, y2)
		v.head(class, a.Outcome, x1, y1, x2, y2)
	})
}

func orRecords(name string) string {
	if name == "" {
		return "records"
	}
	return name
}

func (v *sequence) opennessOf(a verdict.Arrival) openness {
	for i, m := range v.record.Messages {
		if m.Name == a.Message && m.Event == a.Sent && !m.Record {
			return v.open[i]
		}
	}
	return safe
}

// head draws the end of an arrow: a point if it was read, a cross if not.
func (v *sequence) head(class string, o verdict.Outcome, x1, y1, x2, y2 int) {
	if o != verdict.WasRead && o != verdict.Believed {
		side := 10
		if x1 > x2 {
			side = -10
		}
		v.cross("refused", x2-side, y2-(y2-y1)*abs(side)/max(abs(x2-x1), 1))
		v.text("small"+ending(side), x2-2*side, y2-5, string(o))
		return
	}
	dx, dy := float64(x2-x1), float64(y2-y1)
	length := max(1, math.Hypot(dx, dy))
	ux, uy := dx/length, dy/length
	bx, by := float64(x2)-8*ux, float64(y2)-8*uy
	v.shape("path", class+" head", `d="M%d %dL%.1f %.1fL%.1f %.1fz"`, x2, y2, bx-3.5*uy, by+3.5*ux, bx+3.5*uy,
		by-3.5*ux)
}

func ending(side int) string {
	if side > 0 {
		return " end"
	}
	return ""
}

// departure draws the sign of a message where it leaves, with its name.
func (v *sequence) departure(i int, m verdict.Travelled) {
	lane, ok := v.lane[m.From]
	if !ok {
		return
	}
	x, y := v.x(lane), v.y(m.Event)
	v.group(m.Name+": "+v.open[i].words(), func() {
		v.mark(v.open[i], x, y)
		if v.leftward(m, lane) {
			v.text("name", x+10, y-3, short(m.Name, 12))
		} else {
			v.text("name end", x-10, y-3, short(m.Name, 12))
		}
	})
}

// leftward reports whether a message goes to a lane on the left, so that its name has room on the right.
func (v *sequence) leftward(m verdict.Travelled, from int) bool {
	to := slices.IndexFunc(
		v.record.Lanes, func(l verdict.Lane) bool { return l.Name == m.To || account(l.Name) == m.To },
	)
	return to >= 0 && to < from
}

// event draws what happens on a lane itself.
func (v *sequence) event(event int) {
	e := v.scenario.Events[event]
	lane, ok := v.lane[e.By]
	if !ok || v.idle(event) {
		return
	}
	x, y := v.x(lane), v.y(event)
	switch e.Do {
	case scenario.Compromise:
		v.theft(x, y)
		v.text("small theft", x+11, y+4, "state copied")
	case scenario.Restart, scenario.Rollback:
		v.shape("circle", "again", `cx="%d" cy="%d" r="5"`, x, y)
		v.text("small", x+11, y+4, string(e.Do))
	case scenario.Rotate, scenario.Add, scenario.Remove:
		v.epoch(lane, y)
		v.text("small", x+11, y-4, "new epoch")
	case scenario.Crash:
		v.cross("gone", x, y)
		v.text("small", x+11, y+4, "crash")
	case scenario.Send, scenario.Deliver, scenario.Forge, scenario.Impersonate, scenario.Read, scenario.Release,
		scenario.Race:
	default:
		v.rect("did", x-3, y-3, 6, 6)
		v.text("small", x+9, y+4, string(e.Do))
	}
}

// epoch draws a bar over the lanes of an account.
func (v *sequence) epoch(lane, y int) {
	first, last := lane, lane
	for i, l := range v.record.Lanes {
		if account(l.Name) == account(v.record.Lanes[lane].Name) {
			first, last = min(first, i), max(last, i)
		}
	}
	v.rect("epoch", v.x(first)-laneWidth/2+14, y-2, (last-first+1)*laneWidth-28, 4)
}

// signs returns the legend: of what there is.
func (v *sequence) signs() []sign {
	signs := []sign{{"safe message", func(x, y int) { v.mark(safe, x, y) }}}
	for _, o := range []openness{allowed, readable, broken} {
		if slices.Contains(v.open, o) {
			signs = append(
				signs, sign{
					[...]string{
						"", "may be read, and was not", "the attacker can read it, as he may",
						"read, and must be secret",
					}[o], func(x, y int) { v.mark(o, x, y) },
				},
			)
		}
	}
	if len(v.victims) > 0 {
		signs = append(signs, sign{"state copied", v.theft}, sign{"healed", v.canvas.healed})
	}
	if slices.ContainsFunc(v.record.Arrivals, func(a verdict.Arrival) bool { return a.Message == "" }) {
		signs = append(signs, sign{"records between devices", func(x, y int) { v.canvas.line("sync", x-6, y, x+6, y) }})
	}
	return append(signs, v.keySigns()...)
}

func abs(n int) int { return max(n, -n) }

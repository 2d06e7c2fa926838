package report

import (
	"fmt"
	"slices"
	"strings"

	"credence/conformance/verdict"
)

// Measures of the exposure map.
const (
	columnWidth = 26
	rowHeight   = 22
	labelMost   = 26 // letters of the name of an event
)

// exposure is the map under way.
type exposure struct {
	*scene
	*canvas
	rows   []int // messages
	keys   []key // that should not be there
	left   int   // where the columns begin
	top    int   // where the rows begin
	bottom int
}

// key is a private key in a copy that should have been deleted.
type key struct {
	name  string
	event int
	how   string
}

func exposureMap(sc *scene) *canvas {
	m := &exposure{scene: sc, canvas: &canvas{title: "Who could read what: " + sc.heading(), desc: sc.summary()}}
	m.choose()
	m.measure()
	m.text("title", 16, 24, "Who could read what")
	m.text("small", 16, 42,
		short(strings.TrimSuffix(sc.heading()+": "+sc.scenario.Comment, ": "), (m.width-32)/textWidth))
	m.windows()
	m.events()
	for i, victim := range sc.victims {
		m.victim(victim, m.top-len(sc.victims)*rowHeight+i*rowHeight)
	}
	for i, message := range m.rows {
		m.row(message, m.top+i*rowHeight+rowHeight/2)
	}
	for i, k := range m.keys {
		m.key(k, m.top+(len(m.rows)+i)*rowHeight+rowHeight/2)
	}
	m.foot()
	return m.canvas
}

// choose takes entries, and records only if they were read although they are secret.
func (m *exposure) choose() {
	for i, t := range m.record.Messages {
		if !t.Record || m.open[i] == broken {
			m.rows = append(m.rows, i)
		}
	}
	for _, c := range m.record.Compromises {
		for _, e := range c.Exposed {
			if e.Index < 0 && opennessOf(e) == broken && len(m.keys) < 12 {
				m.keys = append(m.keys, key{e.Message, c.Event, e.Read})
			}
		}
	}
}

// measure returns the places of columns and rows.
func (m *exposure) measure() {
	names, events := len("state of ")+4, 0
	for _, i := range m.rows {
		names = max(names, len(m.name(i)))
	}
	for _, v := range m.victims {
		names = max(names, len("state of ")+len(v))
	}
	for e := m.first; e <= m.last; e++ {
		text, _ := m.label(e)
		events = max(events, len(short(text, labelMost)))
	}
	m.left = 24 + min(names, 36)*monoWidth + columnWidth/2
	m.top = 58 + events*monoWidth*3/4 + len(m.victims)*rowHeight + 12
	m.bottom = m.top + (len(m.rows)+len(m.keys))*rowHeight + 4
	m.width = max(m.x(m.last)+columnWidth/2+24+len(broken.words())*textWidth, m.x(m.last)+events*monoWidth*3/4, 640)
}

func (m *exposure) x(event int) int {
	return m.left + (m.clamp(event)-m.first)*columnWidth + columnWidth/2
}

func (m *exposure) name(message int) string {
	t := m.record.Messages[message]
	return fmt.Sprintf("%s  %s → %s", t.Name, t.From, t.To)
}

// windows shades the times of compromise. Times of several victims are shaded once.
func (m *exposure) windows() {
	var all []span
	for _, v := range m.victims {
		all = append(all, m.spans[v]...)
	}
	for _, s := range joined(all) {
		to := m.x(s.to)
		if !s.healed {
			to = m.x(m.last) + columnWidth/2
		}
		m.rect("window", m.x(s.from), m.top-4, to-m.x(s.from), m.bottom-m.top+4)
	}
	m.canvas.line("axis", 16, m.top-4, m.width-16, m.top-4)
	m.canvas.line("axis", 16, m.bottom, m.width-16, m.bottom)
}

// events draws the columns with their names.
func (m *exposure) events() {
	for e := m.first; e <= m.last; e++ {
		text, class := m.label(e)
		base := m.top - len(m.victims)*rowHeight - 10
		m.canvas.line("grid", m.x(e), base, m.x(e), m.bottom)
		m.group(fmt.Sprintf("event %d: %s", e+1, text),
			func() { m.slanted("mono slant "+class, m.x(e)+3, base-2, short(text, labelMost)) })
	}
}

// victim draws when the state of a lane was copied, and how long that was worth something.
func (m *exposure) victim(name string, y int) {
	middle := y + rowHeight/2 - 4
	m.text("mono end", m.left-4, middle+4, short("state of "+name, 36))
	for _, s := range m.spans[name] {
		to := m.x(s.to)
		if !s.healed {
			to = m.x(m.last) + columnWidth/2
		}
		m.rect("bar", m.x(s.from), middle-3, to-m.x(s.from), 6)
		if s.healed {
			m.group(fmt.Sprintf("healed: what the copies of %s open ends before event %d", name, s.to+1),
				func() { m.canvas.healed(to, middle) })
		} else {
			m.text("small", to+8, middle+4, "not healed")
		}
	}
	for _, c := range m.record.Compromises {
		if c.Who == name {
			m.group(fmt.Sprintf(
				"the state of %s is copied in event %d; it opens %d messages", c.Who, c.Event+1, len(c.Exposed),
			), func() { m.theft(m.x(c.Event), middle) })
		}
	}
}

// row draws a message: its way from the sender to who read it last, and who else could read it.
func (m *exposure) row(message, y int) {
	t := m.record.Messages[message]
	m.canvas.line("rule", 16, y+rowHeight/2, m.width-16, y+rowHeight/2)
	m.text("mono end", m.left-4, y+4, short(m.name(message), 36))
	m.way(t, y)
	m.group(m.tip(message), func() { m.marks(message, y) })
	m.text("small "+m.open[message].class()+"-words", m.x(m.last)+columnWidth/2+12, y+4, m.open[message].words())
}

// way draws how long a message was under way: a line to its last reading, or a dotted one to the end if nobody has read
// it.
func (m *exposure) way(t verdict.Travelled, y int) {
	last, read := t.Event, false
	for _, a := range m.record.Arrivals {
		if a.Message != t.Name || a.Sent != t.Event {
			continue
		}
		switch a.Outcome {
		case verdict.WasRead:
			last, read = max(last, a.Event), true
			m.shape("circle", "arrived", `cx="%d" cy="%d" r="3"`, m.x(a.Event), y)
		default:
			m.cross("refused", m.x(a.Event), y)
		}
	}
	if read {
		m.canvas.line("way", m.x(t.Event), y, m.x(last), y)
	} else {
		m.canvas.line("way lost", m.x(t.Event), y, m.x(m.last)+columnWidth/2, y)
	}
}

// marks draws the signs of a message. What was sent before a theft is marked there, what was sent later where it is
// sent.
func (m *exposure) marks(message, y int) {
	t := m.record.Messages[message]
	at := map[int]openness{}
	var events []int
	note := func(event int, o openness) {
		if !slices.Contains(events, event) {
			events = append(events, event)
		}
		at[event] = max(at[event], o)
	}
	note(t.Event, safe)
	for _, c := range m.record.Compromises {
		for _, e := range c.Exposed {
			if e.Index == message {
				note(max(c.Event, t.Event), opennessOf(e))
			}
		}
	}
	for _, e := range events {
		m.mark(at[e], m.x(e), y)
	}
}

// tip tells of a message how it could be read.
func (m *exposure) tip(message int) string {
	text := m.record.Messages[message].Name + ": " + m.open[message].words()
	for _, c := range m.record.Compromises {
		for _, e := range c.Exposed {
			if e.Index == message && opennessOf(e) == m.open[message] {
				return fmt.Sprintf(
					"%s, with the state of %s from event %d: %s", text, c.Who, c.Event+1,
					strings.TrimSuffix(e.Read+", "+string(e.Guarantee), ", "),
				)
			}
		}
	}
	return text
}

func (m *exposure) key(k key, y int) {
	m.canvas.line("rule", 16, y+rowHeight/2, m.width-16, y+rowHeight/2)
	m.text("mono end", m.left-4, y+4, short(k.name, 36))
	m.group(k.name+": "+k.how, func() { m.mark(broken, m.x(k.event), y) })
	m.text("small broken-words", m.x(m.last)+columnWidth/2+12, y+4, "should be deleted")
}

// foot draws the legend, and says what is not shown.
func (m *exposure) foot() {
	y := m.bottom + 20
	signs := []sign{
		{"sent, and safe", func(x, y int) { m.mark(safe, x, y) }},
		{"read by whom it is for", func(x, y int) { m.shape("circle", "arrived", `cx="%d" cy="%d" r="3"`, x, y) }},
		{"state copied", m.theft},
		{"the attacker can read it, as he may", func(x, y int) { m.mark(readable, x, y) }},
		{"he may, and could not", func(x, y int) { m.mark(allowed, x, y) }},
		{"read, and must be secret", func(x, y int) { m.mark(broken, x, y) }},
		{"healed", m.canvas.healed},
	}
	y += m.legend(16, y, m.width-32, signs)
	if n := len(m.record.Messages) - len(m.rows); n > 0 {
		m.text("small", 16, y+4, fmt.Sprintf("%d records between the devices of an account are not shown.", n))
		y += lineHeight
	}
	if len(m.record.Compromises) == 0 {
		m.text("small", 16, y+4, "No copy of a state was judged.")
		y += lineHeight
	}
	m.height = y + 4
}

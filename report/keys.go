package report

import (
	"cmp"
	"fmt"
	"slices"

	"credence/conformance/verdict"
)

// Measures of the keys beside a sequence.
const (
	keyWidth = 8
	keyGap   = 24
	mostKeys = 20 // columns of a lane
)

// keyKinds are the kinds of keys, in the order of their columns.
var keyKinds = []verdict.KeyKind{verdict.RootKey, verdict.RatchetKey, verdict.ChainKey, verdict.MessageKey}

func keyClass(kind verdict.KeyKind) string {
	return [...]string{"root", "ratchet", "chain", "skipped"}[max(0, slices.Index(keyKinds, kind))]
}

// keyBar is the life of a key with its column.
type keyBar struct {
	verdict.Life
	column int
}

// keyBars places the keys of a lane side by side: each takes the first column of its kind that is free.
func keyBars(lives []verdict.Life) (bars []keyBar, columns int) {
	for _, kind := range keyKinds {
		var free []int // the event from which a column of the kind is free
		for _, l := range lives {
			if l.Kind != kind {
				continue
			}
			until := l.Until
			if until < 0 {
				until = mostEvents + 1
			}
			i := slices.IndexFunc(free, func(from int) bool { return from <= l.Since })
			if i < 0 {
				i, free = len(free), append(free, 0)
			}
			free[i] = until
			bars = append(bars, keyBar{l, columns + i})
		}
		columns += len(free)
	}
	return bars, columns
}

// keysOf returns the lives of the keys of a lane, the oldest first.
func (v *sequence) keysOf(lane string) (lives []verdict.Life) {
	for _, l := range v.record.Keys {
		if l.Lane == lane {
			lives = append(lives, l)
		}
	}
	slices.SortStableFunc(lives, func(a, b verdict.Life) int { return cmp.Compare(a.Since, b.Since) })
	return lives
}

// keyBlock is the keys of a lane, at their place.
type keyBlock struct {
	lane    string
	bars    []keyBar
	columns int
	x       int
}

// placeKeys returns each lane that has keys a place beside the lanes, from x on, and gives the x after the last.
func (v *sequence) placeKeys(x int) int {
	for _, l := range v.record.Lanes {
		bars, columns := keyBars(v.keysOf(l.Name))
		if columns > 0 {
			v.keys = append(v.keys, keyBlock{l.Name, bars, columns, x})
			x += max(min(columns, mostKeys)*keyWidth, (len("keys of ")+min(len(l.Name), 12))*monoWidth) + keyGap
		}
	}
	return x
}

// block draws which keys a lane has from event to event.
func (v *sequence) block(k keyBlock) {
	v.text("name", k.x, v.top-18, "keys of "+short(k.lane, 12))
	for _, b := range k.bars {
		if b.column < mostKeys {
			v.life(k.x+b.column*keyWidth, b)
		}
	}
	if k.columns > mostKeys {
		v.text("small", k.x, v.top-4, fmt.Sprintf("and %d columns more", k.columns-mostKeys))
	}
}

// life draws the life of a key: from its birth to its death, which has a bar across, or to the end.
func (v *sequence) life(x int, b keyBar) {
	top, bottom, since, until := v.y(b.Since), v.y(v.last)+stepHeight/2, "from the beginning", "to the end"
	if b.Since >= 0 {
		since = fmt.Sprintf("from event %d", b.Since+1)
	}
	if b.Until >= 0 {
		bottom, until = v.y(b.Until)-4, fmt.Sprintf("until event %d", b.Until+1)
	}
	v.group(fmt.Sprintf("%s of %s, %s %s", b.Kind, b.Lane, since, until), func() {
		v.rect("key "+keyClass(b.Kind), x, top, keyWidth-4, bottom-top)
		if b.Until >= 0 {
			v.canvas.line("death", x-1, bottom, x+keyWidth-3, bottom)
		}
	})
}

// keySigns explains the bars, of what there is.
func (v *sequence) keySigns() (signs []sign) {
	for _, kind := range keyKinds {
		if slices.ContainsFunc(v.record.Keys, func(l verdict.Life) bool { return l.Kind == kind }) {
			words := string(kind)
			if kind == verdict.MessageKey {
				words = "skipped message key"
			}
			signs = append(
				signs, sign{words, func(x, y int) { v.rect("key "+keyClass(kind), x-2, y-6, keyWidth-4, 12) }},
			)
		}
	}
	return signs
}

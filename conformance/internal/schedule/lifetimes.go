package schedule

import (
	"cmp"
	"slices"

	"credence/conformance/internal/adversary"
	"credence/conformance/verdict"
)

// Lifetimes follows the keys of lanes: it has the place of each living key in the record.
type Lifetimes map[keyOf]int // -> its place in the record, while it lives

type keyOf struct {
	lane string
	adversary.Key
}

// See notes what a lane has after an event: what is new is born, and what is not there any more has died.
func (l Lifetimes) See(r *verdict.Record, event int, lane string, keys []adversary.Key) {
	slices.SortFunc(
		keys, func(a, b adversary.Key) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) },
	)
	has := map[adversary.Key]bool{}
	for _, k := range keys {
		has[k] = true
		if _, alive := l[keyOf{lane, k}]; !alive {
			l[keyOf{lane, k}] = len(r.Keys)
			r.Keys = append(r.Keys, verdict.Life{Lane: lane, Kind: k.Kind, Since: event, Until: -1})
		}
	}
	for k, i := range l {
		if k.lane == lane && !has[k.Key] {
			r.Keys[i].Until = event
			delete(l, k)
		}
	}
}

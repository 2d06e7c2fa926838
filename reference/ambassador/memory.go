package ambassador

import (
	"maps"
	"slices"

	"credence/reference/account"
	"credence/reference/channel"
)

// memoryLimit bounds the places of a conversation that a device remembers (AMB-SYN-29).
const memoryLimit = 1000

// memory is what a device remembers of the places of an epoch, until every sibling has claimed them or later ones: so
// that what a sibling says late can be compared.
type memory struct {
	places  []channel.Claim             // ascending
	claimed map[account.DeviceID]uint64 // the highest place that a sibling has claimed
}

func (m memory) clone() memory {
	return memory{slices.Clone(m.places), maps.Clone(m.claimed)}
}

// add remembers the newest place for the siblings.
func (m *memory) add(place channel.Claim, siblings []account.DeviceID) {
	m.places = append(m.places, place)
	m.forget(siblings)
}

// agrees reports whether a claim of a place that was passed is what this device has there. What is not remembered any
// more agrees only if its sender has claimed that place or a later one before (AMB-SYN-28).
func (m *memory) agrees(from account.DeviceID, claim channel.Claim) bool {
	if mine := m.at(claim.Seq, channel.Claim{}); mine.Seq > 0 {
		return mine == claim
	}
	return claim.Seq <= m.claimed[from]
}

// at returns what this device has at a place, or another claim if it does not remember that place.
func (m *memory) at(seq uint64, otherwise channel.Claim) channel.Claim {
	i := slices.IndexFunc(m.places, func(p channel.Claim) bool { return p.Seq == seq })
	if i < 0 {
		return otherwise
	}
	return m.places[i]
}

// heard notes how far a sibling has claimed.
func (m *memory) heard(from account.DeviceID, seq uint64, siblings []account.DeviceID) {
	m.claimed[from] = max(m.claimed[from], seq)
	m.forget(siblings)
}

// forget drops the places that every sibling has claimed, and the oldest beyond the limit. The newest stays
// (AMB-SYN-29).
func (m *memory) forget(siblings []account.DeviceID) {
	if len(m.places) == 0 {
		return
	}
	newest := m.places[len(m.places)-1].Seq
	least := newest
	for _, id := range siblings {
		least = min(least, m.claimed[id])
	}
	m.places = slices.DeleteFunc(m.places, func(p channel.Claim) bool {
		return p.Seq <= least && p.Seq < newest
	})
	m.places = m.places[max(0, len(m.places)-memoryLimit):]
}

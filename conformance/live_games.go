package conformance

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/postoffice"
)

// run is one way in which an account can live: the counterparty must not be able to tell it from another one (AMB-INV-17).
type run struct {
	size    int    // devices at the beginning
	senders []int  // of the account's entries, in turn
	change  string // what the rotation in the middle does: nothing, add, remove
	offline bool   // the leader reads nothing but before it rotates
}

// liveGames are the privacy games: each compares two runs.
func liveGames() []testCase {
	var cases []testCase
	for _, g := range []struct {
		name, comment string
		one, other    run
	}{
		{"device-count", "an account of one device and one of four", run{size: 1, senders: []int{0, 0, 0}}, run{size: 4, senders: []int{0, 0, 0}}},
		{"sending-device", "the leader sends, or companions do", run{size: 3, senders: []int{0, 0, 0}}, run{size: 3, senders: []int{1, 2, 1}}},
		{"add-or-remove", "a device is added, or one is removed", run{size: 2, senders: []int{0, 0, 0}, change: "add"}, run{size: 2, senders: []int{0, 0, 0}, change: "remove"}},
		{"change-or-none", "a device is added, or a new epoch changes nothing", run{size: 2, senders: []int{1, 1, 1}, change: "add"}, run{size: 2, senders: []int{1, 1, 1}}},
		{"leader-offline", "the leader is online, or offline", run{size: 2, senders: []int{1, 1, 1}}, run{size: 2, senders: []int{1, 1, 1}, offline: true}},
	} {
		cases = append(cases, worldCase("ambassador", "game-"+g.name, "the counterparty sees the same: "+g.comment, []string{"AMB-INV-17", "AMB-PRV-01"}, func(w *world) error { return w.indistinguishable(g.one, g.other) }))
	}
	return cases
}

// sight is something that a counterparty gets of an account.
type sight struct {
	kind string
	b    []byte
}

// counterpartyView is a post office that notes what the accounts other than of get of it.
type counterpartyView struct {
	postoffice.Service
	of   account.ID
	seen []sight
}

func (v *counterpartyView) Append(commit []byte) error {
	err := v.Service.Append(commit)
	m := &postoffice.Commit{}
	if err == nil && codec.Decode(commit, m) == nil && m.Kind == postoffice.KindEntry && m.Account == v.of {
		v.seen = append(v.seen, sight{"entry", m.Entry})
	}
	return err
}

func (v *counterpartyView) Bundle(id account.ID) ([]byte, error) {
	b, err := v.Service.Bundle(id)
	if id == v.of {
		v.seen = append(v.seen, sight{"bundle", b})
	}
	return b, err
}

// indistinguishable compares what the counterparty gets in two runs: byte by byte if the random values can be given, and in kind and
// size if they are the target's own.
func (w *world) indistinguishable(one, other run) error {
	if w.hello.Injects {
		if err := w.compareRuns(one, other, true); err != nil {
			return err
		}
	}
	return w.compareRuns(one, other, false)
}

func (w *world) compareRuns(one, other run, coins bool) error {
	a, err := w.live(one, coins)
	if err != nil {
		return err
	}
	b, err := w.live(other, coins)
	if err != nil {
		return err
	}
	describe := func(s []sight, i int) string {
		if i >= len(s) {
			return "nothing"
		}
		if coins {
			return fmt.Sprintf("%s %x", s[i].kind, s[i].b)
		}
		return fmt.Sprintf("%s of %d bytes", s[i].kind, len(s[i].b))
	}
	for i := range max(len(a), len(b)) {
		if x, y := describe(a, i), describe(b, i); x != y {
			return w.fail(Mismatch, fmt.Sprintf("what the counterparty gets as number %d differs between the two runs", i+1), x, y)
		}
	}
	return nil
}

// live lets an account live a run, and gives what its counterparty has got.
func (w *world) live(r run, coins bool) ([]sight, error) {
	view := &counterpartyView{Service: newWorld(w.tester).office}
	fresh := &world{tester: w.tester, office: view, devices: w.devices + 100} // names that are not in use
	w.devices += 200
	if coins {
		fresh.coins = coinsOf
		fresh.tester = w.withRandom(rand.NewChaCha8(sha256.Sum256([]byte("the counterparty's coins"))))
	}
	alice, err := fresh.register(true)
	if err != nil {
		return nil, err
	}
	bob, b, err := fresh.bob()
	if err != nil {
		return nil, err
	}
	view.of = alice.Device.Account()
	g := &game{world: fresh, run: r, alice: []*member{alice}, a: view.of, b: b, bob: bob[0]}
	return g.view(view)
}

// coinsOf gives the random values for an action: the same for the same label, whoever acts.
func coinsOf(label string) []byte {
	out := make([]byte, 4096)
	rand.NewChaCha8(sha256.Sum256([]byte(label))).Read(out)
	return out
}

// game is a run under way.
type game struct {
	*world
	run
	alice []*member
	bob   *member
	a, b  account.ID
}

func (g *game) view(v *counterpartyView) ([]sight, error) {
	const most = 4 // devices; the others rotate as often, so that the epochs are equal
	for len(g.alice) < g.size {
		if err := g.link(); err != nil {
			return nil, err
		}
	}
	for range most - g.size {
		if err := g.refusedReference(g.alice[0].Rotate(ambassador.Change{})); err != nil {
			return nil, err
		}
	}
	v.seen = nil
	err := first(
		func() error { return g.says(0, "first") }, func() error { return g.hears("second") }, func() error { return g.says(1, "third") },
		g.changes,
		func() error { return g.says(2, "fourth") }, func() error { return g.hears("fifth") }, func() error { return g.says(0, "sixth") },
	)
	if err != nil {
		return nil, err
	}
	if _, err := g.office.Bundle(g.a); err != nil {
		return nil, err
	}
	return slices.Clone(v.seen), nil
}

func (g *game) link() error {
	m, err := g.world.link(g.alice[0], true)
	if err == nil {
		g.alice = append(g.alice, m)
	}
	return err
}

func (g *game) says(turn int, text string) error {
	if err := g.send(g.alice[g.senders[turn]], g.b, text); err != nil {
		return err
	}
	if g.offline {
		return nil
	}
	return g.sync(g.alice)
}

func (g *game) hears(text string) error { return g.send(g.bob, g.a, text) }

// changes rotates.
func (g *game) changes() error {
	switch g.change {
	case "add":
		return g.link()
	case "remove":
		last := g.alice[len(g.alice)-1]
		g.alice = g.alice[:len(g.alice)-1]
		return g.refusedReference(g.alice[0].Rotate(ambassador.Change{Remove: []account.DeviceID{last.Device.ID()}}))
	}
	return g.refusedReference(g.alice[0].Rotate(ambassador.Change{}))
}

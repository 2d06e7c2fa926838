package devices

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/postoffice"
)

// Games returns the privacy games. Each compares two lives of an account, which its counterparty must not be able to
// tell apart (AMB-INV-17).
func Games() []suite.Test {
	game := func(name, place, comment string, one, other life) suite.Test {
		return world.Test("ambassador", "game-"+name, "the counterparty sees the same: "+comment,
			world.Requirements("AMB-INV-17 "+place, "AMB-PRV-01 bundle entry"),
			func(w *world.World) { indistinguishable(w, one, other) })
	}
	leader, companion := []int{0, 0, 0}, []int{1, 1, 1}
	return []suite.Test{
		game("device-count", "number", "an account of one device and one of four",
			life{size: 1, senders: leader}, life{size: 4, senders: leader}),
		game("sending-device", "sender", "the leader sends, or companions do",
			life{size: 3, senders: leader}, life{size: 3, senders: []int{1, 2, 1}}),
		game("add-or-remove", "change", "a device is added, or one is removed",
			life{size: 2, senders: leader, change: adds}, life{size: 2, senders: leader, change: removes}),
		game("change-or-none", "change", "a device is added, or a new epoch changes nothing",
			life{size: 2, senders: companion, change: adds}, life{size: 2, senders: companion}),
		game("leader-offline", "sender", "the leader is online, or offline",
			life{size: 2, senders: companion}, life{size: 2, senders: companion, offline: true}),
	}
}

// indistinguishable compares what the counterparty gets in two lives: byte by byte if the target takes its random
// values from the suite, and in kind and size if they are its own.
func indistinguishable(w *world.World, one, other life) {
	if w.Hello.Injects {
		compare(w, viewOf(w, one, coins), viewOf(w, other, coins), sight.String)
	}
	compare(w, viewOf(w, one, nil), viewOf(w, other, nil), sight.shape)
}

// compare stops the test at the first thing that looks different.
func compare(w *world.World, one, other []sight, look func(s sight) string) {
	nth := func(all []sight, i int) string {
		if i >= len(all) {
			return "nothing"
		}
		return look(all[i])
	}
	for i := range max(len(one), len(other)) {
		if x, y := nth(one, i), nth(other, i); x != y {
			w.Violation(verdict.Mismatch,
				fmt.Sprintf("what the counterparty gets as number %d differs between the two runs", i+1), x, y)
		}
	}
}

// sight is something that a counterparty gets of an account.
type sight struct {
	kind string
	b    []byte
}

func (s sight) String() string { return fmt.Sprintf("%s %x", s.kind, s.b) }

// shape returns what there is to see of a sight with random values in it.
func (s sight) shape() string { return fmt.Sprintf("%s of %d bytes", s.kind, len(s.b)) }

// counterpartyView is a post office that notes what others get of one account.
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

// coins returns the random values for an action: the same for the same label, whoever acts.
func coins(label string) []byte {
	out := make([]byte, 4096)
	chaCha8(label).Read(out)
	return out
}

func chaCha8(label string) *rand.ChaCha8 { return rand.NewChaCha8(sha256.Sum256([]byte(label))) }

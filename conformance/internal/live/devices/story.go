package devices

import (
	"fmt"
	"slices"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
)

// Story takes an account through all that happens in the life of one, with nobody breaking a rule.
func Story(w *world.World, c world.Cast) {
	two := w.Meet(c)
	converse(w, two)
	removed := replaceDevice(w, two, c.Target[1])
	recoverAll(w, two)
	if read := removed.Texts(); slices.Contains(read, "after the removal") || slices.Contains(read, "good") {
		w.Violation(verdict.Mismatch, "the removed device has read what came after its removal", "nothing of it",
			fmt.Sprint(read))
	}
	w.ReadOnce(two.Alice[1],
		"answer", "the leader goes on", "a companion that was offline", "and it goes on",
		"from the added device", "to four devices", "after the removal", "good")
}

// converse lets every device of the account send, online or not.
func converse(w *world.World, two *world.Two) {
	alice, bob := two.Alice, two.Bob
	w.Send(alice[1], two.B, "first contact, by a companion")
	w.Send(bob[1], two.A, "answer")
	w.Send(alice[0], two.B, "the leader goes on")
	w.Send(alice[2], two.B, "a companion that was offline")
	w.Send(alice[1], two.B, "the leader is offline")
	w.Send(bob[0], two.A, "and it goes on")
	w.Sync(alice, bob)
	bothInStep(w, two)
}

// replaceDevice adds a device of the target or of the reference to the account, and removes the third, which it
// returns.
func replaceDevice(w *world.World, two *world.Two, ofTarget bool) (removed *world.Member) {
	leader := two.Alice[0]
	added := w.Link(leader, ofTarget)
	removed = two.Alice[2]
	two.Alice = []*world.Member{leader, two.Alice[1], added}
	w.Send(added, two.B, "from the added device")
	w.Send(two.Bob[0], two.A, "to four devices")
	four := append(slices.Clone(two.Alice), removed)
	w.Sync(two.Alice, two.Bob, []*world.Member{removed})
	w.InStep(four, two.B)
	w.Understood(leader.Rotate(ambassador.Change{Remove: []account.DeviceID{removed.Device.ID()}}))
	w.Send(two.Bob[1], two.A, "after the removal")
	w.Send(two.Alice[1], two.B, "understood")
	return removed
}

// recoverAll uses up the prekeys of the account, publishes new ones, and lets every device heal.
func recoverAll(w *world.World, two *world.Two) {
	leader, companion := two.Alice[0], two.Alice[1]
	for range account.Batch {
		_, err := w.Office.Bundle(leader.Device.Account())
		w.Understood(err)
	}
	w.Understood(companion.Replenish(account.Batch))
	w.Understood(leader.Prepare(nil))
	w.Sync(two.Alice, two.Alice)
	w.Understood(leader.Rotate(ambassador.Change{}))
	w.Send(companion, two.B, "recovered")
	w.Send(two.Bob[0], two.A, "good")
	w.Sync(two.Alice, two.Bob)
	bothInStep(w, two)
}

// bothInStep stops the test unless all devices of each account have the same conversation.
func bothInStep(w *world.World, two *world.Two) {
	w.InStep(two.Alice, two.B)
	w.InStep(two.Bob, two.A)
}

package devices

import (
	"fmt"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/ambassador"
)

// watchKeys puts a post office around that of a world that looks at the keys of what is sent.
func watchKeys(w *world.World) *world.KeyWatch {
	watch := world.NewKeyWatch(w.Office)
	w.Office = watch
	return watch
}

// Schedule lets devices of both sides send, read and restart in an order that the seed gives.
func Schedule(w *world.World, c world.Cast) {
	watch := watchKeys(w)
	two := w.Meet(c)
	var said []string
	for i := range 40 {
		from, to := sender(w, two)
		text := fmt.Sprintf("text %d", i)
		said = append(said, text)
		w.Send(from, to, text)
		if m := drawn(w, two.Alice); m.Name != "" && w.Random.Uint64()%4 == 0 {
			w.Restart(m)
		}
	}
	w.Sync(two.Alice, two.Bob)
	bothInStep(w, two)
	w.UsedOnce(watch)
	for _, m := range two.Alice {
		readEachOnce(w, m, said)
	}
}

// drawn draws one of the members.
func drawn(w *world.World, members []*world.Member) *world.Member {
	return members[w.Random.Uint64()%uint64(len(members))]
}

// sender draws who sends next, and returns the recipient too. Two of three entries are the account's under test.
func sender(w *world.World, two *world.Two) (from *world.Member, to account.ID) {
	from = drawn(w, two.Alice)
	if w.Random.Uint64()%3 == 0 {
		return drawn(w, two.Bob), two.A
	}
	return from, two.B
}

// readEachOnce stops the test unless a device has read each text once, but for those that it has sent itself.
func readEachOnce(w *world.World, m *world.Member, said []string) {
	read := map[string]int{}
	for _, text := range m.Texts() {
		read[text]++
	}
	var unread []string
	for _, text := range said {
		if read[text] == 0 {
			unread = append(unread, text)
		}
	}
	complete := len(unread) <= accepted(m)
	for _, text := range said {
		if read[text] > 1 || read[text] == 0 && !complete {
			w.Violation(verdict.Mismatch, "a text was not read exactly once by a device that did not send it", "1",
				fmt.Sprintf("%q: %d", text, read[text]))
		}
	}
}

// accepted returns how many entries of a device the post office has taken.
func accepted(m *world.Member) (n int) {
	for _, e := range m.Events {
		if e.Kind == ambassador.Accepted {
			n++
		}
	}
	return n
}

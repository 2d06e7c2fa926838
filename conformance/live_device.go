package conformance

import (
	"bytes"
	"fmt"
	"slices"

	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/params"
	"credence/reference/postoffice"
	"credence/reference/wire"
	"credence/shim"
	"credence/spec/refusal"
)

// liveDevices are the tests in which the target plays devices of an account and everybody keeps the rules.
func liveDevices() []testCase {
	cases := castCases("story", "first contact, both directions, racing siblings, an offline companion, a device added, one removed, prekeys exhausted, the leader offline, recovery",
		[]string{"AMB-LOG-03", "AMB-LOG-04", "AMB-LOG-06", "AMB-LOG-11", "AMB-SYN-01", "AMB-ROT-05", "AMB-ROT-07", "AMB-ROT-11"}, story)
	cases = append(cases, castCases("schedule", "a long conversation under a random schedule: every plaintext arrives once, no ratchet key is used twice in any ciphertext, refused ones included",
		[]string{"AMB-LOG-04", "AMB-LOG-06", "AMB-LOG-09", "AMB-LOG-11", "AMB-SYN-03", "AMB-SYN-09", "AMB-SYN-10"}, deviceSchedule)...)
	cases = append(cases, castCases("racing", "siblings and a counterparty commit for the same place; the losers leave no trace and send anew",
		[]string{"AMB-LOG-09", "AMB-SYN-09", "AMB-PST-05", "AMB-PST-06"}, racing)...)
	return append(cases,
		worldCase("ambassador", "shape", "bundle and entries have the same size whatever the number of devices and whichever sends", []string{"AMB-PRV-01", "AMB-ACC-04"}, sameShape),
		worldCase("ambassador", "deterministic", "two copies of a device read the same mails and have the same state: nothing is drawn", []string{"AMB-LOG-06", "AMB-RAT-14", "AMB-SYN-03", "AMB-INV-04"}, readsDeterministically),
	)
}

// bob makes the other account: two devices of the reference.
func (w *world) bob() ([]*member, account.ID, error) {
	leader, err := w.register(false)
	if err != nil {
		return nil, account.ID{}, err
	}
	second, err := w.link(leader, false)
	return []*member{leader, second}, leader.Device.Account(), err
}

// family is the account under test, and Bob's, two devices of the reference.
type family struct {
	alice, bob []*member
	a, b       account.ID
}

// meet makes the two accounts.
func (w *world) meet(c cast) (*family, error) {
	alice, err := w.play(c)
	if err != nil {
		return nil, err
	}
	bob, b, err := w.bob()
	if err != nil {
		return nil, err
	}
	return &family{alice, bob, alice[0].Device.Account(), b}, nil
}

// begun is meet, and a conversation that has begun.
func (w *world) begun(c cast) (*family, error) {
	f, err := w.meet(c)
	if err != nil {
		return nil, err
	}
	return f, first(
		func() error { return w.send(f.alice[0], f.b, "start") }, func() error { return w.send(f.bob[0], f.a, "answer") },
		func() error { return w.sync(f.alice, f.bob) },
	)
}

func story(w *world, c cast) error {
	f, err := w.meet(c)
	if err != nil {
		return err
	}
	alice, bob, a, b := f.alice, f.bob, f.a, f.b
	send := func(m *member, to account.ID, text string) func() error {
		return func() error { return w.send(m, to, text) }
	}
	err = first(
		send(alice[1], b, "first contact, by a companion"), send(bob[1], a, "answer"),
		send(alice[0], b, "the leader goes on"), send(alice[2], b, "a companion that was offline"),
		send(alice[1], b, "the leader is offline"), send(bob[0], a, "and it goes on"),
		func() error { return w.sync(alice, bob) },
		func() error { return w.inStep(alice, b) }, func() error { return w.inStep(bob, a) },
	)
	if err != nil {
		return err
	}
	added, err := w.link(alice[0], c.target[1])
	if err != nil {
		return err
	}
	removed := alice[2]
	alice = []*member{alice[0], alice[1], added}
	err = first(
		send(added, b, "from the added device"), send(bob[0], a, "to four devices"),
		func() error { return w.sync(alice, bob, []*member{removed}) },
		func() error { return w.inStep(append(slices.Clone(alice), removed), b) },
		func() error {
			return w.refusedReference(alice[0].Rotate(ambassador.Change{Remove: []account.DeviceID{removed.Device.ID()}}))
		},
		send(bob[1], a, "after the removal"), send(alice[1], b, "understood"),
		func() error { return w.exhaust(alice[0]) },
		func() error { return w.refusedReference(alice[1].Replenish(account.Batch)) },
		func() error { return w.refusedReference(alice[0].Prepare(nil)) },
		func() error { return w.sync(alice, alice) },
		func() error { return w.refusedReference(alice[0].Rotate(ambassador.Change{})) },
		send(alice[1], b, "recovered"), send(bob[0], a, "good"),
		func() error { return w.sync(alice, bob) },
		func() error { return w.inStep(alice, b) }, func() error { return w.inStep(bob, a) },
	)
	if err != nil {
		return err
	}
	if read := removed.texts(); slices.Contains(read, "after the removal") || slices.Contains(read, "good") {
		return w.fail(Mismatch, "the removed device has read what came after its removal", "nothing of it", fmt.Sprint(read))
	}
	return w.readOnce(alice[1], []string{"answer", "the leader goes on", "a companion that was offline", "and it goes on", "from the added device", "to four devices", "after the removal", "good"})
}

// exhaust takes all one-time prekeys of an account.
func (w *world) exhaust(m *member) error {
	for range account.Batch {
		if _, err := w.office.Bundle(m.Device.Account()); err != nil {
			return err
		}
	}
	return nil
}

// readOnce fails unless a device has read each text exactly once, in this order.
func (w *world) readOnce(m *member, texts []string) error {
	if got := m.texts(); !slices.Equal(got, texts) {
		return w.fail(Mismatch, "a device has not read every text exactly once", fmt.Sprintf("%q", texts), fmt.Sprintf("%q", got))
	}
	return nil
}

// keyWatch is a post office that looks at every ciphertext that anybody has emitted, accepted or not.
type keyWatch struct {
	postoffice.Service
	seen  map[string][]byte // ratchet key and number of a message -> the message
	twice bool
}

func newKeyWatch(s postoffice.Service) *keyWatch {
	return &keyWatch{Service: s, seen: map[string][]byte{}}
}

func (k *keyWatch) Append(commit []byte) error {
	m := &postoffice.Commit{}
	if codec.Decode(commit, m) != nil {
		return k.Service.Append(commit)
	}
	if e, err := conversation.ParseEntry(m.Entry); err == nil {
		k.look("entry", e.Message, false)
	}
	for _, p := range m.Parcels {
		message := p.Body
		if i, err := wire.ParseInitial(params.AmbassadorV1, p.Body); err == nil {
			message = i.Message
		}
		k.look("parcel", message, true)
	}
	return k.Service.Append(commit)
}

// look compares a message with what was sent under the same key. In an entry the ratchet key alone must be new; in a channel
// it goes on for a while, with a number for each message.
func (k *keyWatch) look(kind string, message []byte, numbered bool) {
	m, err := wire.Parse(params.AmbassadorV1, message)
	if err != nil {
		return
	}
	name := fmt.Sprintf("%s %x", kind, m.Header.Key)
	if numbered {
		name += fmt.Sprint(" ", m.Header.N)
	}
	if other, ok := k.seen[name]; ok && !bytes.Equal(other, message) {
		k.twice = true
	}
	k.seen[name] = message
}

// usedOnce fails if a message key has sealed two messages.
func (w *world) usedOnce(k *keyWatch) error {
	if k.twice {
		return w.fail(Mismatch, "a key was used for two messages", "a ratchet key of its own in every entry, a number of its own in every channel message", "the same key twice")
	}
	return nil
}

// deviceSchedule lets devices of both sides send, read, restart and race in an order that the seed gives.
func deviceSchedule(w *world, c cast) error {
	watch := newKeyWatch(w.office)
	w.office = watch
	f, err := w.meet(c)
	if err != nil {
		return err
	}
	alice, bob, a, b := f.alice, f.bob, f.a, f.b
	var said []string
	for i := range 40 {
		pick := func(members []*member) *member { return members[w.random.Uint64()%uint64(len(members))] }
		from, to := pick(alice), b
		if w.random.Uint64()%3 == 0 {
			from, to = pick(bob), a
		}
		text := fmt.Sprintf("text %d", i)
		said = append(said, text)
		if err := w.send(from, to, text); err != nil {
			return err
		}
		if m := pick(alice); m.name != "" && w.random.Uint64()%4 == 0 {
			if err := w.restart(m); err != nil {
				return err
			}
		}
	}
	if err := first(
		func() error { return w.sync(alice, bob) },
		func() error { return w.inStep(alice, b) }, func() error { return w.inStep(bob, a) },
	); err != nil {
		return err
	}
	if err := w.usedOnce(watch); err != nil {
		return err
	}
	for _, m := range alice {
		read := map[string]int{}
		for _, text := range m.texts() {
			read[text]++
		}
		for _, text := range said {
			if read[text] > 1 || read[text] == 0 && !slices.Contains(m.sent(said), text) {
				return w.fail(Mismatch, "a text was not read exactly once by a device that did not send it", "1", fmt.Sprintf("%q: %d", text, read[text]))
			}
		}
	}
	return nil
}

// sent gives the texts that a device has not read, which are as many as it has sent.
func (m *member) sent(said []string) []string {
	own := 0
	for _, e := range m.events {
		if e.Kind == ambassador.Accepted {
			own++
		}
	}
	var unread []string
	for _, text := range said {
		if !slices.Contains(m.texts(), text) {
			unread = append(unread, text)
		}
	}
	if len(unread) > own {
		return nil
	}
	return unread
}

// restart exports a device of the target and imports it under a new name.
func (w *world) restart(m *member) error {
	d, ok := m.Device.(shimmed)
	if !ok {
		return nil
	}
	r, err := w.must(shim.DeviceExport, shim.Params{Party: d.party()})
	if err != nil {
		return err
	}
	name := w.newName()
	if _, err := w.must(shim.DeviceImport, shim.Params{Party: name, State: r.State}); err != nil {
		return err
	}
	d.rename(name)
	m.name = name
	return nil
}

// racing makes three commits for one place and brings them in turn.
func racing(w *world, c cast) error {
	watch := newKeyWatch(w.office)
	w.office = watch
	f, err := w.meet(c)
	if err != nil {
		return err
	}
	alice, bob, a, b := f.alice, f.bob, f.a, f.b
	if err := first(func() error { return w.send(alice[0], b, "start") }, func() error { return w.sync(alice, bob) }); err != nil {
		return err
	}
	racers := []*member{bob[0], alice[0], alice[1], alice[2]}
	var commits [][]byte
	var before []state
	for i, m := range racers {
		to := b
		if i == 0 {
			to = a
		}
		s, err := w.state(m, to)
		if err != nil {
			return err
		}
		before = append(before, s)
		commit, err := m.Device.Send(to, fmt.Appendf(nil, "racer %d", i), nil, w.random)
		if err != nil {
			return w.refusedReference(err)
		}
		commits = append(commits, commit)
	}
	if err := w.office.Append(commits[0]); err != nil {
		return w.refusedReference(err)
	}
	for i, m := range racers[1:] {
		if err := w.office.Append(commits[i+1]); refusal.Of(err) != refusal.Conflict {
			return w.fail(Mismatch, "a commit for a place that is taken", "conflict", fmt.Sprint(err))
		}
		m.Device.PostOfficeRefused()
		s, err := w.state(m, b)
		if err != nil {
			return err
		}
		if s != before[i+1] {
			return w.fail(StateChanged, "a refused commit has left a trace in the conversation", "the conversation as before", fmt.Sprintf("seq %d, digest %x", s.seq, s.digest))
		}
	}
	return first(
		func() error { return w.send(alice[0], b, "again 0") }, func() error { return w.send(alice[1], b, "again 1") },
		func() error { return w.send(alice[2], b, "again 2") }, func() error { return w.sync(alice, bob) },
		func() error { return w.inStep(alice, b) }, func() error { return w.inStep(bob, a) },
		func() error { return w.usedOnce(watch) },
		func() error { return w.readOnce(bob[1], []string{"start", "racer 0", "again 0", "again 1", "again 2"}) },
	)
}

// sizes is a post office that notes what a counterparty gets.
type sizes struct {
	postoffice.Service
	entries, bundles []int
}

func (s *sizes) Append(commit []byte) error {
	m := &postoffice.Commit{}
	if codec.Decode(commit, m) == nil && m.Kind == postoffice.KindEntry {
		s.entries = append(s.entries, len(m.Entry))
	}
	return s.Service.Append(commit)
}

func (s *sizes) Bundle(id account.ID) ([]byte, error) {
	b, err := s.Service.Bundle(id)
	s.bundles = append(s.bundles, len(b))
	return b, err
}

// sameShape compares accounts of one to four devices, and every sending device.
func sameShape(w *world) error {
	watch := &sizes{Service: w.office}
	w.office = watch
	var one *sizes
	for n := 1; n <= 4; n++ {
		cast := cast{"", make([]bool, n)}
		for i := range cast.target {
			cast.target[i] = true
		}
		alice, err := w.play(cast)
		if err != nil {
			return err
		}
		_, b, err := w.bob()
		if err != nil {
			return err
		}
		watch.entries, watch.bundles = nil, nil
		for i := range 5 { // sent by device 0, 1, 2, ... of those that there are
			if err := w.send(alice[i%n], b, "of equal size"); err != nil {
				return err
			}
		}
		if _, err := w.office.Bundle(alice[0].Device.Account()); err != nil {
			return err
		}
		if one == nil {
			one = &sizes{nil, watch.entries, watch.bundles}
		}
		if !slices.Equal(one.entries, watch.entries) || !slices.Equal(one.bundles, watch.bundles) {
			return w.fail(Mismatch, fmt.Sprintf("what a counterparty gets differs between an account of 1 and of %d devices", n),
				fmt.Sprintf("entries %d, bundles %d bytes", one.entries, one.bundles), fmt.Sprintf("entries %d, bundles %d bytes", watch.entries, watch.bundles))
		}
	}
	return nil
}

// readsDeterministically lets two copies of one device read the same mails.
func readsDeterministically(w *world) error {
	alice, err := w.play(casts[0])
	if err != nil {
		return err
	}
	bob, b, err := w.bob()
	if err != nil {
		return err
	}
	a := alice[0].Device.Account()
	r, err := w.must(shim.DeviceExport, shim.Params{Party: alice[1].name})
	if err != nil {
		return err
	}
	if err := first(
		func() error { return w.send(alice[0], b, "start") }, func() error { return w.send(bob[0], a, "answer") },
		func() error { return w.send(alice[2], b, "next") }, func() error { return w.refusedReference(alice[2].Ack()) },
		func() error { return w.refusedReference(alice[0].Rotate(ambassador.Change{})) }, func() error { return w.send(bob[1], a, "start anew") },
	); err != nil {
		return err
	}
	box, err := w.office.Fetch(a, alice[1].Device.ID(), 1)
	if err != nil {
		return err
	}
	var after [2][]byte
	for i := range after {
		d := &shimDevice{tester: w.tester, name: w.newName()}
		if _, err := w.must(shim.DeviceImport, shim.Params{Party: d.name, State: r.State}); err != nil {
			return err
		}
		for _, mail := range box.Mails {
			if _, err := w.must(shim.DeviceReceive, shim.Params{Party: d.name, Message: mail}); err != nil {
				return err
			}
		}
		if after[i], err = w.export(shim.DeviceExport, d.name); err != nil {
			return err
		}
	}
	if !bytes.Equal(after[0], after[1]) {
		return w.fail(Mismatch, "the same state and the same mails give two states: a random value was drawn", "equal exports", "exports that differ")
	}
	return nil
}

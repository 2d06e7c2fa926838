package design_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/study/design"
)

// designs are those under test, with the number of devices that a user has in most tests.
var designs = []struct {
	name    string
	new     func(io.Reader) design.Design
	devices int
}{
	{"single", design.NewSingle, 1},
	{"leader-based", design.NewLeader, 3},
	{"multiplication", design.NewMultiplication, 3},
	{"ambassador", func(rand io.Reader) design.Design { return design.NewAmbassador(rand) }, 3},
}

const fanOut, led, alone, oneVoice = "multiplication", "leader-based", "single", "ambassador"

// seeded returns randomness that depends on the seed alone.
func seeded(seed byte) *mathrand.ChaCha8 { return mathrand.NewChaCha8([32]byte{seed}) }

func device(user string, index int) design.Device { return design.Device{User: user, Index: index} }

// world is a design with what was sent in it.
type world struct {
	t *testing.T
	design.Design
	devices map[string]int // a user's devices, those removed included
	sent    int
}

func newWorld(t *testing.T, d design.Design, devices map[string]int) *world {
	w := &world{t: t, Design: d, devices: devices}
	for _, user := range []string{"alice", "bob"} {
		require.NoError(t, d.AddUser(user, devices[user]))
	}
	return w
}

// each runs a test over the designs, with alice and bob in each.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	for _, d := range designs {
		t.Run(d.name, func(t *testing.T) {
			w := newWorld(t, d.new(seeded(1)), map[string]int{"alice": d.devices, "bob": d.devices})
			require.Equal(t, d.name, w.Name())
			test(t, w)
		})
	}
}

func peer(user string) string {
	if user == "alice" {
		return "bob"
	}
	return "alice"
}

// send sends a text that was never sent before, and gives it.
func (w *world) send(user string, index int) string {
	w.t.Helper()
	w.sent++
	text := fmt.Sprintf("message %d", w.sent)
	_, err := w.Send(device(user, index), peer(user), text)
	require.NoError(w.t, err)
	return text
}

func (w *world) cost(user string, index int) design.Cost {
	w.t.Helper()
	c, err := w.Send(device(user, index), peer(user), "message")
	require.NoError(w.t, err)
	return c
}

func (w *world) messages(user string, index int) []design.Message {
	w.t.Helper()
	m, err := w.Read(device(user, index))
	require.NoError(w.t, err)
	return m
}

func (w *world) texts(user string, index int) []string {
	texts := []string{}
	for _, m := range w.messages(user, index) {
		texts = append(texts, m.Text)
	}
	return texts
}

func (w *world) online(user string, index int, online bool) {
	w.t.Helper()
	require.NoError(w.t, w.SetOnline(device(user, index), online))
}

func (w *world) view(viewer string) design.View {
	w.t.Helper()
	v, err := w.View(viewer, peer(viewer))
	require.NoError(w.t, err)
	return v
}

func (w *world) add(user string) (index int) {
	w.t.Helper()
	require.NoError(w.t, w.AddDevice(user))
	w.devices[user]++
	return w.devices[user] - 1
}

func without(texts []string, own map[string]bool) []string {
	rest := []string{}
	for _, t := range texts {
		if !own[t] {
			rest = append(rest, t)
		}
	}
	return rest
}

// Every device sends, twice, to and fro: every other device reads each text once, in order, from the right user.
func TestEveryDeviceReadsOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var all []string
		own, author := map[design.Device]map[string]bool{}, map[string]string{}
		for range 2 {
			for i := range w.devices["alice"] {
				for _, user := range []string{"alice", "bob"} {
					text, d := w.send(user, i), device(user, i)
					if own[d] == nil {
						own[d] = map[string]bool{}
					}
					all, own[d][text], author[text] = append(all, text), true, user
				}
			}
		}
		for d, sent := range own {
			require.Equal(t, without(all, sent), w.texts(d.User, d.Index), "%v", d)
			for _, m := range w.messages(d.User, d.Index) {
				require.Equal(t, author[m.Text], m.From)
			}
		}
	})
}

// What a reader can tell about the sending device.
func TestFromDevice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		last := w.devices["alice"] - 1
		w.send("alice", 0)
		w.send("alice", last)
		for i := range w.devices["bob"] {
			m := w.messages("bob", i)
			if w.Name() == fanOut {
				require.Equal(t, w.view("bob").Senders, []string{m[0].FromDevice, m[1].FromDevice})
			} else {
				require.Empty(t, m[0].FromDevice+m[1].FromDevice)
			}
		}
		if w.Name() == fanOut || w.Name() == led {
			require.NotEmpty(t, w.messages("alice", 0)[0].FromDevice, "a leader knows its companion")
			siblings := w.messages("alice", 1)[1].FromDevice
			require.Equal(t, w.Name() == led, siblings == "", "a companion does not know another")
		}
	})
}

func TestLeaderOffline(t *testing.T) {
	for _, d := range designs[1:] {
		t.Run(d.name, func(t *testing.T) {
			w := newWorld(t, d.new(seeded(1)), map[string]int{"alice": 2, "bob": 2})
			w.online("alice", 0, false)
			_, err := w.Send(device("alice", 1), "bob", "unled")
			sent := []string{"unled"}
			if w.Name() == led {
				require.ErrorIs(t, err, design.ErrLeaderOffline)
				require.Equal(t, design.View{}, w.view("bob"))
				sent = []string{}
			} else {
				require.NoError(t, err)
			}
			w.online("alice", 0, true)
			for _, end := range []design.Device{device("alice", 0), device("bob", 0), device("bob", 1)} {
				require.Equal(t, sent, w.texts(end.User, end.Index), "%v", end)
			}
		})
	}
}

func TestRecipientsLeaderOffline(t *testing.T) {
	for _, d := range designs[1:] {
		t.Run(d.name, func(t *testing.T) {
			w := newWorld(t, d.new(seeded(1)), map[string]int{"alice": 2, "bob": 2})
			w.online("bob", 0, false)
			sent := []string{w.send("alice", 1), w.send("alice", 0)}
			require.Empty(t, w.texts("bob", 0))
			require.Equal(t, w.Name() == led, len(w.texts("bob", 1)) == 0)
			w.online("bob", 0, true)
			require.Equal(t, sent, w.texts("bob", 0))
			require.Equal(t, sent, w.texts("bob", 1))
		})
	}
}

// The last device of each user is offline, then catches up with both sides of the conversation.
func TestCatchUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		last := w.devices["alice"] - 1
		before := w.send("alice", 0)
		w.online("bob", last, false)
		_, err := w.Send(device("bob", last), "alice", "no network")
		require.ErrorIs(t, err, design.ErrOffline)
		missed := []string{w.send("alice", 0), w.send("alice", last)}
		if w.Name() != alone {
			missed = append(missed, w.send("bob", 0), w.send("bob", 1))
		}
		require.Equal(t, []string{before}, w.texts("bob", last))
		w.online("bob", last, true)
		require.Equal(t, append([]string{before}, missed...), w.texts("bob", last))
		w.online("bob", last, true)
		require.Len(t, w.texts("bob", last), 1+len(missed), "read twice")
	})
}

func TestRemovedDevice(t *testing.T) {
	for _, d := range designs[1:] {
		t.Run(d.name, func(t *testing.T) {
			w := newWorld(t, d.new(seeded(1)), map[string]int{"alice": 3, "bob": 3})
			before := w.send("alice", 0)
			w.online("bob", 1, false)
			waiting := w.send("alice", 0)
			fanned := w.cost("alice", 0).Ciphertexts
			require.NoError(t, w.RemoveDevice(device("bob", 1)))
			after := w.send("alice", 0)

			require.Equal(t, []string{before}, w.texts("bob", 1), "neither what waited nor what came after")
			require.Equal(t, []string{before, waiting, "message", after}, w.texts("bob", 2))
			require.Equal(t, w.Name() == fanOut, w.cost("alice", 0).Ciphertexts < fanned)
			_, err := w.Send(device("bob", 1), "alice", "from the grave")
			require.ErrorIs(t, err, design.ErrUnknown)
			require.ErrorIs(t, w.SetOnline(device("bob", 1), true), design.ErrUnknown)
			require.ErrorIs(t, w.RemoveDevice(device("bob", 1)), design.ErrUnknown)
			require.Equal(t, 3, w.add("bob"), "an index is given once")
			last := w.send("bob", 3)
			require.Contains(t, w.texts("alice", 2), last)
			require.NotContains(t, w.texts("bob", 1), last)
		})
	}
}

func TestAddedDevice(t *testing.T) {
	for _, d := range designs[1:] {
		t.Run(d.name, func(t *testing.T) {
			w := newWorld(t, d.new(seeded(1)), map[string]int{"alice": 1, "bob": 2})
			w.send("alice", 0)
			w.send("bob", 1)
			added := w.add("bob")
			require.Empty(t, w.texts("bob", added))
			after := []string{w.send("alice", 0), w.send("bob", 1)}
			require.Equal(t, after, w.texts("bob", added))
			mine := w.send("bob", added)
			require.Equal(t, after, w.texts("bob", added), "its own text is not read")
			require.Contains(t, w.texts("alice", 0), mine)
			require.Contains(t, w.texts("bob", 1), mine)
		})
	}
}

func TestView(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		require.Empty(t, w.view("bob").Identities, "nothing before contact")
		for i := range w.devices["alice"] {
			w.send("alice", i)
		}
		seen := 1
		if w.Name() == fanOut {
			seen = w.devices["alice"]
		}
		v := w.view("bob")
		require.Len(t, v.Identities, seen)
		require.Equal(t, v.Identities, v.Senders)
		require.Equal(t, w.Name() == fanOut, v.Pinpoint)
		require.Len(t, w.view("alice").Identities, seen, "who sends sees the devices to which it sends")
		require.Empty(t, w.view("alice").Senders)
	})
}

func TestViewGrows(t *testing.T) {
	for _, d := range designs[1:] {
		t.Run(d.name, func(t *testing.T) {
			w := newWorld(t, d.new(seeded(1)), map[string]int{"alice": 1, "bob": 1})
			w.send("alice", 0)
			before := w.view("bob")
			require.Len(t, before.Identities, 1)
			added := w.add("alice")
			w.send("alice", 0)
			known := w.view("bob")
			w.send("alice", added)
			after := w.view("bob")
			if w.Name() == fanOut {
				require.Len(t, known.Identities, 2, "a device that has not sent is public too")
				require.Len(t, known.Senders, 1)
				require.Len(t, after.Senders, 2)
				require.Equal(t, before.Identities, after.Identities[:1], "in the order of first sight")
			} else if w.Name() == oneVoice {
				require.Len(t, known.Identities, 2, "a change shows, as a new ambassador key")
				require.Equal(t, known, after, "which device sends does not")
			} else {
				require.Equal(t, before, known)
				require.Equal(t, before, after)
			}
		})
	}
}

// The costs of a message, counted by hand: the first, the second, and the first of a new turn.
func TestCost(t *testing.T) {
	const text, tag, header, initial = len("message"), 16, 42, 2 + 32 + 32 + 4 + 4
	note := 1 + len("alice") // what a leader tells a companion beyond the text
	each(t, func(t *testing.T, w *world) {
		if w.Name() == oneVoice {
			t.Skip("TestCostOfAmbassador")
		}
		n := w.devices["alice"]
		ciphertexts, extra := map[string]int{alone: 1, led: n, fanOut: 2*n - 1}[w.Name()], 0
		if w.Name() == led {
			extra = (n - 1) * note
		}
		first, second := w.cost("alice", 0), w.cost("alice", 0)
		require.Equal(t, design.Cost{
			Ciphertexts: ciphertexts,
			Bytes:       ciphertexts*(header+text+tag+initial) + extra,
			KeyPairs:    2 * ciphertexts, // ephemeral key and ratchet key
		}, first)
		require.Equal(t, design.Cost{Ciphertexts: ciphertexts, Bytes: first.Bytes}, second, "the same turn")

		reply := w.cost("bob", 0)
		require.Equal(t, ciphertexts, reply.Ciphertexts)
		third := w.cost("alice", 0)
		require.Equal(t, 1, third.KeyPairs, "a new ratchet key in the one session in which somebody has answered")
		require.Equal(t, second.Bytes-initial, third.Bytes)
	})
}

// The same for the ambassador, whose entries and records have fixed sizes (SPEC.md 8.2, 10.2, 11.1).
func TestCostOfAmbassador(t *testing.T) {
	const text, tag, header = len("message"), 16, 42
	const message = 3 + header + 3 + 3 + text + tag // the two lengths of a content
	const entry = 2 + 64 + 8 + 8 + 32 + message
	const record = header + tag + 2 + 1 + 32 + 4 + 64 + 32 + 8 + 3*32 + 1 + 2
	for _, devices := range []int{1, 2, 5} {
		w := newWorld(t, design.NewAmbassador(seeded(1)), map[string]int{"alice": 3, "bob": devices})
		start, next := w.cost("alice", 0), w.cost("alice", 0)
		require.Equal(
			t, design.Cost{Ciphertexts: 3, Bytes: entry + 134 + 32 + 8 + 2*(record+32+272), KeyPairs: 2}, start,
		)
		require.Equal(
			t, design.Cost{Ciphertexts: 3, Bytes: entry + 2*record, KeyPairs: 1}, next, "a ratchet key for every entry",
		)
	}
}

// What a counterparty sees of a device that is added and of one that is removed is the same: a new key.
func TestChangesLookAlike(t *testing.T) {
	changed := func(change func(w *world)) (before, after int) {
		w := newWorld(t, design.NewAmbassador(seeded(1)), map[string]int{"alice": 3, "bob": 1})
		w.send("alice", 0)
		before = len(w.view("bob").Identities)
		change(w)
		w.send("alice", 0)
		return before, len(w.view("bob").Identities)
	}
	for _, change := range []func(w *world){
		func(w *world) { w.add("alice") },
		func(w *world) { require.NoError(t, w.RemoveDevice(device("alice", 2))) },
	} {
		before, after := changed(change)
		require.Equal(t, before+1, after)
	}
}

// Two devices race, prekeys run out, and all heal: each has its effect, and every device stands alike afterwards.
func TestAmbassadorOperations(t *testing.T) {
	a := design.NewAmbassador(seeded(1))
	w := newWorld(t, a, map[string]int{"alice": 3, "bob": 2})
	start := w.send("alice", 0)
	require.NoError(t, a.Race(device("alice", 1), device("alice", 2), "bob", [2]string{"first", "second"}))
	require.Equal(t, []string{start, "first", "second"}, w.texts("bob", 1))
	require.NotEmpty(t, a.PostOffice())

	require.NoError(t, a.Replenish(device("alice", 1)))
	require.Empty(t, a.PostOffice(), "there are enough prekeys")
	require.NoError(t, a.Exhaust("alice"))
	require.NoError(t, a.Replenish(device("alice", 1)))
	require.NotEmpty(t, a.PostOffice(), "the private keys travel to the siblings")

	before := standing(t, a, 0)
	require.NoError(t, a.Recover("alice"))
	w.send("bob", 0)
	after := standing(t, a, 0)
	require.True(t, after.Active)
	require.Equal(t, before.Epoch+1, after.Epoch)
	require.EqualValues(t, 4, after.Seq)
	for i := range 3 {
		require.Equal(t, after, standing(t, a, i))
	}
}

func standing(t *testing.T, a *design.Ambassador, index int) design.Standing {
	t.Helper()
	s, err := a.Standing(device("alice", index), "bob")
	require.NoError(t, err)
	return s
}

// The thief of a device's state reads what comes next, and nothing that the device had read before.
func TestSteal(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.send("alice", 0)
		before := w.send("bob", 0)
		victim := min(1, w.devices["alice"]-1)
		read, err := w.Steal(device("alice", victim))
		require.NoError(t, err)
		none, err := read()
		require.NoError(t, err)
		require.False(t, hasText(none, before))
		next := w.send("bob", 0)
		texts, err := read()
		require.NoError(t, err)
		require.True(t, hasText(texts, next), "%q", texts)
		require.False(t, hasText(texts, before), "%q", texts)
		_, err = w.Steal(device("nobody", 0))
		require.ErrorIs(t, err, design.ErrUnknown)
	})
}

// hasText reports whether a plaintext is or ends with the text: some designs put a device or a user before it.
func hasText(plaintexts []string, text string) bool {
	return slices.ContainsFunc(plaintexts, func(p string) bool { return strings.HasSuffix(p, text) })
}

// PostOffice returns what was carried since the last call, the sender's message first.
func TestPostOffice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.PostOffice() // what the users' devices have sent each other so far
		w.send("alice", 0)
		carried := w.PostOffice()
		require.NotEmpty(t, carried)
		require.Equal(t, device("alice", 0), carried[0].From)
		for _, c := range carried {
			require.Positive(t, c.Bytes)
		}
		require.Empty(t, w.PostOffice())
	})
}

// A companion pays once more, to its leader.
func TestCostOfCompanion(t *testing.T) {
	for _, d := range designs[1:] {
		w := newWorld(t, d.new(seeded(1)), map[string]int{"alice": 3, "bob": 1})
		require.Equal(t, w.cost("alice", 0).Ciphertexts, w.cost("alice", 1).Ciphertexts, d.name)
		require.Equal(t, 3, w.cost("alice", 2).Ciphertexts, d.name)
	}
}

func TestCostGrows(t *testing.T) {
	for _, d := range designs[1:] {
		t.Run(d.name, func(t *testing.T) {
			w := newWorld(t, d.new(seeded(1)), map[string]int{"alice": 2, "bob": 1})
			w.send("alice", 1)
			before := w.cost("alice", 1)
			w.add("bob")
			w.send("alice", 1)
			after := w.cost("alice", 1)
			if w.Name() == fanOut {
				require.Equal(t, before.Ciphertexts+1, after.Ciphertexts)
				require.Equal(t, before.Bytes*3/2, after.Bytes)
			} else {
				require.Equal(t, before, after)
			}
		})
	}
}

// Two strangers write to a device that is offline: its directory has one bundle to give to both.
func TestTwoStrangers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		require.NoError(t, w.AddUser("carol", 1))
		w.online("bob", 0, false)
		_, err := w.Send(device("carol", 0), "bob", "I am carol")
		require.NoError(t, err)
		text := w.send("alice", 0)
		w.online("bob", 0, true)
		require.Equal(t, []string{"I am carol", text}, w.texts("bob", 0))
	})
}

// Any schedule of messages, devices that go and come back, is read once by everybody when all are back.
func TestAnySchedule(t *testing.T) {
	for seed := range byte(10) {
		each(t, func(t *testing.T, w *world) { runSchedule(t, w, mathrand.New(seeded(seed))) })
	}
}

func runSchedule(t *testing.T, w *world, random *mathrand.Rand) {
	var all []string
	own := map[design.Device]map[string]bool{}
	for _, user := range []string{"alice", "bob"} {
		for i := range w.devices[user] {
			own[device(user, i)] = map[string]bool{}
		}
	}
	for step := range 80 {
		user := []string{"alice", "bob"}[random.IntN(2)]
		d := device(user, random.IntN(w.devices[user]))
		if random.IntN(3) == 0 {
			w.online(d.User, d.Index, random.IntN(2) == 0)
			continue
		}
		text := fmt.Sprintf("step %d", step)
		switch _, err := w.Send(d, peer(user), text); {
		case errors.Is(err, design.ErrOffline), errors.Is(err, design.ErrLeaderOffline):
		default:
			require.NoError(t, err)
			all, own[d][text] = append(all, text), true
		}
	}
	for d := range own {
		w.online(d.User, d.Index, true)
	}
	for d, sent := range own {
		require.ElementsMatch(t, without(all, sent), w.texts(d.User, d.Index), "%v", d)
	}
}

func TestErrors(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		require.ErrorIs(t, w.AddUser("alice", 1), design.ErrExists)
		require.Error(t, w.AddUser("dave", 0))
		require.ErrorIs(t, w.AddDevice("nobody"), design.ErrUnknown)
		require.ErrorIs(t, w.RemoveDevice(device("alice", 0)), design.ErrLeader)
		for _, d := range []design.Device{device("nobody", 0), device("alice", -1), device("alice", 9)} {
			require.ErrorIs(t, w.RemoveDevice(d), design.ErrUnknown)
			require.ErrorIs(t, w.SetOnline(d, true), design.ErrUnknown)
			_, err := w.Send(d, "bob", "")
			require.ErrorIs(t, err, design.ErrUnknown)
			_, err = w.Read(d)
			require.ErrorIs(t, err, design.ErrUnknown)
		}
		_, err := w.Send(device("alice", 0), "nobody", "")
		require.ErrorIs(t, err, design.ErrUnknown)
		_, err = w.Send(device("alice", 0), "alice", "")
		require.ErrorIs(t, err, design.ErrSelf)
		_, err = w.View("alice", "nobody")
		require.ErrorIs(t, err, design.ErrUnknown)
		_, err = w.View("nobody", "alice")
		require.ErrorIs(t, err, design.ErrUnknown)
		if w.Name() == alone {
			require.ErrorIs(t, w.AddUser("dave", 2), design.ErrOneDevice)
			require.ErrorIs(t, w.AddDevice("alice"), design.ErrOneDevice)
		}
	})
}

// A source of randomness that ends gives an error, never a panic, and no half-made user.
func TestRandomnessFails(t *testing.T) {
	for _, d := range designs {
		made := d.new(bytes.NewReader(make([]byte, 100)))
		require.ErrorIs(t, made.AddUser("alice", 1), io.ErrUnexpectedEOF, d.name)
		require.ErrorIs(t, made.AddDevice("alice"), design.ErrUnknown, d.name)
	}
}

package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"credence/study/design"
)

const demoHelp = `usage: credence demo [--design DESIGN] [--seed N]

Walks through a conversation: Alice has a phone and two companions, Bob has two devices. After each step it shows what the
devices have read, what the other user has learned, what the post office has carried, and what it cost. All of it is real: the
messages are encrypted and decrypted by the reference.

The designs are single (one device a user), leader (the first device speaks for the others), multiplication (every device speaks
with every device) and ambassador (all devices speak with one voice; SPEC.md 7 to 14).

Exit status: 0 the story came to its end, 1 it did not, 2 usage.
`

// demoDesigns are the values of --design.
var demoDesigns = []string{"single", "leader", "multiplication", "ambassador"}

// teller tells the story of one design.
type teller struct {
	design.Design
	out  io.Writer
	step int
	told map[design.Device]int // how much of what each device has read is told
	seen map[string]string     // what each user has learned of the other, as it was told
}

func demo(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	name := flags.String("design", "ambassador", "the `design`: "+strings.Join(demoDesigns, ", "))
	seed := flags.Uint64("seed", 1, "`number` that all randomness of the story follows from")
	if err := parse(flags, args, demoHelp, 0, stdout); err != nil {
		return failed(stderr, err)
	}
	if !slices.Contains(demoDesigns, *name) {
		return complain(stderr, usage, fmt.Errorf("unknown design %q (there are %s)", *name, strings.Join(demoDesigns, ", ")))
	}
	t := &teller{out: stdout, told: map[design.Device]int{}, seen: map[string]string{}}
	if err := t.story(*name, demoRandom(*seed)); err != nil {
		return complain(stderr, doesNotConform, err)
	}
	return conforms
}

func demoRandom(seed uint64) io.Reader {
	return mathrand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64([]byte("demo"), seed)))
}

// deviceNames are the names of a user's devices by index.
var deviceNames = map[string][]string{"alice": {"phone", "laptop", "tablet", "watch"}, "bob": {"phone", "desktop"}}

func deviceName(d design.Device) string { return deviceNames[d.User][d.Index] }

func owner(user string) string { return map[string]string{"alice": "Alice", "bob": "Bob"}[user] }

var (
	phone, laptop, tablet, wrist = design.Device{User: "alice"}, design.Device{User: "alice", Index: 1}, design.Device{User: "alice", Index: 2}, design.Device{User: "alice", Index: 3}
	bobPhone, bobDesktop         = design.Device{User: "bob"}, design.Device{User: "bob", Index: 1}
)

func (t *teller) story(name string, rand io.Reader) error {
	switch name {
	case "single":
		t.Design = design.NewSingle(rand)
		return t.singleStory()
	case "leader":
		t.Design = design.NewLeader(rand)
	case "multiplication":
		t.Design = design.NewMultiplication(rand)
	default:
		a := design.NewAmbassador(rand)
		t.Design = a
		return t.all(t.devicesStory, func() error { return t.ambassadorStory(a) })
	}
	return t.devicesStory()
}

// all does the parts of a story until one fails.
func (t *teller) all(parts ...func() error) error {
	for _, part := range parts {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func (t *teller) singleStory() error {
	return t.all(
		func() error {
			return t.tell("Alice and Bob have one device each.", func() error { return t.users(1, 1) })
		},
		func() error { return t.says(phone, "bob", "Hello Bob") },
		func() error { return t.says(bobPhone, "alice", "Hello Alice") },
	)
}

func (t *teller) users(alice, bob int) error {
	return errors.Join(t.AddUser("alice", alice), t.AddUser("bob", bob))
}

func (t *teller) devicesStory() error {
	return t.all(
		func() error {
			return t.tell("Alice has a phone, a laptop and a tablet. Bob has a phone and a desktop.", func() error { return t.users(3, 2) })
		},
		func() error { return t.says(laptop, "bob", "Hello Bob") },
		func() error { return t.says(bobDesktop, "alice", "Hello Alice") },
		func() error {
			return t.tell("Alice's tablet goes offline.", func() error { return t.SetOnline(tablet, false) })
		},
		func() error { return t.says(phone, "bob", "From my phone") },
		func() error {
			return t.tell("The tablet comes back and catches up.", func() error { return t.SetOnline(tablet, true) })
		},
		func() error {
			return t.tell("Alice's phone, her first device, goes offline.", func() error { return t.SetOnline(phone, false) })
		},
		func() error { return t.says(laptop, "bob", "Without my phone") },
		func() error { return t.tell("The phone comes back.", func() error { return t.SetOnline(phone, true) }) },
		func() error { return t.tell("Alice adds a watch.", func() error { return t.AddDevice("alice") }) },
		func() error { return t.says(bobPhone, "alice", "To all your devices") },
		func() error { return t.says(wrist, "bob", "From my watch") },
		func() error {
			return t.tell("Alice's tablet is stolen. She removes it.", func() error { return t.RemoveDevice(tablet) })
		},
		func() error { return t.says(bobPhone, "alice", "Not for thieves") },
		func() error { return t.says(laptop, "bob", "Safe again") },
	)
}

func (t *teller) ambassadorStory(a *design.Ambassador) error {
	return t.all(
		func() error {
			return t.tell("Alice's phone and laptop send at the same moment: both want the next place of the log. One is refused, reads what came first, and sends anew.", func() error {
				return a.Race(phone, laptop, "bob", [2]string{"I was first", "I was second"})
			})
		},
		func() error {
			return t.tell("Strangers take all of Alice's one-time prekeys. Her laptop publishes new ones, and hands their private halves to her other devices.", func() error {
				return errors.Join(a.Exhaust("alice"), a.Replenish(laptop))
			})
		},
		func() error {
			return t.tell("Alice fears that one of her devices was copied. All of them heal their channels, and her phone opens a new epoch.", func() error { return a.Recover("alice") })
		},
		func() error { return t.says(bobDesktop, "alice", "New key, same Alice?") },
		func() error { return t.says(wrist, "bob", "Same Alice") },
		func() error { return t.standings(a) },
	)
}

// standings shows that all devices have the same.
func (t *teller) standings(a *design.Ambassador) error {
	fmt.Fprintf(t.out, "\nAt the end every device of Alice has the same state of the conversation:\n")
	for _, d := range []design.Device{phone, laptop, wrist} {
		s, err := a.Standing(d, "bob")
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "  %-8s epoch %d, entry %d, digest %x…\n", deviceName(d), s.Epoch, s.Seq, s.Digest[:8])
	}
	return nil
}

// says lets a device send, or tells why it cannot.
func (t *teller) says(from design.Device, to, text string) error {
	var cost design.Cost
	title := fmt.Sprintf("%s's %s sends to %s: %q", owner(from.User), deviceName(from), owner(to), text)
	return t.tell(title, func() (err error) {
		cost, err = t.Send(from, to, text)
		if errors.Is(err, design.ErrLeaderOffline) {
			fmt.Fprintf(t.out, "  NOT SENT: %s\n", err)
			return nil
		}
		if err == nil {
			fmt.Fprintf(t.out, "  cost              %s, %d bytes, %s\n", counted(cost.Ciphertexts, "ciphertext"), cost.Bytes, counted(cost.KeyPairs, "new key pair"))
		}
		return err
	})
}

// tell does a step and shows what has come of it.
func (t *teller) tell(title string, step func() error) error {
	t.step++
	fmt.Fprintf(t.out, "\n%d. %s\n", t.step, title)
	if err := step(); err != nil {
		return err
	}
	t.carried()
	for _, user := range []string{"alice", "bob"} {
		if err := t.read(user); err != nil {
			return err
		}
	}
	return t.all(func() error { return t.learned("bob", "alice") }, func() error { return t.learned("alice", "bob") })
}

// carried shows what the post office has seen, a line for each device that sent.
func (t *teller) carried() {
	var senders []design.Device
	parcels := map[design.Device][]string{}
	for _, c := range t.PostOffice() {
		if parcels[c.From] == nil {
			senders = append(senders, c.From)
		}
		parcels[c.From] = append(parcels[c.From], fmt.Sprintf("%s %d", receiver(c.To), c.Bytes))
	}
	for _, from := range senders {
		fmt.Fprintf(t.out, "  post office       from %s's %s to %s bytes\n", owner(from.User), deviceName(from), strings.Join(parcels[from], ", "))
	}
}

// receiver names a user, or a device.
func receiver(to string) string {
	user, index, isDevice := strings.Cut(to, "/")
	i, err := strconv.Atoi(index)
	if !isDevice || err != nil {
		return owner(user)
	}
	return owner(user) + "'s " + deviceNames[user][i]
}

// read shows what the devices of a user have read since it was last told.
func (t *teller) read(user string) error {
	for i, name := range deviceNames[user] {
		d := design.Device{User: user, Index: i}
		messages, err := t.Read(d)
		if errors.Is(err, design.ErrUnknown) {
			continue // not there yet
		}
		if err != nil {
			return err
		}
		for _, m := range messages[t.told[d]:] {
			sender := owner(m.From)
			if m.FromDevice != "" {
				sender += "'s device " + short(m.FromDevice)
			}
			fmt.Fprintf(t.out, "  %-17s reads %q from %s\n", owner(user)+"'s "+name, m.Text, sender)
		}
		t.told[d] = len(messages)
	}
	return nil
}

// learned shows what a user knows of another, when it has changed.
func (t *teller) learned(viewer, of string) error {
	v, err := t.View(viewer, of)
	if err != nil {
		return err
	}
	if len(v.Identities) == 0 {
		return nil
	}
	text := fmt.Sprintf("%s of %s; messages came under %s", counted(len(v.Identities), "key"), owner(of), fmt.Sprintf("%d of them", len(v.Senders)))
	if v.Pinpoint {
		text += "; can write to one device alone"
	}
	if t.seen[viewer] != text {
		fmt.Fprintf(t.out, "  %-17s has seen %s\n", owner(viewer), text)
		t.seen[viewer] = text
	}
	return nil
}

// counted returns a number with its word.
func counted(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

func short(identity string) string { return identity[:min(8, len(identity))] + "…" }

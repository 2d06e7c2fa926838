package demo

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"credence/study/design"
)

// teller runs a story on one design and prints it.
type teller struct {
	design.Design
	out  io.Writer
	told map[design.Device]int // how many of the messages each device has read are printed
	seen map[string]string     // what was last printed of each user's knowledge of the other
}

// deviceNames are the names of a user's devices by index.
var deviceNames = map[string][]string{"alice": {"phone", "laptop", "tablet", "watch"}, "bob": {"phone", "desktop"}}

func deviceName(d design.Device) string { return deviceNames[d.User][d.Index] }

func owner(user string) string { return map[string]string{"alice": "Alice", "bob": "Bob"}[user] }

// says is the step in which a device sends, or cannot because its leader is offline.
func (t *teller) says(from design.Device, to, text string) step {
	title := fmt.Sprintf("%s's %s sends to %s: %q", owner(from.User), deviceName(from), owner(to), text)
	return step{title, func() error {
		cost, err := t.Send(from, to, text)
		if errors.Is(err, design.ErrLeaderOffline) {
			fmt.Fprintf(t.out, "  NOT SENT: %s\n", err)
			return nil
		}
		if err == nil {
			fmt.Fprintf(t.out, "  cost              %s, %d bytes, %s\n",
				counted(cost.Ciphertexts, "ciphertext"), cost.Bytes, counted(cost.KeyPairs, "new key pair"))
		}
		return err
	}}
}

// tell does the steps and prints what has come of each, until one fails.
func (t *teller) tell(steps []step) error {
	for i, s := range steps {
		fmt.Fprintf(t.out, "\n%d. %s\n", i+1, s.title)
		if err := s.do(); err != nil {
			return err
		}
		if err := t.outcome(); err != nil {
			return err
		}
	}
	return nil
}

func (t *teller) outcome() error {
	t.carried()
	for _, user := range []string{"alice", "bob"} {
		if err := t.read(user); err != nil {
			return err
		}
	}
	if err := t.learned("bob", "alice"); err != nil {
		return err
	}
	return t.learned("alice", "bob")
}

// carried prints what the post office has carried, a line for each device that sent.
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
		to := strings.Join(parcels[from], ", ")
		fmt.Fprintf(t.out, "  post office       from %s's %s to %s bytes\n", owner(from.User), deviceName(from), to)
	}
}

// receiver returns the name of a user or of a device.
func receiver(to string) string {
	user, index, isDevice := strings.Cut(to, "/")
	i, err := strconv.Atoi(index)
	if !isDevice || err != nil {
		return owner(user)
	}
	return owner(user) + "'s " + deviceNames[user][i]
}

// read prints what the devices of a user have read since the step before.
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

// learned prints what a user knows about another, if it has changed.
func (t *teller) learned(viewer, of string) error {
	v, err := t.View(viewer, of)
	if err != nil {
		return err
	}
	if len(v.Identities) == 0 {
		return nil
	}
	keys := counted(len(v.Identities), "key")
	text := fmt.Sprintf("%s of %s; messages came under %d of them", keys, owner(of), len(v.Senders))
	if v.Pinpoint {
		text += "; can write to one device alone"
	}
	if t.seen[viewer] != text {
		fmt.Fprintf(t.out, "  %-17s has seen %s\n", owner(viewer), text)
		t.seen[viewer] = text
	}
	return nil
}

// counted returns a number with its noun, singular or plural.
func counted(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

func short(identity string) string { return identity[:min(8, len(identity))] + "…" }

// standings prints where the devices of Alice stand in the conversation with Bob.
func (t *teller) standings(a *design.Ambassador) error {
	fmt.Fprintf(t.out, "\nAt the end every device of Alice has the same state of the conversation:\n")
	for _, d := range []design.Device{phone, laptop, watch} {
		s, err := a.Standing(d, "bob")
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "  %-8s epoch %d, entry %d, digest %x…\n", deviceName(d), s.Epoch, s.Seq, s.Digest[:8])
	}
	return nil
}

// Package claims measures what is claimed for the designs of package design. Every cell of its table, and every mark
// in the story of one theft told for each design, comes from a run of that design.
package claims

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"credence/study/design"
)

// Contender is a design that is measured. Devices is how many a user has at most: 1 or 3.
type Contender struct {
	Name    string
	Devices int
	New     func(rand io.Reader) design.Design
}

// Contenders gives the four designs.
func Contenders() []Contender {
	return []Contender{
		{"single device", 1, design.NewSingle},
		{"leader", 3, design.NewLeader},
		{"multiplication", 3, design.NewMultiplication},
		{"ambassador", 3, func(rand io.Reader) design.Design { return design.NewAmbassador(rand) }},
	}
}

// Cell is what was measured of a claim, and what was run and seen.
type Cell struct {
	Value    string `json:"value"`
	Evidence string `json:"evidence"`
}

// Row is a claim with a cell for each design.
type Row struct {
	Claim string `json:"claim"`
	Cells []Cell `json:"cells"`
}

// Table is the comparison.
type Table struct {
	Designs []string `json:"designs"`
	Rows    []Row    `json:"rows"`
}

// claim is a row to be measured.
type claim struct {
	text    string
	measure func(c Contender) (Cell, error)
}

func claims() []claim {
	return []claim{
		{"sends while the leader is offline", sendsWithoutLeader},
		{"device count hidden from the other side", hidesCount},
		{"sending device hidden from the other side", hidesSender},
		{"a change of devices is visible", showsChange},
		{"added or removed can be told apart", showsNature},
		{"a single device can be addressed", pinpoints},
		{"forward secrecy: texts from before the theft that the thief reads", forwardSecrecy},
		{"post-compromise, the thief leaves: texts of 12 that he still reads", thiefLeaves},
		{"the same, after the user has recovered", afterRecovery},
		{"post-compromise, the device is removed: texts of 6 that the thief still reads", removal},
		{"ciphertexts for one message, two devices a side", cost(func(c design.Cost) int { return c.Ciphertexts })},
		{"bytes for one message of 64", cost(func(c design.Cost) int { return c.Bytes })},
		{"X25519 operations for one message", cost(func(c design.Cost) int { return 2 * c.KeyPairs })},
	}
}

// Measure runs every claim on every contender.
func Measure(contenders []Contender) (*Table, error) {
	t := &Table{}
	for _, c := range contenders {
		t.Designs = append(t.Designs, c.Name)
	}
	for _, claim := range claims() {
		row := Row{Claim: claim.text}
		for _, c := range contenders {
			cell, err := claim.measure(c)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", claim.text, c.Name, err)
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// world is a run of a design with alice and bob. The first error stays.
type world struct {
	design.Design
	err error
}

// begin makes alice, with so many devices, and bob with two, or one each where there cannot be more.
func (c Contender) begin(purpose string, alice int) *world {
	w := &world{Design: c.New(rand.NewChaCha8(sha256.Sum256([]byte(purpose))))}
	w.must(w.AddUser("alice", min(alice, c.Devices)))
	w.must(w.AddUser("bob", min(2, c.Devices)))
	return w
}

func (w *world) must(err error) {
	if w.err == nil {
		w.err = err
	}
}

func alice(i int) design.Device { return design.Device{User: "alice", Index: i} }
func bob(i int) design.Device   { return design.Device{User: "bob", Index: i} }

// says lets a device send, alice's to bob and bob's to alice.
func (w *world) says(from design.Device, text string) {
	to := map[string]string{"alice": "bob", "bob": "alice"}[from.User]
	_, err := w.Send(from, to, text)
	w.must(err)
}

func (w *world) view() design.View {
	v, err := w.View("bob", "alice")
	w.must(err)
	return v
}

func yesNo(yes bool, evidence string) Cell {
	if yes {
		return Cell{"yes", evidence}
	}
	return Cell{"no", evidence}
}

// alone is the cell of a claim that needs several devices.
var alone = Cell{"one device", "a user has one device"}

func sendsWithoutLeader(c Contender) (Cell, error) {
	w := c.begin("offline", 2)
	w.says(alice(0), "before")
	w.must(w.SetOnline(alice(0), false))
	if w.err != nil {
		return Cell{}, w.err
	}
	_, err := w.Send(alice(min(1, c.Devices-1)), "bob", "the leader is offline")
	if err != nil && !errors.Is(err, design.ErrOffline) && !errors.Is(err, design.ErrLeaderOffline) {
		return Cell{}, err
	}
	return yesNo(err == nil, fmt.Sprintf("alice's leader goes offline, another device of hers, if she has one, sends: %v", err)), nil
}

// seen counts what bob sees of alice.
func seen(v design.View) string {
	return fmt.Sprintf("%d identities, %d senders", len(v.Identities), len(v.Senders))
}

func hidesCount(c Contender) (Cell, error) {
	if c.Devices == 1 {
		return alone, nil
	}
	var views []string
	for _, n := range []int{1, 3} {
		w := c.begin("count", n)
		w.says(alice(0), "first")
		w.says(bob(0), "answer")
		w.says(alice(n-1), "second")
		views = append(views, seen(w.view()))
		if w.err != nil {
			return Cell{}, w.err
		}
	}
	return yesNo(views[0] == views[1], "bob sees "+views[0]+" of one device and "+views[1]+" of three"), nil
}

func hidesSender(c Contender) (Cell, error) {
	if c.Devices == 1 {
		return alone, nil
	}
	w := c.begin("sender", 3)
	for i := range 3 {
		w.says(alice(i), fmt.Sprint("by device ", i))
	}
	n := len(w.view().Senders)
	return yesNo(n == 1, fmt.Sprintf("three devices send, and bob tells %d senders apart", n)), w.err
}

// change lets alice add or remove a device and write, and gives what bob has seen of her more.
func change(c Contender, what string) (more string, visible bool, err error) {
	w := c.begin("change", 3)
	w.says(alice(0), "before")
	w.says(bob(0), "answer")
	before := w.view()
	if what == "add" {
		w.must(w.AddDevice("alice"))
	} else {
		w.must(w.RemoveDevice(alice(2)))
	}
	w.says(alice(0), "after")
	w.says(bob(0), "answer")
	after := w.view()
	identities, senders := len(after.Identities)-len(before.Identities), len(after.Senders)-len(before.Senders)
	return fmt.Sprintf("%d identities and %d senders more", identities, senders), identities+senders > 0, w.err
}

func showsChange(c Contender) (Cell, error) {
	if c.Devices == 1 {
		return alone, nil
	}
	more, visible, err := change(c, "add")
	return yesNo(visible, "alice adds a device, and bob sees "+more), err
}

func showsNature(c Contender) (Cell, error) {
	if c.Devices == 1 {
		return alone, nil
	}
	added, _, err := change(c, "add")
	if err != nil {
		return Cell{}, err
	}
	removed, _, err := change(c, "remove")
	return yesNo(added != removed, "bob sees "+added+" when a device is added, "+removed+" when one is removed"), err
}

func pinpoints(c Contender) (Cell, error) {
	w := c.begin("pinpoint", 3)
	w.says(alice(0), "first")
	w.says(bob(0), "answer")
	if c.Devices == 1 {
		return alone, w.err
	}
	var to []string
	for _, m := range w.PostOffice() {
		if m.From.User == "bob" && strings.HasPrefix(m.To, "alice") {
			to = append(to, m.To)
		}
	}
	return yesNo(w.view().Pinpoint, "bob's answer goes to "+strings.Join(to, ", ")), w.err
}

// stolen gives the device whose state is stolen: a companion, if there is one.
func (c Contender) stolen() design.Device { return alice(min(1, c.Devices-1)) }

// conversation lets alice's and bob's devices take turns, n texts in all.
func (w *world) conversation(c Contender, n int, name string, except ...int) (texts []string) {
	devices := []int{0, min(1, c.Devices-1)}
	if len(except) > 0 {
		devices = []int{0, 0}
	}
	for i := range n {
		text := fmt.Sprintf("%s text %02d.", name, i)
		texts = append(texts, text)
		if i%2 == 0 {
			w.says(bob(i/2%min(2, c.Devices)), text)
		} else {
			w.says(alice(devices[i/2%2]), text)
		}
	}
	return texts
}

// had gives those texts that a thief has read.
func (w *world) had(read func() ([]string, error), texts []string) (had []string) {
	if w.err != nil {
		return nil
	}
	plaintexts, err := read()
	w.must(err)
	for _, text := range texts {
		for _, p := range plaintexts {
			if strings.HasSuffix(p, text) {
				had = append(had, text)
				break
			}
		}
	}
	return had
}

func readings(had, texts []string) Cell {
	if len(had) == 0 {
		return Cell{"0", fmt.Sprintf("none of %d texts", len(texts))}
	}
	return Cell{fmt.Sprint(len(had)), "read: " + strings.Join(had, " ")}
}

func forwardSecrecy(c Contender) (Cell, error) {
	w := c.begin("forward secrecy", 3)
	w.says(alice(0), "start")
	texts := w.conversation(c, 12, "earlier")
	read, err := w.Steal(c.stolen())
	w.must(err)
	return readings(w.had(read, texts), texts), w.err
}

// theft begins a conversation and steals a state in its midst.
func (c Contender) theft(purpose string) (w *world, read func() ([]string, error)) {
	w = c.begin(purpose, 3)
	w.says(alice(0), "start")
	w.conversation(c, 6, "earlier")
	read, err := w.Steal(c.stolen())
	w.must(err)
	return w, read
}

func thiefLeaves(c Contender) (Cell, error) {
	w, read := c.theft("leaves")
	texts := w.conversation(c, 12, "later")
	return readings(w.had(read, texts), texts), w.err
}

// recoverer is a design in which a user can recover.
type recoverer interface{ Recover(user string) error }

func afterRecovery(c Contender) (Cell, error) {
	w, read := c.theft("recovered")
	r, ok := w.Design.(recoverer)
	if !ok {
		return Cell{"no such step", "the design has none"}, w.err
	}
	w.must(r.Recover("alice"))
	texts := w.conversation(c, 12, "later")
	return readings(w.had(read, texts), texts), w.err
}

func removal(c Contender) (Cell, error) {
	if c.Devices == 1 {
		return alone, nil
	}
	w, read := c.theft("removed")
	w.must(w.RemoveDevice(c.stolen()))
	w.says(alice(0), "the first after the removal")
	texts := w.conversation(c, 6, "later", c.stolen().Index)
	return readings(w.had(read, texts), texts), w.err
}

// cost measures one message of alice in a conversation that is under way, the mean of eight.
func cost(of func(design.Cost) int) func(c Contender) (Cell, error) {
	return func(c Contender) (Cell, error) {
		const messages = 8
		w := c.begin("cost", 2)
		sum := 0
		for i := range messages + 2 {
			spent, err := w.Send(alice(0), "bob", strings.Repeat("x", 64))
			w.must(err)
			if i >= 2 {
				sum += of(spent)
			}
			w.says(bob(0), strings.Repeat("y", 64))
		}
		return Cell{fmt.Sprintf("%.1f", float64(sum)/messages), fmt.Sprintf("%d for %d messages", sum, messages)}, w.err
	}
}

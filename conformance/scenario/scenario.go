// Package scenario is the portable form of a schedule (docs/scenarios.md): what parties or devices do, what the network
// does to their messages, and when an attacker copies a state. The same file runs on any target.
package scenario

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"credence/shim/schema"
)

// Format and Version stand in every file.
const (
	Format  = "credence-scenario"
	Version = 1
)

// Level says who acts.
type Level string

// The levels.
const (
	Ratchet    Level = "ratchet"    // the parties a and b; a initiates
	Ambassador Level = "ambassador" // accounts with devices, around a post office
)

// Scenario is a schedule.
type Scenario struct {
	Format  string  `json:"format"`
	Version int     `json:"version"`
	Comment string  `json:"comment,omitempty"`
	Level   Level   `json:"level"`
	Set     string  `json:"set"`
	Cadence string  `json:"cadence,omitempty"` // of level ratchet: per-turn (the default) or per-message
	NoOPK   bool    `json:"no_one_time_prekey,omitempty"`
	Users   []User  `json:"users,omitempty"`  // of level ambassador
	Faults  bool    `json:"faults,omitempty"` // of level ambassador: commits, answers and bundles go astray (world.go)
	Events  []Event `json:"events"`
}

// User is an account with so many devices at the beginning. They are name/0, its leader, name/1 and so on.
type User struct {
	Name    string `json:"name"`
	Devices int    `json:"devices"`
}

// Verb says what happens in an event.
type Verb string

// The verbs. docs/scenarios.md says what each does, and when it does not apply.
const (
	Start       Verb = "start"
	Send        Verb = "send"
	Deliver     Verb = "deliver"
	Forge       Verb = "forge"
	Restart     Verb = "restart"
	Compromise  Verb = "compromise"
	Impersonate Verb = "impersonate"

	Read      Verb = "read"
	Make      Verb = "make"
	Release   Verb = "release"
	Race      Verb = "race"
	Crash     Verb = "crash"
	Ack       Verb = "ack"
	Replenish Verb = "replenish"
	Prepare   Verb = "prepare"
	Rotate    Verb = "rotate"
	Add       Verb = "add"
	Remove    Verb = "remove"
	Rollback  Verb = "rollback"
	Withhold  Verb = "withhold"
)

// Verbs returns the verbs of a level.
func Verbs(l Level) []Verb {
	if l == Ratchet {
		return []Verb{Start, Send, Deliver, Forge, Restart, Compromise, Impersonate}
	}
	return []Verb{
		Send, Read, Make, Release, Race, Crash, Ack, Replenish, Prepare, Rotate, Add, Remove, Restart, Compromise,
		Rollback, Withhold, Forge,
		Fetch, Drain, Stranger, Reissue, Tamper, Delay, Repeat, Lose, Late, Arrive, Split, Join, Backup, Restore, Abuse,
		Wait,
	}
}

// Event is one step. An event that does not apply when its turn comes changes nothing, so that every part of a scenario
// is a scenario.
type Event struct {
	Do      Verb     `json:"do"`
	By      string   `json:"by,omitempty"`      // a party, or a device such as alice/1
	To      string   `json:"to,omitempty"`      // a user; of race and send
	Message string   `json:"message,omitempty"` // such as a2, a message of a: of whoever says one, its name (names.go)
	Part    string   `json:"part,omitempty"`    // of forge: one of Parts
	Change  Change   `json:"change,omitempty"`  // of forge: what is done to the part
	Devices []string `json:"devices,omitempty"` // of race, prepare and remove
	Seconds int      `json:"seconds,omitempty"` // of wait
}

// Parts returns the parts that forge can change. Of a ratchet message the whole or a field; of an initial message also
// the fields around it. Of a mail the whole, its entry, or its first parcel.
func Parts(l Level) []string {
	if l == Ratchet {
		return []string{
			"message", "key", "pn", "n", "ciphertext", "tag", "identity", "ephemeral", "signed-prekey",
			"one-time-prekey",
		}
	}
	return []string{"mail", "entry", "parcel"}
}

// String returns the event as one line.
func (e Event) String() string {
	words := []string{string(e.Do)}
	for _, w := range []struct{ label, value string }{
		{"", e.By}, {"to ", e.To}, {e.naming(), e.Message}, {"", e.Part}, {"", string(e.Change)},
		{"", strings.Join(e.Devices, " ")}, {"", e.seconds()},
	} {
		if w.value != "" {
			words = append(words, w.label+w.value)
		}
	}
	return strings.Join(words, " ")
}

func (e Event) naming() string {
	if e.says() {
		return "as "
	}
	return ""
}

func (e Event) seconds() string {
	if e.Seconds == 0 {
		return ""
	}
	return fmt.Sprint(e.Seconds, " seconds")
}

// ErrInvalid wraps every reason for which a file is not a scenario. The message names the place.
var ErrInvalid = errors.New("not a scenario")

//go:embed schema.json
var schemaJSON []byte

// Decode reads a scenario, canonical or not. It returns ErrInvalid.
func Decode(b []byte) (*Scenario, error) {
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	valid, err := compiled()
	if err != nil {
		return nil, err
	}
	if err := schema.FirstCause(valid.Validate(instance)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	s := &Scenario{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return s, nil
}

var compiled = sync.OnceValues(compile)

func compile() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("scenario.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("scenario.json")
}

// Encode returns the canonical form: the fields in the order of Scenario, an event a line.
func (s *Scenario) Encode() ([]byte, error) {
	c := *s
	c.Format, c.Version, c.Events = Format, Version, nil
	head, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return nil, err
	}
	head, ok := bytes.CutSuffix(head, []byte("null\n}"))
	if !ok {
		return nil, errors.New("events are not the last field")
	}
	b := bytes.NewBuffer(append(head, '['))
	for i, e := range s.Events {
		line, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  ")
		b.Write(line)
	}
	b.WriteString("\n ]\n}\n")
	return b.Bytes(), nil
}

// Named returns the canonical form, and a file name that follows from it.
func (s *Scenario) Named() (name string, text []byte, err error) {
	if text, err = s.Encode(); err != nil {
		return "", nil, err
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf("%s-%s-%x.json", s.Level, s.Set, sum[:6]), text, nil
}

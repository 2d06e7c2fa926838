package scenario

import (
	"fmt"

	"credence/spec"

	"pgregory.net/rapid"
)

// The verbs of a world with faults (Scenario.Faults). docs/scenarios.md says what each does.
const (
	Fetch    Verb = "fetch"
	Drain    Verb = "drain"
	Stranger Verb = "stranger"
	Reissue  Verb = "reissue"
	Tamper   Verb = "tamper"
	Delay    Verb = "delay"
	Repeat   Verb = "repeat"
	Lose     Verb = "lose"
	Late     Verb = "late"
	Arrive   Verb = "arrive"
	Split    Verb = "split"
	Join     Verb = "join"
	Backup   Verb = "backup"
	Restore  Verb = "restore"
	Abuse    Verb = "abuse"
	Wait     Verb = "wait"
)

// The values of Event.Part in a world with faults; of make also in one without, but for a rotation.
const (
	Rotation = "rotation" // of make: instead of an entry
	Prekeys  = "prekeys"
	Acks     = "ack"

	LostCommit = "commit" // of lose: what is lost
	LostAnswer = "answer"

	OneTimePrekey   = "one-time-prekey" // of tamper: what of a bundle is changed
	OneTimePrekeyID = "one-time-prekey-id"
	SignedPrekeyID  = "signed-prekey-id"

	OtherSeq      = "seq" // of abuse: what is wrong with the entry
	OtherPrevious = "previous"
	OtherMessage  = "message"
	OtherPrekey   = "prekey"
	OlderPlace    = "place"
)

// the parts of a world with faults, by the verb.
var (
	makes   = []string{Rotation, Prekeys, Acks}
	losses  = []string{LostCommit, LostAnswer}
	tampers = []string{OneTimePrekey, OneTimePrekeyID, SignedPrekeyID}
	abuses  = []string{OtherSeq, OtherPrevious, OlderPlace, OtherMessage, OtherPrekey}
)

// The focuses of a world with faults.
var (
	Bundles = Focus{"bundles", []Verb{
		Send, Send, Send, Send, Read, Read, Fetch, Fetch, Replenish, Replenish, Replenish, Drain, Reissue, Tamper,
		Make, Release, Restart, Repeat, Delay, Arrive, Wait,
	}}
	Losses = Focus{"losses", []Verb{
		Send, Send, Send, Send, Read, Read, Lose, Lose, Lose, Late, Late, Arrive, Make, Release, Crash, Restart, Race,
		Replenish, Rotate, Add, Ack, Repeat, Delay, Wait, crossing, crossing,
	}}
	Contests = Focus{"contests", []Verb{
		Send, Send, Make, Make, Make, Make, Release, Release, Release, Release, Read, Read, Abuse, Abuse, Abuse,
		Stranger, Rotate, Wait,
	}}
	Splits = Focus{"splits", []Verb{
		Send, Send, Send, Send, Send, Read, Read, Split, Split, Join, Ack, Make, Release,
	}}
	Secrets = Focus{"secrets", []Verb{
		Send, Send, Send, Race, Race, Read, Read, Ack, Rotate, Add, Remove, Make, Release, Fetch, Replenish, Wait,
	}}
	SetBack = Focus{"set-back", []Verb{
		Send, Send, Send, Send, Send, Read, Lose, Lose, Late, Backup, Backup, Restore, Restore, Ack, crossing,
	}}
	AnyFault = Focus{"any-fault", []Verb{
		Send, Send, Send, Send, Send, Send, Read, Read, Read, Make, Make, Release, Release, Race, Crash, Restart, Ack,
		Replenish, Replenish, Prepare, Rotate, Add, Remove, Fetch, Drain, Stranger, Reissue, Tamper, Delay, Repeat,
		Lose, Late, Arrive, Backup, Restore, Abuse, Wait, crossing, crossing,
	}}
)

// Worlds generates scenarios of two or three accounts in a world with faults.
func Worlds(f Focus) *rapid.Generator[*Scenario] {
	return rapid.Custom(func(t *rapid.T) *Scenario {
		s := &Scenario{
			Format: Format, Version: Version, Level: Ambassador, Set: spec.AmbassadorV1, Faults: true,
			Users: []User{
				{"alice", rapid.IntRange(1, 3).Draw(t, "devices of alice")},
				{"bob", rapid.IntRange(1, 2).Draw(t, "devices of bob")},
			},
		}
		if rapid.IntRange(0, 3).Draw(t, "third") == 0 {
			s.Users = append(s.Users, User{"carol", 1})
		}
		g := worldSchedule{accountSchedule: accountSchedule{
			Scenario: s, there: map[string]int{}, gone: map[string]bool{},
		}}
		for _, u := range s.Users {
			g.there[u.Name] = u.Devices
		}
		g.oftenBy = rapid.SampledFrom([]string{"alice", "alice", "bob"}).Draw(t, "often by")
		g.often = g.device(t, g.oftenBy)
		for range rapid.IntRange(6, 25).Draw(t, "events") {
			g.next(t, f.Verbs)
		}
		return s
	})
}

// worldSchedule chooses the events of a world with faults. One device has more of them than the others, so that its
// troubles come together.
type worldSchedule struct {
	accountSchedule
	oftenBy string
	often   string
}

// whoActs draws a user and one of its devices.
func (g *worldSchedule) whoActs(t *rapid.T, names []string) (user, device string) {
	if rapid.IntRange(0, 1).Draw(t, "again") == 0 && !g.gone[g.often] {
		return g.oftenBy, g.often
	}
	user = rapid.SampledFrom(names).Draw(t, "user")
	return user, g.device(t, user)
}

func (g *worldSchedule) next(t *rapid.T, verbs []Verb) {
	names := []string{"alice", "alice", "alice", "bob", "bob"}
	if len(g.Users) > 2 {
		names = append(names, g.Users[2].Name)
	}
	user, device := g.whoActs(t, names)
	e := Event{Do: rapid.SampledFrom(verbs).Draw(t, "verb"), By: device}
	switch e.Do {
	case Send, Crash, Fetch:
		e.To = g.other(t, user)
	case Make:
		if e.To = g.other(t, user); rapid.IntRange(0, 3).Draw(t, "what") == 0 {
			e.To, e.Part = "", rapid.SampledFrom(makes).Draw(t, "part")
		}
		if e.Part == Rotation {
			e.By = user + "/0"
		}
	case Race:
		e = Event{Do: Race, To: g.other(t, user), Devices: []string{e.By, g.device(t, user)}}
	case Drain, Stranger, Reissue, Tamper:
		e = Event{Do: e.Do, To: user}
		if e.Do == Tamper {
			e.Part = rapid.SampledFrom(tampers).Draw(t, "part")
			e.Change = Change(fmt.Sprint("flip ", rapid.IntRange(0, 250).Draw(t, "bit")))
		}
	case Lose:
		e.Part = rapid.SampledFrom(losses).Draw(t, "part")
	case Abuse:
		e.To, e.Part = g.other(t, user), rapid.SampledFrom(abuses).Draw(t, "part")
	case Wait:
		e = Event{Do: Wait, Seconds: rapid.SampledFrom([]int{1, 5, 11, 3600, 200000}).Draw(t, "seconds")}
	case Join:
		e = Event{Do: Join}
	case Rotate, Add, Remove, Prepare:
		g.lead(t, user, e)
		return
	case crossing:
		g.cross(t, user, g.other(t, user))
		return
	}
	g.add(e)
}

// lead adds an event of the leader.
func (g *worldSchedule) lead(t *rapid.T, user string, e Event) {
	device := e.By
	e.By = user + "/0"
	switch {
	case e.Do == Add && g.there[user] >= 4, e.Do == Remove && device == e.By:
		return
	case e.Do == Add:
		g.there[user]++
	case e.Do == Remove:
		g.gone[device] = true
	}
	if device != e.By && (e.Do == Remove || e.Do == Prepare) {
		e.Devices = []string{device}
	}
	g.add(e)
}

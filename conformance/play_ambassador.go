package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"credence/conformance/adversary"
	"credence/conformance/scenario"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/client"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// theatre plays a scenario of level ambassador: the target plays every device of every account, the suite the post office.
type theatre struct {
	*world
	play     *Play
	post     *adversary.Post
	users    []*household
	watch    *keyWatch
	copies   []*deviceCopy
	texts    int
	released map[account.DeviceID]int // commits that have reached the post office
	ledger   *ledger
	event    int // the one that happens
	lives    lifetimes
	problem  error // of the oracle, which cannot follow what the target does
}

// watchKeys notes which keys of conversations there are after an event.
func (th *theatre) watchKeys() {
	for _, h := range th.users {
		for _, a := range h.actors {
			if d := th.post.Devices[a.Device.ID()]; d != nil {
				th.lives.see(&th.play.Record, th.event, a.name, d.Keys())
			}
		}
	}
}

// household is an account with its devices; those that were removed stay in the list.
type household struct {
	name   string
	id     account.ID
	actors []*actor
}

// actor is a device on the stage.
type actor struct {
	*member
	name    string // alice/0
	home    *household
	removed bool
	since   int // the event in which it came, and in which it was removed or -1
	until   int
	linked  int // messages that had been sent by then
	epoch   uint32
	asked   int            // the event in which it was asked to heal
	commit  []byte         // an entry that was made and not released
	saved   *saved         // an older state, for rollback
	read    map[string]int // texts
}

type saved struct {
	state   []byte
	commits int
}

// deviceCopy is a copy of a device's state that the attacker has.
type deviceCopy struct {
	copied
	of *actor
}

// playAmbassador runs a scenario of level ambassador. Without an attacker, nobody looks at the copies.
func (t *tester) playAmbassador(s *scenario.Scenario, attacked bool) (*Play, error) {
	if err := reset(t); err != nil {
		return nil, err
	}
	th := &theatre{world: &world{tester: t}, play: newPlay(), ledger: newLedger(), event: -1, lives: lifetimes{}, post: adversary.NewPost(), released: map[account.DeviceID]int{}}
	th.watch = newKeyWatch(postoffice.New(th.now))
	th.office = &stage{th.watch, th}
	t.played = th.play
	defer th.record()
	for _, u := range s.Users {
		if err := th.enter(u); err != nil {
			return th.play, err
		}
	}
	for i, e := range s.Events {
		th.event = i
		came, err := th.do(i, e)
		if err == nil {
			err = first(func() error { return th.usedOnce(th.watch) }, th.epochsGrow)
		}
		if err != nil {
			th.play.happened(e.String() + goesWrong)
			return th.play, err
		}
		th.play.happened(e.String() + came)
		th.watchKeys()
	}
	th.event = len(s.Events)
	err := th.close()
	th.watchKeys()
	if err != nil || !attacked {
		th.evidence.add(Evidence{Scenarios: 1, Messages: len(th.post.Sent)})
		return th.play, err
	}
	return th.play, th.attack()
}

// epochsGrow fails if a device is in an earlier epoch than it was (AMB-INV-14).
func (th *theatre) epochsGrow() error {
	for _, h := range th.users {
		for _, a := range h.present() {
			r, err := th.must(shim.DeviceStatus, shim.Params{Party: a.party()})
			if err != nil {
				return err
			}
			if r.Epoch < a.epoch {
				return th.fail(Mismatch, a.name+" is back in an earlier epoch", fmt.Sprintf("epoch %d or later", a.epoch), fmt.Sprintf("epoch %d", r.Epoch))
			}
			a.epoch = r.Epoch
		}
	}
	return nil
}

// now lets time pass between events, so that nobody holds a place for longer than one (AMB-PST-06).
func (th *theatre) now() time.Time {
	return time.Unix(0, 0).Add(time.Duration(len(th.play.Lines)) * time.Minute)
}

// close lets everybody read to the end, and compares the devices of each account.
func (th *theatre) close() error {
	for range 2 {
		for _, h := range th.users {
			for _, a := range h.present() {
				if err := a.Sync(); err != nil {
					return th.refusedReference(err)
				}
			}
		}
	}
	if err := th.agree(); err != nil {
		return err
	}
	if th.problem != nil {
		return th.fail(Mismatch, "the target does something else than SPEC.md 7 to 12 say", "a run that the specification explains", th.problem.Error())
	}
	return nil
}

// attack judges what the attacker reads.
func (th *theatre) attack() error {
	for _, c := range th.copies {
		if err := th.readFromCopy(c); err != nil {
			return err
		}
	}
	var messages []judged
	for _, m := range th.post.Sent {
		messages = append(messages, judged{m.Message, m.Key})
	}
	var copies []*copied
	for _, c := range th.copies {
		copies = append(copies, &c.copied)
	}
	th.evidence.add(Evidence{Scenarios: 1, Messages: len(messages), Copies: len(copies)})
	th.play.judge(th.post.Oracle, adversary.NewAttacker(th.post.Trace), copies, messages)
	th.evidence.add(Evidence{Allowed: th.play.Allowed, Read: th.play.Read})
	return nil
}

// present gives the devices that are on the list.
func (h *household) present() []*actor {
	var on []*actor
	for _, a := range h.actors {
		if !a.removed {
			on = append(on, a)
		}
	}
	return on
}

// agree fails unless the devices of each account are in step, and each text was read once by whom it is for.
func (th *theatre) agree() error {
	for _, h := range th.users {
		for _, peer := range th.users {
			if peer == h {
				continue
			}
			var first *state
			for _, a := range h.present() {
				s, err := th.state(a.member, peer.id)
				if err != nil {
					return err
				}
				if active, err := th.active(a); !active {
					if err != nil {
						return err
					}
					continue // it has nothing of the epoch
				}
				if s.problem != "" {
					return th.fail(Mismatch, a.name+" stands still: "+s.problem, "in step", s.problem)
				}
				if first == nil {
					first = &s
				} else if s != *first {
					return th.fail(Mismatch, fmt.Sprintf("%s differs from %s in the conversation with %s", a.name, h.present()[0].name, peer.name),
						fmt.Sprintf("seq %d, head %x, digest %x", first.seq, first.head, first.digest), fmt.Sprintf("seq %d, head %x, digest %x", s.seq, s.head, s.digest))
				}
			}
		}
		for _, a := range h.actors {
			for text, n := range a.read {
				if n > 1 {
					return th.fail(Mismatch, a.name+" has given its user a text more than once", "once", fmt.Sprintf("%q: %d times", text, n))
				}
			}
		}
	}
	return nil
}

// enter makes an account with its first devices.
func (th *theatre) enter(u scenario.User) error {
	h := &household{name: u.Name}
	th.users = append(th.users, h)
	d := &shimDevice{tester: th.tester, name: th.newName()}
	r, err := th.must(shim.DeviceRegister, shim.Params{Party: d.name})
	if err != nil {
		return err
	}
	if err := d.identify(); err != nil {
		return err
	}
	h.id = d.account
	th.note(th.post.Made(r.Message, ""))
	c, err := client.Open(&watched{shimDevice: d, th: th}, r.Message, th.office, th.random)
	if err != nil {
		return th.refusedReference(err)
	}
	th.appear(h, c, d)
	for range u.Devices - 1 {
		if err := th.add(h); err != nil {
			return err
		}
	}
	return nil
}

// appear adds a device to its account.
func (th *theatre) appear(h *household, c *client.Client, d *shimDevice) {
	a := &actor{member: th.member(c, d.name), name: fmt.Sprintf("%s/%d", h.name, len(h.actors)), home: h, since: th.event, until: -1, linked: len(th.post.Sent), read: map[string]int{}}
	c.Heard = func(e ambassador.Event) {
		a.events = append(a.events, e)
		if e.Kind == ambassador.Message || e.Kind == ambassador.Sent {
			a.read[string(e.Plaintext)]++
		}
	}
	h.actors = append(h.actors, a)
}

// add links a new device.
func (th *theatre) add(h *household) error {
	d, err := th.newTarget()
	if err != nil {
		return err
	}
	c, err := client.Join(h.actors[0].Client, &watched{shimDevice: d, th: th}, th.office, th.random)
	if err != nil {
		return th.refusedReference(err)
	}
	th.appear(h, c, d)
	return nil
}

// note keeps the first problem of the oracle.
func (th *theatre) note(err error) {
	if th.problem == nil {
		th.problem = err
	}
}

// find gives the device or user of a name.
func (th *theatre) find(name string) *actor {
	for _, h := range th.users {
		for _, a := range h.actors {
			if a.name == name && !a.removed {
				return a
			}
		}
	}
	return nil
}

func (th *theatre) user(name string) *household {
	i := slices.IndexFunc(th.users, func(h *household) bool { return h.name == name })
	if i < 0 {
		return nil
	}
	return th.users[i]
}

// do performs an event and tells what came of it.
func (th *theatre) do(i int, e scenario.Event) (string, error) {
	a, to := th.find(e.By), th.user(e.To)
	leads := a != nil && a == a.home.actors[0]
	switch {
	case e.Do == scenario.Race && to != nil:
		return th.race(e.Devices, to)
	case a == nil || a.commit != nil && !slices.Contains([]scenario.Verb{scenario.Release, scenario.Restart, scenario.Compromise}, e.Do):
		return doesNotApply, nil // an application waits for the answer to its commit
	case (e.Do == scenario.Send || e.Do == scenario.Crash) && to != nil && to != a.home:
		if e.Do == scenario.Crash {
			return th.crash(a, to)
		}
		return th.says(a, to)
	case e.Do == scenario.Make && to != nil && to != a.home:
		return th.makes(a, to)
	case e.Do == scenario.Release && a.commit != nil:
		return th.release(a)
	case e.Do == scenario.Read && th.unread(a):
		return "", th.refusedReference(a.Sync())
	case e.Do == scenario.Ack && len(a.home.present()) > 1:
		return th.tolerate(a.Ack())
	case e.Do == scenario.Replenish:
		return th.tolerate(a.Replenish(account.Batch * 2))
	case e.Do == scenario.Prepare && leads && len(a.home.present()) > 1:
		return th.prepare(i, a, e.Devices)
	case e.Do == scenario.Rotate && leads:
		return "", th.rotate(a, ambassador.Change{})
	case e.Do == scenario.Add && leads && len(a.home.actors) < 20:
		return "", th.add(a.home)
	case e.Do == scenario.Remove && leads:
		return th.remove(a, e.Devices)
	case e.Do == scenario.Restart:
		return "", th.restart(a.member)
	case e.Do == scenario.Compromise:
		return th.compromise(i, a)
	case e.Do == scenario.Rollback:
		return th.rollback(a)
	case e.Do == scenario.Withhold:
		return th.withhold(a)
	case e.Do == scenario.Forge:
		return th.forge(a, e)
	}
	return doesNotApply, nil
}

// tolerate lets a device say that it may not: it is pending.
func (th *theatre) tolerate(err error) (string, error) {
	if errors.Is(err, refusal.NotReady) || errors.Is(err, refusal.NotAllowed) {
		return doesNotApply, nil
	}
	return "", th.refusedReference(err)
}

// prepare asks devices to heal before the next epoch.
func (th *theatre) prepare(event int, leader *actor, names []string) (string, error) {
	came, err := th.tolerate(leader.Prepare(th.ids(leader.home, names)))
	if came == "" && err == nil {
		for _, a := range leader.home.present() {
			if a != leader && (names == nil || slices.Contains(names, a.name)) {
				a.asked = event
			}
		}
	}
	return came, err
}

func (th *theatre) ids(h *household, names []string) []account.DeviceID {
	var ids []account.DeviceID
	for _, name := range names {
		if a := th.find(name); a != nil && a.home == h && a != h.actors[0] {
			ids = append(ids, a.Device.ID())
		}
	}
	return ids
}

func (th *theatre) text() string {
	th.texts++
	return fmt.Sprintf("m%d", th.texts)
}

// active tells whether a device has the secrets of the epoch.
func (th *theatre) active(a *actor) (bool, error) {
	r, err := th.must(shim.DeviceStatus, shim.Params{Party: a.party()})
	if err != nil {
		return false, err
	}
	return r.Active, nil
}

func (a *actor) watched() *watched { return a.Device.(*watched) }

func (a *actor) party() string { return a.watched().name }

func (th *theatre) says(a *actor, to *household) (string, error) {
	if ok, err := th.speaks(a); !ok {
		return doesNotApply, err
	}
	text := th.text()
	a.watched().text = text
	if err := th.send(a.member, to.id, text); err != nil {
		return "", err
	}
	return ": " + text, nil
}

// speaks lets a device read, and tells whether it may send then: a pending one may not.
func (th *theatre) speaks(a *actor) (bool, error) {
	if err := a.Sync(); err != nil {
		return false, th.refusedReference(err)
	}
	return th.active(a)
}

// race lets devices make entries for the same place; then they are brought, in turn.
func (th *theatre) race(names []string, to *household) (string, error) {
	type racer struct {
		a      *actor
		commit []byte
	}
	var racers []racer
	var there []*actor
	for _, name := range names {
		a := th.find(name)
		if a == nil || a.home == to || a.commit != nil || slices.Contains(there, a) {
			continue
		}
		there = append(there, a)
		if ok, err := th.speaks(a); !ok {
			return doesNotApply, err
		}
	}
	var out []string
	for _, a := range there {
		text := th.text()
		a.watched().text = text
		commit, err := th.makeEntry(a, to, text)
		if err != nil {
			return "", th.refusedReference(err)
		}
		racers = append(racers, racer{a, commit})
		out = append(out, text)
	}
	for _, r := range racers {
		if err := th.office.Append(r.commit); err != nil {
			r.a.Device.PostOfficeRefused()
		}
	}
	if racers == nil {
		return doesNotApply, nil
	}
	return ": " + strings.Join(out, ", "), nil
}

// makes lets a device make an entry on what it has read, which waits for its release. One that does not come back before the device
// reads its mailbox to the end is dropped (AMB-SYN-14).
func (th *theatre) makes(a *actor, to *household) (string, error) {
	if ok, err := th.active(a); !ok || a.commit != nil {
		return doesNotApply, err
	}
	text := th.text()
	a.watched().text = text
	commit, err := th.makeEntry(a, to, text)
	if errors.Is(err, refusal.NotReady) {
		return doesNotApply, nil
	}
	a.commit = commit
	return ": " + text, th.refusedReference(err)
}

// release brings the entry that a device has made. The post office may refuse it.
func (th *theatre) release(a *actor) (string, error) {
	commit := a.commit
	a.commit = nil
	if err := th.office.Append(commit); err != nil {
		a.Device.PostOfficeRefused()
		return ": refused", nil
	}
	return ": accepted", nil
}

// unread tells whether something waits for a device.
func (th *theatre) unread(a *actor) bool {
	box, err := th.office.Fetch(a.home.id, a.Device.ID(), 1)
	return err != nil || len(box.Mails) > a.watched().mails
}

// makeEntry makes a commit as client.Send would, without bringing it.
func (th *theatre) makeEntry(a *actor, to *household, text string) ([]byte, error) {
	commit, err := a.Device.Send(to.id, []byte(text), nil, th.random)
	if errors.Is(err, refusal.IncompleteBundle) {
		var bundle []byte
		if bundle, err = th.office.Bundle(to.id); err == nil {
			commit, err = a.Device.Send(to.id, []byte(text), bundle, th.random)
		}
	}
	return commit, err
}

// crash stops a device after it has stored its state and before its commit has left, and starts it again.
func (th *theatre) crash(a *actor, to *household) (string, error) {
	if ok, err := th.speaks(a); !ok {
		return doesNotApply, err
	}
	text := th.text()
	a.watched().text = text
	if _, err := th.makeEntry(a, to, text); err != nil {
		return "", th.refusedReference(err)
	}
	return ": " + text + " never left", th.restart(a.member)
}

func (th *theatre) remove(leader *actor, names []string) (string, error) {
	ids := th.ids(leader.home, names)
	if ids == nil {
		return doesNotApply, nil
	}
	if err := th.rotate(leader, ambassador.Change{Remove: ids}); err != nil {
		return "", err
	}
	for _, a := range leader.home.actors {
		if slices.Contains(ids, a.Device.ID()) {
			a.removed, a.until = true, th.event
		}
	}
	for _, c := range th.copies {
		if c.of.removed && c.removed == 0 {
			c.removed = len(th.post.Sent)
		}
	}
	return "", nil
}

// rotate opens an epoch. Copies of devices that had been asked to heal are worth nothing in it.
func (th *theatre) rotate(leader *actor, change ambassador.Change) error {
	before := len(th.post.Sent)
	if err := leader.Rotate(change); err != nil {
		return th.refusedReference(err)
	}
	for _, c := range th.copies {
		if c.of.home == leader.home && c.of.asked > c.event && c.prepared == 0 {
			c.prepared = before
		}
	}
	return nil
}

// compromise gives the attacker the complete state of a device.
func (th *theatre) compromise(event int, a *actor) (string, error) {
	r, err := th.must(shim.DeviceExport, shim.Params{Party: a.party()})
	if err != nil {
		return "", err
	}
	c := copied{
		event: event, who: a.name, state: bytes.Clone(r.State), holds: th.post.Devices[a.Device.ID()].Holds(),
		messages: len(th.post.Sent), imported: map[*adversary.Message]struct{}{}, linked: a.linked,
	}
	th.copies = append(th.copies, &deviceCopy{c, a})
	return fmt.Sprintf(": %d bytes", len(r.State)), nil
}

// readFromCopy lets the target itself read the whole mailbox of the device from the copy.
func (th *theatre) readFromCopy(c *deviceCopy) error {
	d, err := th.imported(c.state)
	if err != nil {
		return err
	}
	box, err := th.office.Fetch(c.of.home.id, c.of.Device.ID(), 1)
	if err != nil {
		return nil // it was removed: the mailbox is closed to the attacker too
	}
	for _, mail := range box.Mails {
		events, err := d.Receive(mail)
		var v *verdict
		if errors.As(err, &v) {
			return err
		}
		m := &postoffice.Mail{}
		if codec.Decode(mail, m) != nil {
			continue
		}
		for _, e := range events {
			if e.Kind != ambassador.Message && e.Kind != ambassador.Sent {
				continue
			}
			for _, s := range th.post.Sent {
				if s.Entry && s.Message.Name == string(e.Plaintext) && bytes.Contains(m.Entry, s.Message.Body) {
					c.imported[s.Message] = struct{}{}
				}
			}
		}
	}
	return nil
}

// imported gives a device from a state, beside the one that goes on.
func (th *theatre) imported(state []byte) (*shimDevice, error) {
	d := &shimDevice{tester: th.tester, name: th.newName()}
	_, err := th.must(shim.DeviceImport, shim.Params{Party: d.name, State: state})
	return d, err
}

// rollback starts a device from an older state, if it has made commits since: it must notice and not send (AMB-INV-15). The device
// itself goes on.
func (th *theatre) rollback(a *actor) (string, error) {
	w := a.watched()
	if a.saved == nil || a.saved.commits == th.released[w.id] {
		r, err := th.must(shim.DeviceExport, shim.Params{Party: w.name})
		if err != nil {
			return "", err
		}
		a.saved = &saved{r.State, th.released[w.id]}
		return ": state kept", nil
	}
	d, err := th.imported(a.saved.state)
	if err != nil {
		return "", err
	}
	if err := d.identify(); err != nil {
		return "", err
	}
	box, err := th.office.Fetch(a.home.id, d.id, 1)
	if err != nil {
		return "", th.refusedReference(err)
	}
	for _, mail := range box.Mails {
		if _, err := d.Receive(mail); err != nil && refusal.Of(err) == "" {
			return "", th.refusedReference(err)
		}
	}
	caught := d.CaughtUp(box.Commits)
	commit, err := d.Ack(nil)
	a.saved = nil
	if err == nil && len(commit) > 0 || caught == nil && th.talks(a, d) {
		return "", th.fail(AcceptedInvalid, a.name+" was set back to an older state and sends: it would use message keys twice", "not-ready", "a commit")
	}
	return ": noticed", nil
}

// talks tells whether a device makes an entry.
func (th *theatre) talks(a *actor, d *shimDevice) bool {
	for _, h := range th.users {
		if h != a.home {
			commit, err := d.Send(h.id, []byte("set back"), nil, nil)
			return err == nil && len(commit) > 0
		}
	}
	return false
}

// withhold keeps one entry from a copy of a device, and brings it the rest: it must give its user nothing of that conversation that
// comes after (AMB-INV-16). The device itself goes on.
func (th *theatre) withhold(a *actor) (string, error) {
	r, err := th.must(shim.DeviceExport, shim.Params{Party: a.party()})
	if err != nil {
		return "", err
	}
	d, err := th.imported(r.State)
	if err != nil {
		return "", err
	}
	box, err := th.office.Fetch(a.home.id, a.Device.ID(), 1)
	if err != nil {
		return "", th.refusedReference(err)
	}
	missing := slices.IndexFunc(box.Mails[min(a.watched().mails, len(box.Mails)):], hasEntry)
	if missing < 0 {
		return doesNotApply, nil
	}
	for i, mail := range box.Mails[a.watched().mails:] {
		if i == missing {
			continue
		}
		events, err := d.Receive(mail)
		if err != nil && refusal.Of(err) == "" {
			return "", th.refusedReference(err)
		}
		for _, e := range events {
			if i > missing && e.Kind == ambassador.Rotated {
				return ": until the epoch ended", nil
			}
			if i > missing && len(th.users) == 2 && (e.Kind == ambassador.Message || e.Kind == ambassador.Sent) {
				return "", th.fail(AcceptedInvalid, a.name+" missed an entry and goes on reading", "frozen, not-ready or conflict", fmt.Sprintf("%s of %q", e.Kind, e.Plaintext))
			}
		}
	}
	return ": noticed", nil
}

func hasEntry(mail []byte) bool {
	m := &postoffice.Mail{}
	return codec.Decode(mail, m) == nil && len(m.Entry) > 0
}

// forge brings a changed mail to a copy of a device, its next one or the last that it has read. The copy must give its user nothing
// that nobody has said. If it refuses the mail it must be as it was, and read on like a copy that has not seen it. The device itself goes on.
func (th *theatre) forge(a *actor, e scenario.Event) (string, error) {
	r, err := th.must(shim.DeviceExport, shim.Params{Party: a.party()})
	if err != nil {
		return "", err
	}
	box, err := th.office.Fetch(a.home.id, a.Device.ID(), 1)
	if err != nil || len(box.Mails) == 0 {
		return doesNotApply, th.refusedReference(err)
	}
	changed, ok := forgedMail(box.Mails[min(a.watched().mails, len(box.Mails)-1)], e)
	if !ok {
		return doesNotApply, nil
	}
	victim, err := th.imported(r.State)
	if err != nil {
		return "", err
	}
	events, err := th.hears(victim, changed)
	if err != nil {
		return "", err
	}
	if e.Part == "entry" && slices.ContainsFunc(events, func(e ambassador.Event) bool { return e.Kind == ambassador.Accepted }) {
		return "", th.fail(AcceptedInvalid, a.name+" takes a changed entry for its own", "the commit stays under way (AMB-SYN-15)", "accepted")
	}
	for _, text := range spoken(events) {
		if !slices.ContainsFunc(th.post.Sent, func(m adversary.Sent) bool { return m.Entry && m.Message.Name == text }) {
			return "", th.fail(AcceptedInvalid, a.name+" gives its user a text that nobody has said", "nothing, or what was said", fmt.Sprintf("%q", text))
		}
	}
	if slices.ContainsFunc(events, func(e ambassador.Event) bool { return e.Kind != ambassador.Refused }) {
		return ": taken for another mail", nil
	}
	again, err := th.must(shim.DeviceExport, shim.Params{Party: victim.name})
	if err != nil {
		return "", err
	}
	if !bytes.Equal(again.State, r.State) {
		return "", th.fail(StateChanged, "a refused mail has changed the exported state", fmt.Sprintf("state as before (%d bytes)", len(r.State)), fmt.Sprintf("another state (%d bytes)", len(again.State)))
	}
	return ": refused", th.readsOn(a, victim, r.State, box.Mails[a.watched().mails:])
}

// forgedMail gives a mail with a part changed.
func forgedMail(mail []byte, e scenario.Event) ([]byte, bool) {
	none := func(string) ([]byte, bool) { return nil, false }
	if e.Part == "mail" {
		return e.Change.Apply(mail, none)
	}
	m := &postoffice.Mail{}
	if codec.Decode(mail, m) != nil {
		return nil, false
	}
	part := &m.Entry
	if e.Part == "parcel" {
		if len(m.Parcels) == 0 {
			return nil, false
		}
		part = &m.Parcels[0].Body
	}
	value, ok := e.Change.Apply(*part, none)
	if !ok {
		return nil, false
	}
	*part = value
	changed, err := codec.Encode(m)
	return changed, err == nil
}

// hears gives the events of a device that gets mails.
func (th *theatre) hears(d *shimDevice, mails ...[]byte) (all []ambassador.Event, err error) {
	for _, mail := range mails {
		events, err := d.Receive(mail)
		if err != nil && refusal.Of(err) == "" && !errors.As(err, new(*shim.Error)) {
			return nil, th.refusedReference(err)
		}
		all = append(all, events...)
	}
	return all, nil
}

// spoken gives the texts that a device gives its user.
func spoken(events []ambassador.Event) (texts []string) {
	for _, e := range events {
		if e.Kind == ambassador.Message || e.Kind == ambassador.Sent {
			texts = append(texts, string(e.Plaintext))
		}
	}
	return texts
}

// readsOn fails unless a device that has refused a mail reads the genuine ones like another copy of its state.
func (th *theatre) readsOn(a *actor, victim *shimDevice, state []byte, mails [][]byte) error {
	other, err := th.imported(state)
	if err != nil {
		return err
	}
	expected, err := th.hears(other, mails...)
	if err != nil {
		return err
	}
	events, err := th.hears(victim, mails...)
	if err != nil {
		return err
	}
	if got, expected := spoken(events), spoken(expected); !slices.Equal(got, expected) {
		return th.fail(RejectedValid, a.name+" has refused a mail, and reads the genuine ones after it otherwise than before", fmt.Sprintf("%q", expected), fmt.Sprintf("%q", got))
	}
	return nil
}

// stage is the post office of a theatre: what reaches it is seen by the attacker.
type stage struct {
	postoffice.Service
	th *theatre
}

// Append lets the attacker see a commit, also one that is refused.
func (s *stage) Append(commit []byte) error {
	before := len(s.th.post.Sent)
	s.th.post.Released(commit)
	m := &postoffice.Commit{}
	if codec.Decode(commit, m) == nil {
		s.th.released[m.Device]++
		s.th.ledger.released(s.th.event, m, s.th.recipient(m.Entry), s.th.post.Sent[before:])
	}
	return s.Service.Append(commit)
}

// recipient gives the name of the account that an entry is for.
func (th *theatre) recipient(entry []byte) string {
	e, err := conversation.ParseEntry(entry)
	if err != nil {
		return ""
	}
	i := slices.IndexFunc(th.users, func(h *household) bool { return h.id == e.Recipient })
	if i < 0 {
		return ""
	}
	return th.users[i].name
}

// watched is a device of the target whose commits and mails the oracle follows.
type watched struct {
	*shimDevice
	th    *theatre
	text  string // of the entry that it makes next
	mails int    // that it has read
}

func (w *watched) made(commit []byte, err error) ([]byte, error) {
	if err == nil && len(commit) > 0 {
		w.th.note(w.th.post.Made(commit, w.text))
	}
	return commit, err
}

func (w *watched) symbolic() *adversary.Device { return w.th.post.Devices[w.id] }

// Send and the others that follow are those of client.Device.
func (w *watched) Send(peer account.ID, plaintext, bundle []byte, r io.Reader) ([]byte, error) {
	return w.made(w.shimDevice.Send(peer, plaintext, bundle, r))
}

func (w *watched) Upkeep(r io.Reader) ([]byte, error) { return w.made(w.shimDevice.Upkeep(r)) }

func (w *watched) Ack(r io.Reader) ([]byte, error) {
	commit, err := w.shimDevice.Ack(r)
	if err == nil && w.symbolic() != nil {
		w.symbolic().Acked()
	}
	return w.made(commit, err)
}

func (w *watched) Replenish(r io.Reader) ([]byte, error) { return w.made(w.shimDevice.Replenish(r)) }

func (w *watched) Prepare(devices []account.DeviceID, r io.Reader) ([]byte, error) {
	return w.made(w.shimDevice.Prepare(devices, r))
}

func (w *watched) Rotate(change ambassador.Change, r io.Reader) ([]byte, error) {
	return w.made(w.shimDevice.Rotate(change, r))
}

func (w *watched) Request(offer []byte, r io.Reader) ([]byte, error) {
	request, err := w.shimDevice.Request(offer, r)
	if err == nil {
		w.th.note(w.th.post.Requested(offer, request))
	}
	return request, err
}

func (w *watched) PostOfficeRefused() {
	w.shimDevice.PostOfficeRefused()
	if d := w.symbolic(); d != nil {
		d.Dropped()
	}
}

func (w *watched) CaughtUp(commits uint64) error {
	err := w.shimDevice.CaughtUp(commits)
	if d := w.symbolic(); err == nil && d != nil {
		d.Dropped()
	}
	return err
}

func (w *watched) Receive(mail []byte) ([]ambassador.Event, error) {
	events, err := w.shimDevice.Receive(mail)
	w.mails++
	if err == nil {
		took := slices.ContainsFunc(events, func(e ambassador.Event) bool {
			return e.Kind == ambassador.Message || e.Kind == ambassador.Sent || e.Kind == ambassador.Accepted
		})
		w.th.note(w.th.post.Processed(w.id, mail, took))
	}
	if err == nil || refusal.Of(err) != "" {
		w.th.ledger.received(w.th.event, w.id, mail, err != nil)
	}
	return events, err
}

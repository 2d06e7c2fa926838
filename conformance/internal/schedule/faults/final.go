package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// nowhere is a post office that takes everything and keeps nothing.
type nowhere struct{ postoffice.Service }

func (nowhere) Append([]byte) error { return nil }

// status asks a device for its status.
func (p *player) status(d *device) *shim.Result {
	return p.Must(shim.DeviceStatus, shim.Params{Party: d.target.Party()})
}

// unread reports whether something waits for a device.
func (p *player) unread(d *device) bool {
	_, err := p.network.pull(d, d.side, d.user.id, d.Device.ID())
	return err != nil || len(d.box.mails) > d.box.shown
}

// ownEntries returns how many entries an account has in its logs.
func (p *player) ownEntries(u *user) (n int) {
	for _, l := range p.network.offices[0].logs {
		for _, x := range l.places {
			if x.by == u.id {
				n++
			}
		}
	}
	return n
}

// rotationsDelayed is how often a rotation may be refused because of what other accounts do (AMB-INV-21).
const rotationsDelayed = 0

// fairRotation follows how often a rotation is refused because of what other accounts do.
func (p *player) fairRotation(d *device, h *held, err error) {
	switch {
	case err == nil && h.text == "":
		delete(p.rotations, d.user.id)
	case h.onTop && refusal.Of(err) == refusal.Conflict && h.rival == p.ownEntries(d.user):
		p.rotations[d.user.id]++
	}
	if n := p.rotations[d.user.id]; n > rotationsDelayed {
		p.found(Rotations, d.label+" was kept from rotating by what other accounts do",
			fmt.Sprintf("refused %d times at most", rotationsDelayed), fmt.Sprintf("%d times in a row", n))
	}
}

// finish lets the faults stop, and judges what has to hold then.
func (p *player) finish() {
	p.calm()
	p.network.clock = p.network.clock.Add(time.Hour)
	p.quiet()
	p.quiet()
	if p.judged&(Forks|Rest) != 0 {
		for _, d := range p.present() {
			if p.status(d).Active && len(d.user.present()) > 1 {
				p.tolerate(d.Ack())
			}
		}
		p.quiet()
	}
	p.checkNow()
	p.judgeForks()
	if p.judged&Delivery != 0 {
		p.judgeDelivery()
	}
	if p.judged&Losses != 0 {
		p.judgeLosses()
	}
	if p.judged&Rest != 0 {
		p.judgeRest()
	}
	p.checkNow()
}

// calm lets everything come that is under way, and the network be honest.
func (p *player) calm() {
	if len(p.network.offices) > 1 {
		p.join()
	}
	clear(p.network.bundles)
	for _, d := range p.present() {
		d.fault = ""
		clear(d.kept)
	}
	for _, d := range p.present() {
		p.arrive(d)
		p.release(d)
	}
}

// mostRounds bounds how often devices read until nothing changes.
const mostRounds = 12

// quiet lets everybody read until nothing comes any more.
func (p *player) quiet() {
	for range mostRounds {
		before := p.mails()
		for _, d := range p.present() {
			p.tolerate(d.Sync())
		}
		if p.mails() == before {
			return
		}
	}
	p.found(Rest, "the devices do not come to rest", fmt.Sprintf("nothing new after %d rounds", mostRounds), "mails")
}

// mails counts what devices have got.
func (p *player) mails() (n int) {
	for _, d := range p.present() {
		n += d.target.mails
	}
	return n
}

// sound reports whether a device has to send and read: it is active, and was not set back.
func (p *player) sound(d *device) bool { return !d.setBack && !d.removed && p.status(d).Active }

// whole reports whether two accounts have a conversation for which delivery was promised.
func (p *player) whole(a, b *user) bool {
	return !a.parted && !b.parted && !p.spoiled[pairOf(a.id, b.id)]
}

// judgeDelivery lets each account write to each other one: within two attempts all its devices must have read.
func (p *player) judgeDelivery() {
	for _, a := range p.users {
		for _, b := range p.users {
			if a != b && p.whole(a, b) {
				p.reaches(a, b)
			}
		}
	}
}

// reaches stops the test if neither of two texts reaches every device of the other account.
func (p *player) reaches(a, b *user) {
	from := slices.DeleteFunc(a.present(), func(d *device) bool { return !p.sound(d) })
	if len(from) == 0 {
		return
	}
	var missing []string
	came := ""
	for range 2 {
		d := from[len(from)-1]
		t := p.newText(d, b)
		came = p.tolerate(d.Client.Send(b.id, []byte(t.name)))
		t.refused = came != ""
		p.quiet()
		p.network.clock = p.network.clock.Add(patience + time.Second) // nobody holds a place any more
		if missing = p.missing(b, t.name); len(missing) == 0 {
			return
		}
	}
	p.found(Delivery, fmt.Sprintf("nothing that %s sends is read by %s, although the network is honest again%s",
		from[len(from)-1].label, strings.Join(missing, ", "), came), "read within two attempts", "not read")
	p.checkNow()
}

// missing returns the devices of an account that had to read a text and did not.
func (p *player) missing(u *user, name string) (labels []string) {
	for _, d := range u.present() {
		if p.sound(d) && d.read[name] == 0 {
			labels = append(labels, d.label)
		}
	}
	return labels
}

// judgeLosses stops the test at a text that nobody will read and of which its sender was not told, or was told twice.
func (p *player) judgeLosses() {
	for _, name := range slices.Sorted(maps.Keys(p.texts)) {
		t := p.texts[name]
		if !p.sound(t.from) || !p.whole(t.from.user, t.to) || !slices.ContainsFunc(t.to.present(), p.sound) {
			continue // nobody was to tell, or to be told
		}
		p.toldTwice(t)
		if !t.refused && !p.readBy(t) && !t.told() {
			p.found(Losses,
				fmt.Sprintf("%s of %s to %s is lost, and nobody was told", name, t.from.label, t.to.name),
				"read, refused, dropped or reported as undelivered", fmt.Sprintf("nothing; its places are %v", t.seqs))
		}
	}
	p.checkNow()
}

// told reports whether its sender knows that a text was not delivered: it was dropped, or reported at a place of its.
func (t *text) told() bool {
	if len(t.seqs) == 0 {
		return t.from.told[t.name] > 0
	}
	return slices.ContainsFunc(t.seqs, func(seq uint64) bool { return t.from.told[t.at(seq)] > 0 })
}

// at names a text at a place.
func (t *text) at(seq uint64) string { return fmt.Sprint(t.name, " at ", seq) }

// toldTwice stops the test if a place was reported more than once.
func (p *player) toldTwice(t *text) {
	for _, seq := range t.seqs {
		if n := t.from.told[t.at(seq)]; n > 1 {
			p.found(Losses, t.from.label+" has reported a text as undelivered more than once", "once",
				fmt.Sprintf("%s: %d times", t.at(seq), n))
		}
	}
}

// readBy reports whether a device of the recipient has read a text.
func (p *player) readBy(t *text) bool {
	return slices.ContainsFunc(t.to.devices, func(d *device) bool { return d.read[t.name] > 0 })
}

// judgeRest stops the test if a device has given a text twice, or sound devices of an account differ.
func (p *player) judgeRest() {
	for _, d := range p.present() {
		for name, n := range d.read {
			if t := p.texts[name]; t != nil && n > max(1, len(t.seqs)) {
				p.found(Rest, d.label+" has given its user a text more than once", "once",
					fmt.Sprintf("%s: %d times", name, n))
			}
		}
	}
	for _, u := range p.users {
		for _, peer := range p.users {
			if u != peer && p.whole(u, peer) {
				p.inStep(u, peer)
			}
		}
	}
}

// inStep stops the test unless the sound devices of an account have the same conversation with a peer.
func (p *player) inStep(u, peer *user) {
	first := ""
	for _, d := range u.present() {
		if !p.sound(d) {
			continue
		}
		s := p.State(d.Member, peer.id)
		if s.Problem != "" {
			p.found(Rest, d.label+" stands still in the conversation with "+peer.name, "in step", s.Problem)
		}
		if first == "" {
			first = s.String()
		}
		if s.String() != first {
			p.found(Rest, d.label+" differs from its siblings in the conversation with "+peer.name, first, s.String())
		}
	}
}

// judgeForks stops the test if devices of an account that have different histories of a conversation go on with it.
func (p *player) judgeForks() {
	for _, x := range p.parting {
		if x.device.removed || x.device.setBack || p.status(x.device).Epoch != x.epoch {
			continue
		}
		for _, d := range x.device.user.present() {
			if d != x.device && p.sound(d) && p.status(d).Epoch == x.epoch {
				p.judgeFork(x, d)
			}
		}
	}
	p.checkNow()
}

// judgeFork compares a device with one that was at the other post office.
func (p *player) judgeFork(x parting, d *device) {
	s, other := p.State(d.Member, x.peer.id), p.State(x.device.Member, x.peer.id)
	l := p.network.offices[0].log(d.user.id, x.peer.id)
	here := func(q place) bool { return string(q.head[:]) == s.Head }
	if s.Seq < uint64(x.first) || slices.ContainsFunc(x.own, here) || !slices.ContainsFunc(l.places[x.first-1:], here) {
		return // it has the same history, or none yet
	}
	for i, problem := range []string{s.Problem, other.Problem} {
		if problem == "" {
			p.found(Forks, fmt.Sprintf("%s and %s have different histories of the conversation with %s, and %s goes on",
				d.label, x.device.label, x.peer.name, []*device{d, x.device}[i].label), "frozen", "not frozen")
		}
	}
}

package offices

import (
	"fmt"
	"regexp"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// life is an account of several devices, or of one, with two others that talk to it and note every answer.
type life struct {
	*crowd
	own, bob, carol *puppet
	answers         []string
}

// answersTellNothing compares what two accounts are answered while a third one, of one device or of four, does the same
// with races among its devices (AMB-INV-23): class, text and size. What differs between two lives that are alike is
// chance, and not looked at.
func answersTellNothing(w *world.World) {
	alone, again := answersOf(w), answersOf(w)
	for _, others := range [][]account.Status{
		{account.Active, account.Active, account.Active}, {account.Pending, account.Active, account.Pending},
		{account.Pending, account.Pending, account.Pending},
	} {
		for i, got := range answersOf(w, others...) {
			if alone[i] == again[i] && got != alone[i] {
				w.Violation(verdict.Mismatch, fmt.Sprintf(
					"answer %d to other accounts, if an account has its leader alone, and with devices of status %v", i,
					others,
				), alone[i], got)
			}
		}
	}
}

// answersOf lives one life.
func answersOf(w *world.World, others ...account.Status) []string {
	const most = 3 // devices beside the leader
	w.Reset()
	c := &crowd{World: w, tips: map[[32]byte]tip{}}
	l := &life{crowd: c, own: c.epochless(), bob: c.epochless(), carol: c.epochless()}
	for _, p := range []*puppet{l.own, l.bob, l.carol} {
		p.gets("", p.registration())
	}
	for i := range most { // as many epochs, whatever the number of devices is
		l.own.rotates(func(list *account.List) {
			if i < len(others) {
				list.Devices = append(list.Devices, l.own.device(others[i]))
			}
		})
	}
	l.play()
	return l.answers
}

// epochless makes an account whose first epoch has the same number in every life.
func (c *crowd) epochless() *puppet {
	p := c.unregistered()
	p.list.Epoch = 1 << 30
	return p
}

// play is what happens in every life.
func (l *life) play() {
	own, bob, carol := l.own, l.bob, l.carol
	l.bundles(own)
	l.commits(bob.entry(0, own))
	l.commits(carol.entry(0, own))
	for round := range 3 {
		last := l.speaker(round)
		early := own.entry(0, bob) // the leader races with whoever speaks
		own.sends(last, bob)
		if last != 0 {
			own.refused(early)
		}
		l.commits(bob.entry(0, own))
		lost := own.entry(l.speaker(round+1), bob)
		l.commits(bob.entry(0, own))
		own.refused(lost)
		l.commits(bob.entry(0, own)) // the place is kept for the account
		l.commits(carol.entry(0, own))
		own.sends(0, bob)
		l.commits(bob.entry(0, own))
		l.wrong(bob)
		l.wrong(carol)
		l.bundles(own)
		l.asks(carol)
		if l.active(l.speaker(round + 2)) {
			own.publishes(l.speaker(round + 2))
		}
		own.rotates(func(*account.List) {})
		l.commits(bob.entry(0, own))
	}
}

// active reports whether a device of the account is active.
func (l *life) active(device int) bool { return l.own.list.Has(l.own.devices[device], account.Active) }

// speaker returns an active device, another one in each round if there are several.
func (l *life) speaker(round int) int {
	for i := range l.own.devices {
		if device := (round + 1 + i) % len(l.own.devices); l.active(device) {
			return device
		}
	}
	return 0
}

// wrong lets an account commit entries that are refused.
func (l *life) wrong(by *puppet) {
	for _, change := range []func(e *conversation.Entry){
		func(e *conversation.Entry) { e.Seq++ },
		func(e *conversation.Entry) { e.Seq = 1 },
		func(e *conversation.Entry) { e.Previous = [32]byte{} },
		func(e *conversation.Entry) { e.RecipientEpoch-- },
		func(e *conversation.Entry) { e.RecipientEpoch++ },
		func(e *conversation.Entry) { e.Start.SignedPrekeyID = 9 },
		func(e *conversation.Entry) { e.Start.OneTimePrekeyID = 1000 },
	} {
		l.commits(by.entry(0, l.own, change))
	}
	inItsName := by.records(0, by.devices[0])
	inItsName.Account = l.own.id
	l.commits(inItsName)
}

// asks lets an account ask for what is not its own.
func (l *life) asks(by *puppet) {
	_, err := l.Office.Fetch(l.own.id, by.devices[0], 1)
	l.note("mailbox", nil, err)
	_, err = l.Office.Announce(l.own.id, by.devices[0], 3)
	l.note("announcement", nil, err)
	box, err := l.Office.Fetch(by.id, by.devices[0], 1)
	l.note(fmt.Sprint(len(box.Mails), box.Commits, box.Prekeys), nil, err)
	for _, m := range box.Mails {
		l.note("mail", m, nil)
	}
}

// bundles asks for the bundle of an account.
func (l *life) bundles(of *puppet) {
	b, err := l.Office.Bundle(of.id)
	l.note("bundle", b, err)
}

// commits brings a commit, and notes the answer.
func (l *life) commits(m *postoffice.Commit) {
	err := l.Office.Append(l.encoded(m))
	if err == nil && m.Kind == postoffice.KindEntry {
		l.stands(m)
	}
	l.note("commit", nil, err)
}

// keys are what is drawn anew in every life.
var keys = regexp.MustCompile(`[0-9a-fA-F]{8,}`)

// note notes an answer: its size, the class of its refusal, and what it says, without keys.
func (l *life) note(what string, answer []byte, err error) {
	text := fmt.Sprintf("%s, %d bytes", what, len(answer))
	if err != nil {
		text += fmt.Sprintf(", %s: %s", refusal.Of(err), keys.ReplaceAllString(err.Error(), "#"))
	}
	l.answers = append(l.answers, text)
}

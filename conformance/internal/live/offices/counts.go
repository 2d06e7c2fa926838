package offices

import (
	"fmt"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// numbered lets a device commit records with a number, which is refused with a class, or taken if that is empty.
func (p *puppet) numbered(device int, number uint64, class refusal.Class) {
	m := p.records(device, p.list.Others(p.devices[device], 0)...)
	m.Number = number
	err := p.Office.Append(p.encoded(m))
	switch got := refusal.Of(err); {
	case class == "" && err != nil:
		p.Violation(verdict.RejectedValid, fmt.Sprintf("number %d of a device", number), "taken", err.Error())
	case class != "" && err == nil:
		p.Violation(verdict.AcceptedInvalid, fmt.Sprintf("number %d of a device", number), string(class), "taken")
	case class != "" && got != "" && !refusal.SameFamily(got, class):
		p.Violation(verdict.Mismatch, fmt.Sprintf("number %d of a device", number), string(class), string(got))
	}
}

// announces stops the test unless an announcement of a device is answered with a number.
func (p *puppet) announces(device int, number, want uint64) {
	got, err := p.Office.Announce(p.id, p.devices[device], number)
	p.Understood(err)
	if got != want {
		p.Violation(verdict.Mismatch, fmt.Sprintf("the answer to the announcement of number %d", number),
			fmt.Sprint(want), fmt.Sprint(got))
	}
}

// reads lets a device read its mailbox from a position on, and stops the test unless it is told a number.
func (p *puppet) reads(device int, from, want uint64) {
	box, err := p.Office.Fetch(p.id, p.devices[device], from)
	p.Understood(err)
	if box.Commits != want {
		p.Violation(verdict.Mismatch, fmt.Sprintf("the highest number of a device that reads from %d on", from),
			fmt.Sprint(want), fmt.Sprint(box.Commits))
	}
}

// numberTrial is a course of the numbers of an account with a leader, a companion and a pending device.
type numberTrial struct {
	name string
	play func(p *puppet)
}

// countsCommits plays what becomes of numbers (AMB-PST-02).
func countsCommits(c *crowd) {
	trials := []numberTrial{
		{"once", func(p *puppet) {
			p.numbered(0, 20, "")
			p.numbered(0, 20, refusal.Duplicate)
			p.numbered(0, 19, refusal.Duplicate)
			p.numbered(0, 1, refusal.Duplicate)
			p.numbered(0, 20, refusal.Duplicate)
			p.numbered(0, 21, "")
			p.reads(0, 1, 21)
		}},
		{"of each device", func(p *puppet) {
			p.numbered(0, 100, "")
			p.numbered(1, 1, "")
			p.numbered(2, 1, "")
			p.numbered(1, 1, refusal.Duplicate)
			p.numbered(2, 1, refusal.Duplicate)
			p.numbered(2, 2, "")
			for device, want := range []uint64{100, 1, 2} {
				p.reads(device, 1, want)
			}
		}},
		{"over rotations", func(p *puppet) {
			p.numbered(1, 9, "")
			p.numbered(2, 8, "")
			p.rotates(func(l *account.List) { l.Find(p.devices[2]).Status = account.Active })
			for device, last := range map[int]uint64{1: 9, 2: 8} {
				p.numbered(device, last, refusal.Duplicate)
				p.reads(device, 1, last)
				p.numbered(device, last+1, "")
			}
		}},
	}
	for _, bits := range []int{8, 16, 32} {
		trials = append(trials, numberTrial{fmt.Sprintf("over %d bits", bits), func(p *puppet) {
			last := uint64(1)<<bits - 1
			p.numbered(0, last, "")
			p.numbered(0, last+1, "")
			p.numbered(0, last, refusal.Duplicate)
			p.numbered(0, last+9, "")
			p.numbered(0, 10, refusal.Duplicate)
			p.announces(0, last+20, last+9)
			p.numbered(0, last+19, refusal.Duplicate)
			p.reads(0, 1, last+20)
		}})
	}
	c.plays(append(trials, spentNumbers()...))
}

// spentNumbers are refusals after which the number of the commit is spent.
func spentNumbers() (trials []numberTrial) {
	for _, w := range []struct {
		class refusal.Class
		make  func(p, other *puppet) *postoffice.Commit
	}{
		{refusal.StaleEpoch, func(p, other *puppet) *postoffice.Commit {
			m := p.entry(1, other)
			m.Epoch--
			return m
		}},
		{refusal.NotAllowed, func(p, other *puppet) *postoffice.Commit { return p.entry(2, other) }},
		{refusal.NotAllowed, func(p, _ *puppet) *postoffice.Commit {
			m := p.commit(1, postoffice.KindRotate)
			m.Rotation = p.rotation(func(*account.List) {}).Rotation
			return m
		}},
		{refusal.WrongDevices, func(p, other *puppet) *postoffice.Commit {
			m := p.entry(1, other)
			m.Parcels = nil
			return m
		}},
		{refusal.WrongDevices, func(p, _ *puppet) *postoffice.Commit { return p.records(1) }},
		{refusal.Conflict, func(p, other *puppet) *postoffice.Commit {
			return p.entry(1, other, func(e *conversation.Entry) { e.Seq++ })
		}},
		{refusal.NotReady, func(p, other *puppet) *postoffice.Commit {
			return p.entry(1, other, func(e *conversation.Entry) { e.Recipient[0] ^= 1 })
		}},
		{refusal.UnknownPrekey, func(p, other *puppet) *postoffice.Commit {
			return p.entry(1, other, func(e *conversation.Entry) { e.Start.SignedPrekeyID = 9 })
		}},
		{refusal.Malformed, func(p, other *puppet) *postoffice.Commit {
			m := p.entry(1, other)
			m.Entry = m.Entry[:len(m.Entry)-1]
			return m
		}},
		{refusal.BadSignature, func(p, _ *puppet) *postoffice.Commit {
			m := p.batch(1)
			m.Publication.PrekeySignature[0] ^= 1
			return m
		}},
		{refusal.Conflict, func(p, _ *puppet) *postoffice.Commit {
			m := p.batch(1)
			m.Publication.SignedPrekeyID++
			return m
		}},
	} {
		trials = append(trials, numberTrial{fmt.Sprint("spent by a refusal: ", w.class), func(p *puppet) {
			m := w.make(p, p.puppet())
			device := map[account.DeviceID]int{p.devices[1]: 1, p.devices[2]: 2}[m.Device]
			m.Number = 50
			p.refuses(w.class, m)
			p.reads(device, 1, 50)
			p.numbered(device, 50, refusal.Duplicate)
			p.numbered(device, 49, refusal.Duplicate)
			p.numbered(device, 51, "")
		}})
	}
	return trials
}

// announcesNumbers plays what becomes of numbers that are announced (AMB-PST-16, AMB-PST-17).
func announcesNumbers(c *crowd) {
	var trials []numberTrial
	for device, name := range []string{"the leader", "a companion", "a pending device"} {
		sibling := (device + 1) % 3
		for _, from := range []uint64{0, 1, 2, 3, 4, 100, 1 << 32} {
			trials = append(trials, numberTrial{fmt.Sprintf("%s has read from %d on", name, from), func(p *puppet) {
				p.announces(device, 40, p.numbers[p.devices[device]])
				p.reads(device, from, 40)
				p.numbered(device, 40, refusal.Duplicate)
				p.numbered(device, 41, "")
			}})
		}
		trials = append(trials, []numberTrial{
			{name + " has not read, but its sibling has, and others have asked", func(p *puppet) {
				p.announces(device, 40, p.numbers[p.devices[device]])
				p.reads(sibling, 1, p.numbers[p.devices[sibling]])
				_, err := p.Office.Bundle(p.id)
				p.Understood(err)
				p.puppet().sends(0, p)
				p.numbered(sibling, 30, "")
				p.numbered(device, 39, refusal.Duplicate)
				p.numbered(device, 40, "")
				p.numbered(device, 40, refusal.Duplicate)
			}},
			{name + " commits a higher number than it has announced", func(p *puppet) {
				p.announces(device, 40, p.numbers[p.devices[device]])
				p.numbered(device, 42, "")
				p.numbered(device, 40, refusal.Duplicate)
				p.announces(device, 41, 42)
				p.numbered(device, 42, refusal.Duplicate)
				p.numbered(device, 43, "")
			}},
			{name + " announces lower numbers after higher ones", func(p *puppet) {
				p.announces(device, 40, p.numbers[p.devices[device]])
				p.announces(device, 30, 40)
				p.announces(device, 1, 40)
				p.numbered(device, 39, refusal.Duplicate)
				p.announces(sibling, 7, p.numbers[p.devices[sibling]])
				p.announces(device, 40, 40)
				p.reads(device, 1, 40)
			}},
			{name + " has announced before a rotation", func(p *puppet) {
				p.announces(device, 40, p.numbers[p.devices[device]])
				last := uint64(40)
				if device == 0 {
					p.numbers[p.devices[0]] = 40
					last++
				}
				p.rotates(func(l *account.List) { l.Find(p.devices[2]).Status = account.Active })
				p.numbered(device, 39, refusal.Duplicate)
				p.announces(device, 60, last)
			}},
		}...)
	}
	c.plays(append(trials, numberTrial{"devices that are not on the list", notMembers}))
}

// notMembers lets devices that are not on the list announce and read.
func notMembers(p *puppet) {
	other, gone := p.puppet(account.Active), p.devices[1]
	p.rotates(func(l *account.List) { without(l, gone) })
	nobody := p.unregistered()
	p.all = p.all[:len(p.all)-1]
	for _, who := range []struct {
		id     account.ID
		device account.DeviceID
	}{
		{p.id, gone}, {p.id, other.devices[0]}, {p.id, other.devices[1]}, {p.id, nobody.devices[0]},
		{p.id, account.DeviceID{}}, {other.id, p.devices[0]}, {nobody.id, nobody.devices[0]}, {nobody.id, p.devices[0]},
	} {
		_, announced := p.Office.Announce(who.id, who.device, 5)
		_, read := p.Office.Fetch(who.id, who.device, 1)
		for what, err := range map[string]error{"announces": announced, "reads": read} {
			if got := refusal.Of(err); err == nil || got != "" && got != refusal.NotAllowed {
				p.Violation(verdict.AcceptedInvalid, "a device that is not on the list "+what, "not-allowed",
					fmt.Sprint(err))
			}
		}
	}
}

// plays plays each course with an account of its own.
func (c *crowd) plays(courses []numberTrial) {
	c.tryAll(func() (trials []suite.Trial) {
		for _, course := range courses {
			trials = append(trials, suite.Trial{Name: course.name, Try: func() {
				c.all = nil
				course.play(c.puppet(account.Active, account.Pending))
			}})
		}
		return trials
	})
}

package offices

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/postoffice"
	"credence/reference/primitive"
	"credence/spec/refusal"
)

// opening is a change of what opens an epoch, and the class of its refusal, or none.
type opening struct {
	name   string
	class  refusal.Class
	change func(p *puppet, m *postoffice.Commit)
}

// lists returns a change of the list, which is then signed.
func lists(plan func(p *puppet, l *account.List)) func(p *puppet, m *postoffice.Commit) {
	return func(p *puppet, m *postoffice.Commit) {
		plan(p, &m.Rotation.List)
		m.Rotation.List.Sort()
		m.Rotation.List.Sign(p.key)
	}
}

// states returns a change of the statement, which is then signed.
func states(change func(p *puppet, s *account.EpochStatement)) func(p *puppet, m *postoffice.Commit) {
	return func(p *puppet, m *postoffice.Commit) {
		change(p, &m.Rotation.Statement)
		m.Rotation.Statement.Sign(p.key)
	}
}

// inEpoch returns a change of the epoch of list and statement.
func inEpoch(epoch func(now uint32) uint32) func(p *puppet, m *postoffice.Commit) {
	return func(p *puppet, m *postoffice.Commit) {
		to := epoch(p.list.Epoch)
		lists(func(_ *puppet, l *account.List) { l.Epoch = to })(p, m)
		states(func(_ *puppet, s *account.EpochStatement) { s.Epoch = to })(p, m)
	}
}

// parcels returns a change of the receivers of the parcels.
func parcels(
	change func(p *puppet, ids []account.DeviceID) []account.DeviceID,
) func(p *puppet, m *postoffice.Commit) {
	return func(p *puppet, m *postoffice.Commit) { m.Parcels = p.readdressed(m.Parcels, change) }
}

// introduces is parcels, of the introductions.
func introduces(
	change func(p *puppet, ids []account.DeviceID) []account.DeviceID,
) func(p *puppet, m *postoffice.Commit) {
	return func(p *puppet, m *postoffice.Commit) {
		m.Rotation.Introductions = p.readdressed(m.Rotation.Introductions, change)
	}
}

// readdressed returns parcels to other devices.
func (p *puppet) readdressed(
	parcels []postoffice.Parcel, change func(p *puppet, ids []account.DeviceID) []account.DeviceID,
) []postoffice.Parcel {
	var ids []account.DeviceID
	for _, x := range parcels {
		ids = append(ids, x.Device)
	}
	return p.addressed(change(p, ids))
}

// forged returns openings of which a signature does not verify, whichever bit of it differs.
func forged() (all []opening) {
	const bad = refusal.BadSignature
	for _, bit := range []int{0, 8 * 16, 8*32 - 1, 8 * 32, 8 * 48, 8*64 - 4} {
		flip := func(signature []byte) { signature[bit/8] ^= 1 << (bit % 8) }
		all = append(all,
			opening{fmt.Sprintf("bit %d of the list's", bit), bad, func(_ *puppet, m *postoffice.Commit) {
				flip(m.Rotation.List.Signature[:])
			}},
			opening{fmt.Sprintf("bit %d of the statement's", bit), bad, func(_ *puppet, m *postoffice.Commit) {
				flip(m.Rotation.Statement.Signature[:])
			}},
			opening{fmt.Sprintf("bit %d of the prekey's", bit), bad, func(_ *puppet, m *postoffice.Commit) {
				flip(m.Rotation.Publication.PrekeySignature[:])
			}})
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	return append(all,
		opening{"a list whose s is not reduced", bad, func(_ *puppet, m *postoffice.Commit) {
			unreduced(&m.Rotation.List.Signature)
		}},
		opening{"a statement whose s is not reduced", bad, func(_ *puppet, m *postoffice.Commit) {
			unreduced(&m.Rotation.Statement.Signature)
		}},
		opening{"a list of another key", bad, func(_ *puppet, m *postoffice.Commit) { m.Rotation.List.Sign(key) }},
		opening{"a statement of another key", bad, func(_ *puppet, m *postoffice.Commit) {
			m.Rotation.Statement.Sign(key)
		}},
		opening{"prekeys of another ambassador", bad, func(p *puppet, m *postoffice.Commit) {
			other, err := primitive.GeneratePrivate(p.Random)
			p.NoFault(err)
			m.Rotation.Publication = p.publication(other, 1, 1)
		}},
	)
}

// unreduced adds the order of the group to s of a signature, which is then another encoding of the same (AMB-ACC-13).
func unreduced(signature *[ed25519.SignatureSize]byte) {
	order := []byte{
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10,
	}
	carry := 0
	for i, b := range order {
		carry += int(signature[len(order)+i]) + int(b)
		signature[len(order)+i] = byte(carry)
		carry >>= 8
	}
}

// unfitting returns openings whose parts do not belong together. Every signature is good.
func unfitting() (all []opening) {
	const malformed = refusal.Malformed
	for _, id := range []uint32{2, 1 + account.Batch, 1 + 1<<8, 1 + 1<<16, 1 + 1<<24} {
		all = append(all,
			opening{fmt.Sprintf("signed prekey %d", id), malformed, func(_ *puppet, m *postoffice.Commit) {
				m.Rotation.Publication.SignedPrekeyID = id
			}},
			opening{fmt.Sprintf("one-time prekeys from %d on", id), malformed, func(_ *puppet, m *postoffice.Commit) {
				m.Rotation.Publication.FirstOneTimeID = id
			}})
	}
	for _, off := range off32 {
		all = append(all, opening{fmt.Sprintf("a statement of epoch %+d", off), malformed,
			states(func(_ *puppet, s *account.EpochStatement) { s.Epoch += uint32(off) })})
	}
	for _, key := range []string{ // of the statement: not canonical, or of low order
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0900000000000000000000000000000000000000000000000000000000000080",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
	} {
		all = append(all, opening{"the ambassador key " + key, malformed,
			states(func(p *puppet, s *account.EpochStatement) {
				b, err := hex.DecodeString(key)
				p.NoFault(err)
				copy(s.AmbassadorKey[:], b)
			})})
	}
	other := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	return append(all,
		opening{"a list of another account", malformed, func(_ *puppet, m *postoffice.Commit) {
			m.Rotation.List.Account = account.IDOf(other)
			m.Rotation.List.Sign(other)
		}},
		opening{"a statement of another account", malformed, func(_ *puppet, m *postoffice.Commit) {
			m.Rotation.Statement.Account = account.IDOf(other)
			m.Rotation.Statement.Sign(other)
		}},
	)
}

// wrongEpochs returns rotations to epochs that are not above the account's.
func wrongEpochs() []opening {
	all := []opening{
		{"the epoch that ends", refusal.StaleEpoch, inEpoch(func(now uint32) uint32 { return now })},
		{"epoch 1", refusal.StaleEpoch, inEpoch(func(uint32) uint32 { return 1 })},
		{"its epoch, with a signature that is none", refusal.StaleEpoch, func(p *puppet, m *postoffice.Commit) {
			inEpoch(func(now uint32) uint32 { return now })(p, m)
			m.Rotation.List.Signature[9] ^= 1
		}},
	}
	for _, off := range []uint32{1, 1 << 8, 1 << 16, 1 << 24} {
		all = append(all, opening{
			fmt.Sprintf("epoch -%d", off), refusal.StaleEpoch, inEpoch(func(now uint32) uint32 { return now - off }),
		})
	}
	return all
}

// wrongReceivers returns rotations that bring something to other devices than those of SPEC.md 9.3.
func wrongReceivers() []opening {
	type ids = []account.DeviceID
	const wrong = refusal.WrongDevices
	fresh := func(n int) func(p *puppet, m *postoffice.Commit) {
		return func(p *puppet, m *postoffice.Commit) {
			again := p.rotation(func(l *account.List) {
				for range n {
					l.Devices = append(l.Devices, p.drawDevice(account.Active))
				}
			})
			m.Rotation, m.Parcels = again.Rotation, again.Parcels
		}
	}
	with := func(change func(p *puppet, ids ids) ids) func(p *puppet, m *postoffice.Commit) {
		return func(p *puppet, m *postoffice.Commit) {
			fresh(1)(p, m)
			introduces(change)(p, m)
		}
	}
	add := func(number int) func(p *puppet, ids ids) ids {
		return func(p *puppet, all ids) ids { return append(all, p.devices[number]) }
	}
	newest := func(p *puppet, m *postoffice.Commit) account.DeviceID {
		i := slices.IndexFunc(m.Rotation.List.Devices, func(d account.Device) bool { return p.list.Find(d.ID) == nil })
		return m.Rotation.List.Devices[i].ID
	}
	return []opening{
		{"no parcels", wrong, parcels(func(*puppet, ids) ids { return nil })},
		{"one parcel less", wrong, parcels(func(_ *puppet, all ids) ids { return all[1:] })},
		{"no parcel to the pending device", wrong, parcels(func(p *puppet, all ids) ids {
			return slices.DeleteFunc(all, func(id account.DeviceID) bool { return id == p.devices[pending] })
		})},
		{"a parcel to the leader", wrong, parcels(add(leader))},
		{"a parcel to a removed device", wrong, parcels(add(removed))},
		{"a parcel to a device of nobody", wrong, parcels(add(unknown))},
		{"an introduction and nobody new", wrong, introduces(add(companion))},
		{"introductions and nobody new", wrong, introduces(func(p *puppet, _ ids) ids {
			return p.list.Others(p.devices[leader], 0)
		})},
		{"no introductions", wrong, with(func(*puppet, ids) ids { return nil })},
		{"one introduction less", wrong, with(func(_ *puppet, all ids) ids { return all[1:] })},
		{"an introduction to the leader", wrong, with(add(leader))},
		{"an introduction to a removed device", wrong, with(add(removed))},
		{"an introduction to the new device", wrong, func(p *puppet, m *postoffice.Commit) {
			fresh(1)(p, m)
			introduces(func(p *puppet, all ids) ids { return append(all, newest(p, m)) })(p, m)
		}},
		{"no parcel to the new device", wrong, func(p *puppet, m *postoffice.Commit) {
			fresh(1)(p, m)
			parcels(func(p *puppet, all ids) ids {
				return slices.DeleteFunc(all, func(id account.DeviceID) bool { return id == newest(p, m) })
			})(p, m)
		}},
		{"two new devices", wrong, fresh(2)},
		{"two new devices, one of them introduced to the other", wrong, func(p *puppet, m *postoffice.Commit) {
			fresh(2)(p, m)
			first := newest(p, m)
			introduces(func(p *puppet, _ ids) ids {
				return slices.DeleteFunc(m.Rotation.List.Others(p.devices[leader], 0), func(id account.DeviceID) bool {
					return id == first
				})
			})(p, m)
		}},
		{"two new devices and no introductions", wrong, func(p *puppet, m *postoffice.Commit) {
			fresh(2)(p, m)
			m.Rotation.Introductions = nil
		}},
		{"no parcels, and a signature that is none", refusal.BadSignature, func(_ *puppet, m *postoffice.Commit) {
			m.Parcels = nil
			m.Rotation.Statement.Signature[1] ^= 1
		}},
	}
}

// wrongLeaders returns rotations that are not the leader's, or that name another one.
func wrongLeaders() []opening {
	const not = refusal.NotAllowed
	by := func(device int, leads bool) func(p *puppet, m *postoffice.Commit) {
		return func(p *puppet, m *postoffice.Commit) {
			if leads {
				lists(func(p *puppet, l *account.List) { l.Leader = p.devices[device] })(p, m)
			}
			m.Device, m.Number = p.devices[device], p.commit(device, postoffice.KindRotate).Number
			m.Parcels = p.addressed(m.Rotation.List.Others(m.Device, 0))
		}
	}
	return []opening{
		{"a companion's", not, by(companion, false)},
		{"a companion's, who names itself", not, by(companion, true)},
		{"a pending device's", not, by(pending, false)},
		{"a companion's, with a signature that is none", not, func(p *puppet, m *postoffice.Commit) {
			by(companion, false)(p, m)
			m.Rotation.List.Signature[0] ^= 1
		}},
		{"the leader's, who names a companion", not,
			lists(func(p *puppet, l *account.List) { l.Leader = p.devices[companion] })},
	}
}

// opensEpochs brings rotations that must be refused; after each the account's bundle is the one before.
func opensEpochs(c *crowd) {
	all := slices.Concat(forged(), unfitting(), wrongEpochs(), wrongReceivers(), wrongLeaders())
	c.tryAll(func() (trials []suite.Trial) {
		p := c.cast()
		s := &shelf{puppet: p.puppet}
		for _, o := range all {
			trials = append(trials, suite.Trial{Name: o.name, Try: func() {
				m := p.rotation(func(*account.List) {})
				o.change(p.puppet, m)
				p.refuses(o.class, m)
				if s.given <= account.Batch {
					s.hands()
				}
			}})
		}
		return append(trials, suite.Trial{Name: "the next rotation after all that", Try: func() {
			p.rotates(func(*account.List) {})
			s.given = 0
			s.hands()
			p.sends(companion, p.other)
			p.other.sends(companion, p.puppet)
		}})
	})
}

// higherEpochs brings rotations to numbers that are not the next: each is taken (SPEC.md 9.3).
func higherEpochs(c *crowd) {
	c.tryAll(func() (trials []suite.Trial) {
		for _, off := range []uint32{2, 1 << 8, 1<<8 - 1, 1 << 16, 1<<16 - 1, 1 << 24, 1<<31 - 1, 1 << 31} {
			trials = append(trials, suite.Trial{Name: fmt.Sprintf("%d epochs on", off), Try: func() {
				p, other := c.puppet(account.Active), c.puppet()
				other.sends(0, p)
				before := p.list.Epoch
				m := p.rotation(func(l *account.List) { l.Epoch = before + off })
				p.takes(m)
				p.enter(m)
				(&shelf{puppet: p}).hands()
				p.refuses(refusal.StaleEpoch, inEpochOf(p, before))
				other.refuses(refusal.StaleEpoch, other.entry(0, p, toEpoch(before)))
				other.sends(0, p)
				p.sends(1, other)
				p.rotates(func(*account.List) {})
			}})
		}
		return trials
	})
}

// registers brings registrations that must be refused, and then the one that they were made of.
func registers(c *crowd) {
	all := slices.Concat(forged(), unfitting())
	for _, off := range []uint64{1, 1 << 8, 1 << 16, 1 << 32} {
		all = append(all, opening{
			fmt.Sprintf("number 1 + %d", off), refusal.Malformed,
			func(_ *puppet, m *postoffice.Commit) { m.Number += off },
		})
	}
	for _, off := range off32 {
		all = append(all, opening{fmt.Sprintf("epoch %+d of the commit", off), refusal.Malformed,
			func(_ *puppet, m *postoffice.Commit) { m.Epoch += uint32(off) }})
	}
	add := lists(func(p *puppet, l *account.List) { l.Devices = append(l.Devices, p.drawDevice(account.Active)) })
	all = append(all, []opening{
		{"two devices", refusal.Malformed, add},
		{"two devices, with a parcel", refusal.Malformed, func(p *puppet, m *postoffice.Commit) {
			add(p, m)
			m.Parcels = p.addressed(m.Rotation.List.Others(m.Device, 0))
		}},
		{"another device commits", refusal.Malformed, func(p *puppet, m *postoffice.Commit) { m.Device[0] ^= 1 }},
		{"a parcel to itself", refusal.Malformed, func(p *puppet, m *postoffice.Commit) {
			m.Parcels = p.addressed(p.devices)
		}},
		{"an introduction to itself", refusal.Malformed, func(p *puppet, m *postoffice.Commit) {
			m.Rotation.Introductions = p.addressed(p.devices)
		}},
		{"another account", refusal.Malformed, func(p *puppet, m *postoffice.Commit) { m.Account[0] ^= 1 }},
	}...)
	c.tryAll(func() (trials []suite.Trial) {
		other := c.puppet()
		for _, o := range all {
			trials = append(trials, suite.Trial{Name: o.name, Try: func() { other.registersAfter(o) }})
		}
		return trials
	})
}

// registersAfter lets an account be registered after a registration of it that must be refused, and then not again.
func (p *puppet) registersAfter(o opening) {
	of := p.unregistered()
	wrong := of.registration()
	o.change(of, wrong)
	of.refuses(o.class, wrong)
	if _, err := p.Office.Bundle(of.id); err == nil {
		p.Violation(verdict.StateChanged, "a registration that was refused gives a bundle", "not-ready", "a bundle")
	}
	of.numbers[of.devices[0]] = 0
	m := of.registration()
	of.gets("", m)
	of.refuses(refusal.Duplicate, m)
	of.sends(0, p)
	again := p.unregistered()
	p.all = p.all[:len(p.all)-1]
	again.key, again.id, again.list.Account = of.key, of.id, of.id
	of.refuses(refusal.Duplicate, again.registration()) // with another device
	of.sends(0, p)
	p.all = nil
}

package main

import (
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/spec/refusal"
)

// owner is an account whose keys are in the open: it signs whatever is changed.
type owner struct {
	*malicious.Counterparty
	*forger
}

// owner makes an account, and the commit that registers it.
func (o *officeScene) owner() *owner {
	c, registration, err := malicious.NewCounterparty(account.ID{}, o.rand)
	return &owner{c, o.forge(registration, err)}
}

// registered is an owner whose account is known, and who has made a rotation.
func (o *officeScene) registered() *owner {
	w := o.owner()
	o.do(shim.OfficeAppend, shim.Params{Message: codec.MustEncode(w.genuine)})
	rotation, err := w.Rotation(w.genuine.Epoch+1, nil)
	w.forger = o.forge(rotation, err)
	return w
}

// resigned changes a rotation and signs what is signed with the account key.
func (w *owner) resigned(change func(m *postoffice.Commit)) func(m *postoffice.Commit) {
	return func(m *postoffice.Commit) {
		change(m)
		m.Rotation.List.Sign(w.Key)
		m.Rotation.Statement.Sign(w.Key)
	}
}

// signed signs a structure that ends with its signature; R is another one in one bit, and was hashed so.
func (w *owner) signed(domain string, s codec.Struct, signature []byte, b bit) {
	encoded := codec.MustEncode(s)
	message := append([]byte(domain), encoded[:len(encoded)-len(signature)]...)
	copy(signature, malicious.AccountSigner(w.Key).Sign(message, b.in))
}

// unsigned are changes of a rotation that no signature covers any more.
func (w *owner) unsigned(refused func(change func(r *postoffice.Rotation))) {
	for _, b := range []bit{{0, 0x01}, {16, 0x10}, {31, 0x80}} {
		refused(func(r *postoffice.Rotation) {
			w.signed("ambassador-v1 device list", &r.List, r.List.Signature[:], b)
		})
		refused(func(r *postoffice.Rotation) {
			w.signed("ambassador-v1 epoch statement", &r.Statement, r.Statement.Signature[:], b)
		})
		refused(func(r *postoffice.Rotation) { r.Publication.SignedPrekey = otherID(r.Publication.SignedPrekey, b) })
	}
	for _, at := range []int{0, 31, 32, 63} {
		b := bit{at, 0x01}
		refused(func(r *postoffice.Rotation) { copy(r.List.Signature[:], b.in(r.List.Signature[:])) })
		refused(func(r *postoffice.Rotation) { copy(r.Statement.Signature[:], b.in(r.Statement.Signature[:])) })
		refused(func(r *postoffice.Rotation) {
			p := &r.Publication.PrekeySignature
			copy(p[:], b.in(p[:]))
		})
	}
	refused(func(r *postoffice.Rotation) {
		r.List.Devices = append([]account.Device{}, r.List.Devices...)
		r.List.Devices[0].Prekey.ID ^= 1 << 31
	})
}

// mismatched are parts of a rotation that are rightly signed and do not belong together.
func mismatched() (changes []func(m *postoffice.Commit)) {
	add := func(change func(r *postoffice.Rotation)) {
		changes = append(changes, func(m *postoffice.Commit) { change(m.Rotation) })
	}
	for _, b := range []bit{{3, 0x01}, {2, 0x01}, {1, 0x01}, {0, 0x80}} { // of a number of four bytes
		mask := uint32(b.mask) << (8 * (3 - b.at))
		add(func(r *postoffice.Rotation) { r.Statement.Epoch ^= mask })
		add(func(r *postoffice.Rotation) { r.Publication.SignedPrekeyID ^= mask | 2 })
		add(func(r *postoffice.Rotation) { r.Publication.FirstOneTimeID ^= (mask &^ (1 << 31)) | 2 })
	}
	return changes
}

// epochs are registrations, rotations and publications.
func (l *officeList) epochs() {
	l.registrations()
	l.run("rotations",
		"rotations that do not belong together, are not signed, or not of a later epoch; then one of an "+
			"epoch far above", nil, reqs("AMB-PST-19", "AMB-PST-28", "AMB-PST-29", "AMB-PST-10"), func(o *officeScene) {
			w := o.registered()
			for _, change := range mismatched() {
				w.refused(refusal.Malformed, w.resigned(change))
			}
			w.unsigned(func(change func(r *postoffice.Rotation)) {
				w.refused(refusal.BadSignature, func(m *postoffice.Commit) { change(m.Rotation) })
			})
			to := func(epoch uint32) func(m *postoffice.Commit) {
				return w.resigned(func(m *postoffice.Commit) {
					m.Rotation.List.Epoch,
						m.Rotation.Statement.Epoch = epoch, epoch
				})
			}
			e := w.genuine.Epoch
			for _, epoch := range []uint32{e, e - 1, 1, e & 0xff, e - 256} {
				w.refused(refusal.StaleEpoch, to(epoch))
			}
			nobody := []postoffice.Parcel{{Device: account.DeviceID(secret("nobody")), Body: []byte{1}}}
			w.refused(refusal.WrongDevices, func(m *postoffice.Commit) { m.Parcels = nobody })
			w.refused(refusal.WrongDevices, func(m *postoffice.Commit) { m.Rotation.Introductions = nobody })
			w.refused(refusal.WrongDevices, w.resigned(func(m *postoffice.Commit) {
				for range 2 {
					d := o.owner().genuine.Rotation.List.Devices[0]
					m.Parcels = append(m.Parcels, postoffice.Parcel{Device: d.ID, Body: []byte{1}})
					m.Rotation.List.Devices = append([]account.Device{d}, m.Rotation.List.Devices...)
				}
				m.Rotation.List.Sort()
				if a, b := m.Parcels[0], m.Parcels[1]; string(a.Device[:]) > string(b.Device[:]) {
					m.Parcels[0], m.Parcels[1] = b, a
				}
			}))
			w.taken(to(1 << 16))
			w.refused(refusal.StaleEpoch, to(1<<16+1)) // its commit is of the epoch before
			w.genuine.Epoch = 1 << 16
			w.refused(refusal.StaleEpoch, to(e+1))
			w.taken(to(1 << 31))
			w.genuine.Epoch = 1 << 31
			w.taken(to(1<<32 - 1))
			_, err := o.Bundle(w.Account())
			o.fail(err)
		})
	l.run("rotation-devices", "rotations by a companion, or with parcels and introductions to other devices", nil,
		reqs("AMB-PST-11", "AMB-PST-07", "AMB-PST-29", "AMB-PST-36"), func(o *officeScene) { o.linkings() })
	l.run("publications", "publications whose ids do not continue, or that are signed with another key", nil,
		reqs("AMB-PST-26", "AMB-PST-27", "AMB-ACC-15"), func(o *officeScene) { o.publications() })
}

// registrations are those of more or less than one device, and second ones.
func (l *officeList) registrations() {
	l.run("registrations", "registrations of more or less than one device, and twice", nil,
		reqs("AMB-PST-30", "AMB-PST-31", "AMB-PST-28"), func(o *officeScene) {
			w := o.owner()
			second := o.owner().genuine.Rotation.List.Devices[0]
			w.number = 0
			first := func(class shim.Class, change func(m *postoffice.Commit)) {
				w.number = 0
				w.refused(class, change)
			}
			w.number = 1
			w.refused(refusal.Malformed, unchanged) // number 2
			for _, change := range append(mismatched(),
				func(m *postoffice.Commit) { m.Epoch++ },
				func(m *postoffice.Commit) { m.Epoch ^= 1 << 16 },
				func(m *postoffice.Commit) { m.Device = second.ID },
				func(m *postoffice.Commit) { m.Parcels = []postoffice.Parcel{{Device: second.ID, Body: []byte{1}}} },
				func(m *postoffice.Commit) {
					m.Rotation.Introductions = []postoffice.Parcel{{Device: second.ID, Body: []byte{1}}}
				},
				func(m *postoffice.Commit) {
					m.Rotation.List.Devices = append([]account.Device{second}, m.Rotation.List.Devices...)
					m.Rotation.List.Sort()
				},
				func(m *postoffice.Commit) { m.Account = account.ID(secret("somebody else")) },
			) {
				first(refusal.Malformed, w.resigned(change))
			}
			w.unsigned(func(change func(r *postoffice.Rotation)) {
				first(refusal.BadSignature, func(m *postoffice.Commit) { change(m.Rotation) })
			})
			w.number = 0
			w.taken(unchanged)
			first(refusal.Duplicate, unchanged)
			w.number = 100
			w.refused(refusal.Duplicate, unchanged)
		})
}

func (o *officeScene) linkings() {
	alice := o.register()
	laptop := o.link(alice)
	device, err := ambassador.NewDevice(o.rand)
	o.fail(err)
	offer, err := alice.Device.Offer()
	o.fail(err)
	request, err := device.Request(offer, o.rand)
	o.fail(err)
	commit, err := alice.Device.Rotate(ambassador.Change{Add: request}, o.rand)
	f := o.forge(commit, err)
	other := func(parcels []postoffice.Parcel, b bit) []postoffice.Parcel {
		p := append([]postoffice.Parcel{}, parcels...)
		last := len(p) - 1 // its order stays
		p[last].Device = otherID(p[last].Device, b)
		return p
	}
	f.refused(refusal.NotAllowed, func(m *postoffice.Commit) { m.Device = laptop.Device.ID() })
	for i := range f.genuine.Parcels {
		f.refused(refusal.WrongDevices, func(m *postoffice.Commit) { m.Parcels = m.Parcels[i : i+1] })
	}
	f.refused(refusal.WrongDevices, func(m *postoffice.Commit) { m.Parcels = nil })
	f.refused(refusal.WrongDevices, func(m *postoffice.Commit) { m.Rotation.Introductions = nil })
	for _, b := range []bit{{31, 0x01}, {31, 0x80}, {16, 0x10}} {
		f.refused(refusal.WrongDevices, func(m *postoffice.Commit) { m.Parcels = other(m.Parcels, b) })
		f.refused(refusal.WrongDevices, func(m *postoffice.Commit) {
			m.Rotation.Introductions = other(m.Rotation.Introductions, b)
		})
	}
	f.refused(refusal.WrongDevices, func(m *postoffice.Commit) { m.Rotation.Introductions = m.Parcels })
	f.taken(unchanged)
	o.shows(laptop)
	id, a := device.ID(), alice.Device.Account()
	_, err = o.Fetch(a, id, 1)
	o.fail(err)
}

func (o *officeScene) publications() {
	w := o.registered()
	w.taken(unchanged) // the epoch of the owner's keys is over
	made := func(keys *account.EpochKeys, change func(p *account.Publication)) *forger {
		commit, err := w.Publication(keys, change)
		f := o.forge(commit, err)
		f.genuine.Epoch, f.number = w.genuine.Epoch+1, w.number
		w.number++
		return f
	}
	stale := made(w.Keys, func(p *account.Publication) { p.SignedPrekeyID, p.FirstOneTimeID = 2, 21 })
	stale.refused(refusal.BadSignature, unchanged)
	v := o.owner()
	o.do(shim.OfficeAppend, shim.Params{Message: codec.MustEncode(v.genuine)})
	batch, err := v.Publication(v.Keys, func(*account.Publication) {})
	f := o.forge(batch, err)
	f.genuine.Publication.SignedPrekeyID, f.genuine.Publication.FirstOneTimeID = 2, 21
	with := func(change func(p *account.Publication)) func(m *postoffice.Commit) {
		return func(m *postoffice.Commit) { change(m.Publication) }
	}
	for _, id := range append(lowAlike(2), 1, 3, 21) {
		f.refused(refusal.Conflict, with(func(p *account.Publication) { p.SignedPrekeyID = id }))
	}
	for _, id := range append(lowAlike(21), 1, 20, 22, 41, 2) {
		f.refused(refusal.Conflict, with(func(p *account.Publication) { p.FirstOneTimeID = id }))
	}
	for _, b := range []bit{{0, 0x01}, {31, 0x01}, {31, 0x80}, {32, 0x01}, {62, 0x80}} {
		f.refused(refusal.BadSignature, with(func(p *account.Publication) {
			copy(p.PrekeySignature[:], b.in(p.PrekeySignature[:]))
		}))
		if b.at < 31 || b.mask == 0x01 && b.at == 31 {
			f.refused(refusal.BadSignature,
				with(func(p *account.Publication) { p.SignedPrekey = otherID(p.SignedPrekey, b) }))
		}
	}
	f.refused(refusal.BadSignature, with(func(p *account.Publication) {
		signer := malicious.NewSigner(account.Set.Signature, v.Keys.Ambassador)
		input := append([]byte(account.Set.SignatureLabel), p.SignedPrekey[:]...)
		copy(p.PrekeySignature[:], signer.Sign(input, bit{31, 0x80}.in))
	}))
	f.taken(unchanged)
	f.refused(refusal.Conflict, unchanged)
	_, err = o.Bundle(v.Account())
	o.fail(err)
}

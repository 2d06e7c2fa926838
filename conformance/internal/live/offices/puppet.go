package offices

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"slices"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/reference/primitive"
)

// puppet is an account of a crowd, with as much of its secrets as the post office can check.
type puppet struct {
	*crowd
	key        ed25519.PrivateKey
	id         account.ID
	list       account.List
	devices    []account.DeviceID // in the order in which they came; the first leads
	ambassador *ecdh.PrivateKey   // of the epoch, which signs its batches
	next       *ecdh.PrivateKey   // of the newest rotation that was made
	statement  account.EpochStatement
	published  []account.Publication // of the epoch, newest last
	numbers    map[account.DeviceID]uint64
}

// puppet registers an account, which then adds devices until it has one for each status beside its leader.
func (c *crowd) puppet(others ...account.Status) *puppet {
	p := c.unregistered()
	m := p.registration()
	c.takes(m)
	p.enter(m)
	for _, status := range others {
		p.rotates(func(l *account.List) { l.Devices = append(l.Devices, p.device(status)) })
	}
	return p
}

// unregistered makes an account of one device, which the post office does not know yet.
func (c *crowd) unregistered() *puppet {
	p := &puppet{crowd: c, numbers: map[account.DeviceID]uint64{}}
	c.all = append(c.all, p)
	var err error
	p.key, err = account.GenerateKey(c.Random)
	c.NoFault(err)
	p.id = account.IDOf(p.key)
	epoch, err := account.FirstEpoch(c.Random)
	c.NoFault(err)
	leader := p.device(account.Active)
	// Beyond the first epochs of SPEC.md 12.1, so that there are numbers below it that differ in one byte alone.
	p.list = account.List{
		Account: p.id, Epoch: epoch | 1<<30, Leader: leader.ID, Devices: []account.Device{leader},
	}
	return p
}

// device draws a device, which comes to the account.
func (p *puppet) device(status account.Status) account.Device {
	d := p.drawDevice(status)
	p.devices = append(p.devices, d.ID)
	return d
}

// drawDevice draws a device.
func (p *puppet) drawDevice(status account.Status) account.Device {
	channels, err := channel.New(p.Random)
	p.NoFault(err)
	return account.Device{ID: channels.Device, Status: status, Prekey: channels.Prekey()}
}

// commit begins a commit of a device, with its next number.
func (p *puppet) commit(device int, kind postoffice.Kind) *postoffice.Commit {
	id := p.devices[device]
	p.numbers[id]++
	return &postoffice.Commit{Kind: kind, Account: p.id, Device: id, Epoch: p.list.Epoch, Number: p.numbers[id]}
}

// registration makes the commit that registers the account.
func (p *puppet) registration() *postoffice.Commit {
	m := p.commit(0, postoffice.KindRegister)
	m.Rotation = p.opening(p.list)
	return m
}

// rotation makes the commit of the next epoch, with a list as it is planned.
func (p *puppet) rotation(plan func(l *account.List)) *postoffice.Commit {
	m, list := p.commit(0, postoffice.KindRotate), p.list
	list.Devices, list.Epoch = slices.Clone(list.Devices), list.Epoch+1
	plan(&list)
	list.Sort()
	m.Rotation = p.opening(list)
	m.Parcels = p.addressed(list.Others(m.Device, 0))
	for _, d := range list.Devices {
		if p.list.Find(d.ID) == nil {
			stay := slices.DeleteFunc(
				list.Others(m.Device, 0), func(id account.DeviceID) bool { return id == d.ID },
			)
			m.Rotation.Introductions = p.addressed(stay)
		}
	}
	return m
}

// opening makes what opens the epoch of a list.
func (p *puppet) opening(list account.List) *postoffice.Rotation {
	var err error
	p.next, err = primitive.GeneratePrivate(p.Random)
	p.NoFault(err)
	list.Sign(p.key)
	statement := account.EpochStatement{
		Account: p.id, Epoch: list.Epoch, AmbassadorKey: primitive.Public(p.next),
	}
	statement.Sign(p.key)
	return &postoffice.Rotation{List: list, Statement: statement, Publication: p.publication(p.next, 1, 1)}
}

// publication makes a batch with these ids. Nobody looks at its one-time prekeys.
func (p *puppet) publication(by *ecdh.PrivateKey, signed, oneTime uint32) account.Publication {
	prekey, _, err := account.NewPrekey(signed, by, p.Random)
	p.NoFault(err)
	b := account.Publication{
		SignedPrekeyID: signed, SignedPrekey: prekey.Key, PrekeySignature: prekey.Signature, FirstOneTimeID: oneTime,
	}
	for i := range b.OneTimePrekeys {
		p.Random.Read(b.OneTimePrekeys[i][:])
	}
	return b
}

// enter takes in a rotation or registration that was accepted.
func (p *puppet) enter(m *postoffice.Commit) {
	p.list, p.statement, p.ambassador = m.Rotation.List, m.Rotation.Statement, p.next
	p.published = []account.Publication{m.Rotation.Publication}
}

// rotates opens the next epoch.
func (p *puppet) rotates(plan func(l *account.List)) {
	m := p.rotation(plan)
	p.takes(m)
	p.enter(m)
}

// newest returns the newest batch.
func (p *puppet) newest() *account.Publication { return &p.published[len(p.published)-1] }

// batch makes the commit of the next batch.
func (p *puppet) batch(device int) *postoffice.Commit {
	m := p.commit(device, postoffice.KindPrekeys)
	last := p.newest()
	next := p.publication(p.ambassador, last.SignedPrekeyID+1, last.FirstOneTimeID+account.Batch)
	m.Publication, m.Parcels = &next, p.addressed(p.list.Others(m.Device, account.Active))
	return m
}

// publishes publishes the next batch.
func (p *puppet) publishes(device int) {
	m := p.batch(device)
	p.takes(m)
	p.published = append(p.published, *m.Publication)
}

// records makes a commit of records to devices.
func (p *puppet) records(device int, to ...account.DeviceID) *postoffice.Commit {
	m := p.commit(device, postoffice.KindRecords)
	m.Parcels = p.addressed(to)
	return m
}

// addressed makes a parcel to each device, all of them different.
func (p *puppet) addressed(to []account.DeviceID) (parcels []postoffice.Parcel) {
	to = slices.Clone(to)
	slices.SortFunc(to, func(a, b account.DeviceID) int { return slices.Compare(a[:], b[:]) })
	for _, id := range to {
		parcels = append(parcels, postoffice.Parcel{Device: id, Body: p.drawn(40)})
	}
	return parcels
}

// entry makes the commit of the next entry to another account, a start that needs no one-time prekey.
func (p *puppet) entry(device int, to *puppet, changes ...func(e *conversation.Entry)) *postoffice.Commit {
	m, at := p.commit(device, postoffice.KindEntry), p.tip(p.id, to.id)
	m.Parcels = p.addressed(p.list.Others(m.Device, account.Active))
	e := &conversation.Entry{
		Sender: p.id, Recipient: to.id, SenderEpoch: p.list.Epoch, RecipientEpoch: to.list.Epoch,
		Seq: at.seq + 1, Previous: at.head, Message: p.message(0),
		Start: &conversation.Start{
			Statement: p.statement, Ephemeral: primitive.PublicKey(p.drawn(primitive.KeySize)),
			SignedPrekeyID: to.newest().SignedPrekeyID,
		},
	}
	for _, change := range changes {
		change(e)
	}
	m.Entry = p.encoded(e)
	return m
}

// inEpochOf makes the next commit of records of an account, in an epoch.
func inEpochOf(p *puppet, epoch uint32) *postoffice.Commit {
	m := p.records(1, p.devices[0])
	m.Epoch = epoch
	return m
}

// toEpoch returns a change of the recipient's epoch.
func toEpoch(epoch uint32) func(e *conversation.Entry) {
	return func(e *conversation.Entry) { e.RecipientEpoch = epoch }
}

// sends sends the next entry to another account.
func (p *puppet) sends(device int, to *puppet, changes ...func(e *conversation.Entry)) {
	m := p.entry(device, to, changes...)
	p.takes(m)
	p.stands(m)
}

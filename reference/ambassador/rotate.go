package ambassador

import (
	"fmt"
	"io"
	"slices"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/reference/primitive"
	"credence/reference/x3dh"
	"credence/spec/refusal"
)

// mayLead refuses what only the leader may do (AMB-ROT-01).
func (d *Device) mayLead() error {
	if !d.Leader() {
		return fmt.Errorf("%w: only the leader may", refusal.NotAllowed)
	}
	return d.mayCommit()
}

// Prepare makes the commit that asks devices to heal their channel to the leader before the next rotation; nil asks
// all. A device that does not answer is pending from then on. It draws a nonce of 32 bytes and the ratchet key that is
// due, for each device in ascending order, from rand. It returns refusal.NotAllowed and refusal.NotReady.
func (d *Device) Prepare(devices []account.DeviceID, rand io.Reader) ([]byte, error) {
	return d.try(func(next *Device) ([]byte, error) { return next.prepare(devices, rand) })
}

func (d *Device) prepare(devices []account.DeviceID, rand io.Reader) ([]byte, error) {
	if err := d.mayLead(); err != nil {
		return nil, err
	}
	if devices == nil {
		devices = d.list.Others(d.ID(), 0)
	}
	var parcels []postoffice.Parcel
	for _, id := range d.list.Others(d.ID(), 0) {
		if !slices.Contains(devices, id) {
			continue
		}
		var nonce [32]byte
		if _, err := io.ReadFull(rand, nonce[:]); err != nil {
			return nil, fmt.Errorf("draw nonce: %w", err)
		}
		p, err := d.seal(id, channel.Record{Kind: channel.KindPrepare, Prepare: &channel.Prepare{Nonce: nonce}}, rand)
		if err != nil {
			return nil, err
		}
		d.prepared[id] = nonce // AMB-ROT-26
		parcels = append(parcels, p)
	}
	if len(parcels) == 0 {
		return nil, fmt.Errorf("%w: no such device on the list", refusal.NotReady)
	}
	return d.commit(postoffice.Commit{Kind: postoffice.KindRecords, Parcels: parcels})
}

// takeReady is the leader's: the answer has to open a chain, so that its ratchet key is younger than the question
// (AMB-ROT-07).
func (d *Device) takeReady(from account.DeviceID, r *channel.Ready, first bool) error {
	nonce, ok := d.prepared[from]
	if !d.Leader() || !ok || nonce != r.Nonce {
		return fmt.Errorf("%w: record: nonce: nothing was asked with it", refusal.NotAllowed)
	}
	if !first {
		return fmt.Errorf("%w: record: the answer is not the first message of its chain", refusal.NotAllowed)
	}
	if err := d.keepPrekey(from, r.Prekey); err != nil {
		return err
	}
	delete(d.prepared, from)
	return nil
}

// Change says what a rotation changes. The zero value changes nothing but the epoch.
type Change struct {
	Add    []byte // a link request, or none
	Remove []account.DeviceID
}

// Rotate makes the commit of the next epoch (SPEC.md 12.2): the signed list and statement, the publication, and for
// every device of the new list a record: the secrets of the epoch for active ones, the list alone for pending ones. It
// draws what account.NewEpoch draws, then the ratchet keys that are due, ascending by device, from rand. It
// returns refusal.NotAllowed, refusal.NotReady, refusal.Exhausted after the last epoch, refusal.StaleEpoch for a
// link request of another epoch, refusal.BadSignature for its prekey, and the refusals of its introduction.
func (d *Device) Rotate(change Change, rand io.Reader) ([]byte, error) {
	return d.try(func(next *Device) ([]byte, error) { return next.rotate(change, rand) })
}

func (d *Device) rotate(change Change, rand io.Reader) ([]byte, error) {
	if err := d.mayLead(); err != nil {
		return nil, err
	}
	list, err := d.nextList(change.Remove)
	if err != nil {
		return nil, err
	}
	r := &postoffice.Rotation{}
	if change.Add != nil {
		if r.Introductions, err = d.admit(list, change.Add); err != nil {
			return nil, err
		}
	}
	list.Sign(d.accountKey)
	keys, publication, err := account.NewEpoch(d.accountKey, list.Epoch, rand)
	if err != nil {
		return nil, err
	}
	r.List, r.Statement, r.Publication = *list, keys.Statement, *publication
	parcels, err := d.announce(list, keys, rand)
	if err != nil {
		return nil, err
	}
	commit, err := d.commit(postoffice.Commit{Kind: postoffice.KindRotate, Parcels: parcels, Rotation: r})
	d.pending, d.signed = &pending{Number: d.number, List: list, Keys: keys}, list.Epoch
	return commit, err
}

// nextList returns the list of the next epoch, without its signature. Its number was never signed before: two
// statements for one epoch would be two ambassador keys (AMB-ROT-14).
func (d *Device) nextList(remove []account.DeviceID) (*account.List, error) {
	list := &account.List{Account: d.list.Account, Epoch: max(d.list.Epoch, d.signed) + 1, Leader: d.ID()}
	if list.Epoch == 0 {
		return nil, fmt.Errorf("%w: epochs", refusal.Exhausted)
	}
	for _, id := range remove {
		if id == d.ID() || d.list.Find(id) == nil { // AMB-ROT-19
			return nil, fmt.Errorf("%w: remove: the leader, or no device of the list", refusal.NotAllowed)
		}
	}
	for _, device := range d.list.Devices {
		if slices.Contains(remove, device.ID) {
			continue
		}
		device.Status = account.Active
		if _, asked := d.prepared[device.ID]; asked { // AMB-ROT-06
			device.Status = account.Pending
		}
		if p, ok := d.prekeys[device.ID]; ok { // AMB-CHN-12
			device.Prekey = p
		}
		if device.ID == d.ID() {
			device.Prekey = d.channels.Prekey()
		}
		list.Devices = append(list.Devices, device)
	}
	return list, nil
}

// unread returns what the devices of the account could not read and have to report, for devices that are new.
func (d *Device) unread() []channel.Unread {
	var all []channel.Unread
	for _, peer := range d.Peers() {
		if runs := d.talk(peer).Reports.Unread; len(runs) > 0 {
			all = append(all, channel.Unread{Peer: peer, Ranges: runs})
		}
	}
	return all
}

// announce makes the record of the rotation for each device of the new list (AMB-ROT-22).
func (d *Device) announce(list *account.List, keys *account.EpochKeys, rand io.Reader) ([]postoffice.Parcel, error) {
	var parcels []postoffice.Parcel
	for _, id := range list.Others(d.ID(), 0) {
		r := channel.Record{Kind: channel.KindList, List: list}
		if list.Has(id, account.Active) {
			r = channel.Record{Kind: channel.KindRotate, Rotate: &channel.Rotate{
				List: *list, Statement: keys.Statement, AmbassadorPrivate: [32]byte(keys.Ambassador.Bytes()),
				Prekeys: privatePrekeys(&keys.Batches[0]), Unread: d.unread(),
			}}
		}
		p, err := d.seal(id, r, rand)
		if err != nil {
			return nil, err
		}
		parcels = append(parcels, p)
	}
	return parcels, nil
}

// checkList refuses a list that is not a later one of the account (AMB-ROT-15), or that lacks this device with the
// status.
func (d *Device) checkList(list *account.List, status account.Status) error {
	if list.Account != d.list.Account {
		return fmt.Errorf("%w: list: account of somebody else", refusal.NotAllowed)
	}
	if err := list.Verify(); err != nil {
		return err
	}
	if list.Epoch <= d.list.Epoch {
		return fmt.Errorf("%w: list of epoch %d after %d", refusal.StaleEpoch, list.Epoch, d.list.Epoch)
	}
	if !list.Has(d.ID(), status) {
		return fmt.Errorf("%w: list: this device has another status", refusal.NotAllowed)
	}
	return nil
}

// takeRotate opens the epoch that the leader has committed, at the cuts of the mail.
func (d *Device) takeRotate(leader account.DeviceID, r *channel.Rotate, cuts []channel.Head) ([]Event, error) {
	if err := d.checkList(&r.List, account.Active); err != nil {
		return nil, err
	}
	if err := r.Statement.Verify(); err != nil {
		return nil, err
	}
	keys := &account.EpochKeys{Statement: r.Statement, Ambassador: primitive.PrivateKey(r.AmbassadorPrivate)}
	if r.Statement.Account != r.List.Account || r.Statement.Epoch != r.List.Epoch ||
		primitive.Public(keys.Ambassador) != r.Statement.AmbassadorKey {
		return nil, fmt.Errorf("%w: record: statement does not fit the list and the key", refusal.NotAllowed)
	}
	keys.Add(privateBatch(&r.Prekeys))
	return append([]Event{{Kind: Record, Device: leader}}, d.openEpoch(&r.List, keys, cuts, r.Unread)...), nil
}

// takeList is a pending device's: the epoch ends for it, and it gets nothing of the next.
func (d *Device) takeList(list *account.List) ([]Event, error) {
	if err := d.checkList(list, account.Pending); err != nil {
		return nil, err
	}
	events := d.openEpoch(list, nil, nil, nil)
	for _, peer := range d.Peers() { // what was seen of an account is no secret, and is kept (AMB-ROT-27)
		seen := d.talk(peer).Conversation
		delete(d.conversations, peer)
		t := d.keep(peer)
		t.PeerStatement, t.PeerPrekeyID = seen.PeerStatement, seen.PeerPrekeyID
	}
	return events, nil
}

// openEpoch makes an epoch the current one: the secrets of the one before are destroyed (AMB-ROT-05), and every
// conversation goes on from its cut. unread is for a device that is new.
func (d *Device) openEpoch(
	list *account.List, keys *account.EpochKeys, cuts []channel.Head, unread []channel.Unread,
) []Event {
	isNew := d.keys == nil
	events := []Event{{Kind: Rotated, Device: list.Leader}}
	if d.pending != nil { // of the epoch that has ended: it cannot be accepted any more
		events = append(events, d.drop())
	}
	d.list, d.keys = list, keys
	for _, id := range d.channels.Peers() {
		if list.Find(id) == nil {
			d.channels.Drop(id)
			delete(d.prekeys, id)
			delete(d.prepared, id)
		}
	}
	d.due = slices.DeleteFunc(d.due, func(r dueRecord) bool { // AMB-SYN-34
		return r.Record.Kind != channel.KindAck && r.Record.Kind != channel.KindReady
	})
	if keys == nil {
		return events // its conversations end
	}
	known := map[account.ID]channel.Head{}
	for _, cut := range cuts {
		if cut.Peer != list.Account { // there is no such log
			known[cut.Peer] = cut
			d.keep(cut.Peer)
		}
	}
	for _, peer := range d.Peers() {
		events = append(events, d.goOn(d.keep(peer), known[peer], isNew)...)
	}
	if isNew { // AMB-ROT-25
		for _, u := range unread {
			d.keep(u.Peer).Reports.Unread = u.Ranges
		}
	}
	return events
}

// goOn opens the epoch of a conversation at its cut, which is zero for a log without entries. What this device has not
// processed of the log is lost to it, and reported (AMB-LOG-16); a device that is new has missed nothing.
func (d *Device) goOn(t *talk, cut channel.Head, isNew bool) []Event {
	wasFrozen := t.frozen != ""
	t.end()
	switch {
	case !wasFrozen && (t.Seq > cut.Seq || t.Seq == cut.Seq && cut.Seq > 0 && t.Head != cut.Head): // AMB-ROT-04
		return []Event{d.freeze(t, t.claim(), fmt.Sprintf("the epoch ends at another entry %d", cut.Seq))}
	case cut.Seq == 0:
		t.Seq, t.Head = 0, conversation.FirstHead(t.Own, t.Peer)
		t.tip = t.head()
		return nil
	case isNew: // AMB-ROT-28
		t.Reports = t.Reports.New(cut.Seq)
	case t.Seq < cut.Seq: // AMB-ROT-24
		t.Reports = t.Reports.Missed(t.Seq+1, cut.Seq)
	}
	t.Seq, t.Head, t.tip = cut.Seq, cut.Head, cut
	t.memory.places = []channel.Claim{t.claim()}
	return nil
}

// end drops everything of the epoch.
func (t *talk) end() {
	t.Conversation = t.Cut()
	t.parked, t.asked, t.last, t.frozen, t.dispute = nil, 0, nil, "", channel.Claim{}
	t.memory.places = nil
	clear(t.records)
	clear(t.claims)
	clear(t.memory.claimed)
}

// LinkOffer is what the leader shows a device that is to be linked (SPEC.md 12.1).
type LinkOffer struct{ List account.List }

// Fields is SPEC.md 12.1.
func (o *LinkOffer) Fields(c *codec.Coder) {
	c.Header(codec.TypeLinkOffer)
	c.Nested("list", &o.List)
}

// LinkRequest is the answer: the new device, and an introduction to every device of the offered list.
type LinkRequest struct {
	Account       account.ID
	Epoch         uint32 // of the offered list
	Device        account.Device
	Introductions []postoffice.Parcel // ascending by receiver
}

// Fields is SPEC.md 12.1.
func (r *LinkRequest) Fields(c *codec.Coder) {
	c.Header(codec.TypeLinkRequest)
	c.Fixed("account", r.Account[:])
	c.Uint32("epoch", &r.Epoch)
	r.Device.Fields(c)
	codec.List(c, "introductions", &r.Introductions)
	c.Check("introductions", postoffice.Ascending(r.Introductions), "not in ascending order")
}

// Offer returns the link offer of the current list. It travels outside the post office, from the leader's screen to the
// new device. It returns refusal.NotAllowed and refusal.NotReady.
func (d *Device) Offer() ([]byte, error) {
	if err := d.mayLead(); err != nil {
		return nil, err
	}
	return codec.MustEncode(&LinkOffer{*d.list}), nil
}

// Request answers a link offer: the device joins the account as soon as the leader has rotated. It draws, for each
// device of the list in ascending order, the ephemeral key and the ratchet key of the channel, from rand. It returns
// refusal.Malformed, refusal.BadSignature, refusal.NotAllowed if the device has an account, and the refusals of
// prekeys.
func (d *Device) Request(offer []byte, rand io.Reader) ([]byte, error) {
	return d.try(func(next *Device) ([]byte, error) { return next.request(offer, rand) })
}

func (d *Device) request(offer []byte, rand io.Reader) ([]byte, error) {
	if d.list != nil && d.list.Find(d.ID()) != nil { // AMB-ROT-16
		return nil, fmt.Errorf("%w: the device has an account", refusal.NotAllowed)
	}
	o := &LinkOffer{}
	if err := codec.Decode(offer, o); err != nil {
		return nil, fmt.Errorf("link offer: %w", err)
	}
	if err := o.List.Verify(); err != nil {
		return nil, err
	}
	d.list = &o.List
	r := &LinkRequest{
		Account: o.List.Account, Epoch: o.List.Epoch,
		Device: account.Device{ID: d.ID(), Status: account.Active, Prekey: d.channels.Prekey()},
	}
	for i := range o.List.Devices {
		sibling := &o.List.Devices[i]
		if err := d.channels.Connect(sibling, rand); err != nil {
			return nil, err
		}
		p, err := d.introduce(sibling.ID, rand)
		if err != nil {
			return nil, err
		}
		r.Introductions = append(r.Introductions, p)
	}
	return codec.MustEncode(r), nil
}

// introduce makes the first message of a channel. Its sender is in no epoch yet (SPEC.md 8.2).
func (d *Device) introduce(to account.DeviceID, rand io.Reader) (postoffice.Parcel, error) {
	r := channel.Record{
		Kind: channel.KindAck, Account: d.list.Account, Sender: d.ID(), Receiver: to,
		Ack: &channel.Ack{Prekey: d.channels.Prekey()},
	}
	body, err := d.channels.Seal(&r, rand)
	return postoffice.Parcel{Device: to, Body: body}, err
}

// admit puts the device of a link request on the new list, reads its introduction to the leader, and gives those to the
// devices that stay.
func (d *Device) admit(list *account.List, request []byte) ([]postoffice.Parcel, error) {
	q := &LinkRequest{}
	if err := codec.Decode(request, q); err != nil {
		return nil, fmt.Errorf("link request: %w", err)
	}
	if q.Account != d.list.Account || q.Epoch != d.list.Epoch {
		return nil, fmt.Errorf("%w: link request: not to epoch %d of this account", refusal.StaleEpoch, d.list.Epoch)
	}
	if d.list.Find(q.Device.ID) != nil || q.Device.Status != account.Active { // AMB-ROT-17
		return nil, fmt.Errorf("%w: link request: device: on the list already", refusal.NotAllowed)
	}
	if err := x3dh.VerifyPrekey(
		account.Set, q.Device.ID[:], q.Device.Prekey.Key[:], q.Device.Prekey.Signature[:],
	); err != nil { // AMB-CHN-10
		return nil, fmt.Errorf("link request: prekey: %w", err)
	}
	list.Devices = append(list.Devices, q.Device)
	list.Sort()
	var others []postoffice.Parcel
	own := false
	for _, p := range q.Introductions {
		switch {
		case p.Device == d.ID():
			own = true
			if err := d.meet(list, q.Device.ID, p.Body); err != nil {
				return nil, fmt.Errorf("link request: %w", err)
			}
		case list.Find(p.Device) != nil:
			others = append(others, p)
		}
	}
	if !own { // AMB-ROT-18
		return nil, fmt.Errorf("%w: link request: introductions: none to the leader", refusal.Malformed)
	}
	return others, nil
}

// meet reads the introduction to the leader, once: the request may have been used in a commit that was refused
// (AMB-ROT-20).
func (d *Device) meet(list *account.List, id account.DeviceID, introduction []byte) error {
	if d.channels.Has(id) {
		return nil
	}
	r, _, err := d.channels.Open(list, id, introduction)
	if err != nil {
		return err
	}
	if r.Kind != channel.KindAck { // AMB-ROT-18
		return fmt.Errorf("%w: the introduction is no ack", refusal.NotAllowed)
	}
	d.prekeyUsed = true
	return d.keepPrekey(id, r.Ack.Prekey)
}

// Package postoffice is SPEC.md 9: the service that publishes bundles, orders entries and delivers. It never reads a
// message. Office is the honest one; a test may put anything that is a Service in its place.
package postoffice

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/spec/refusal"
)

// Service is what devices and counterparties ask of a post office. Everything travels encoded.
type Service interface {
	// Append takes a commit or refuses all of it (SPEC.md 9.2, 9.3).
	Append(commit []byte) error
	// Bundle hands out the current bundle of an account, with a one-time prekey if one is left.
	Bundle(account.ID) ([]byte, error)
	// Fetch returns the mails of a device from a position on, and what the office has of it. A commit that was
	// announced and has not arrived by then is refused from then on (AMB-PST-16).
	Fetch(id account.ID, device account.DeviceID, from uint64) (Mailbox, error)
	// Announce says that a commit with a number will follow. It returns the highest number that was seen or announced
	// before (AMB-SYN-16).
	Announce(id account.ID, device account.DeviceID, number uint64) (highest uint64, err error)
}

// Mailbox is the answer to Fetch.
type Mailbox struct {
	Mails   [][]byte
	Commits uint64 // the highest number of a commit of the device that was seen, accepted or refused, or announced
	Prekeys int    // one-time prekeys of the account that are left
}

// Office is an honest post office in memory. It is safe for concurrent use.
type Office struct {
	now      func() time.Time
	mutex    sync.Mutex
	accounts map[account.ID]*accountState
	logs     map[[32]byte]*log // by h_0
}

type accountState struct {
	list      account.List
	statement account.EpochStatement
	batches   []batch // the two newest publications, newest last
	mailboxes map[account.DeviceID][]Mail
	commits   map[account.DeviceID]*counter
}

// counter is what the office has seen of the numbers of a device.
type counter struct{ seen, announced uint64 }

// New returns an empty post office. now is its clock, which only bounds how long places are kept.
func New(now func() time.Time) *Office {
	return &Office{now: now, accounts: map[account.ID]*accountState{}, logs: map[[32]byte]*log{}}
}

// Bundle is Service.Bundle. It returns refusal.NotReady for an unknown account.
func (o *Office) Bundle(id account.ID) ([]byte, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	a, ok := o.accounts[id]
	if !ok {
		return nil, fmt.Errorf("%w: account %x is not registered", refusal.NotReady, id)
	}
	b := a.newest().bundle(a.statement)
	return codec.MustEncode(&b), nil
}

// Fetch is Service.Fetch. It returns refusal.NotAllowed for a device that is not on the list of the account.
func (o *Office) Fetch(id account.ID, device account.DeviceID, from uint64) (Mailbox, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	a, n, err := o.member(id, device)
	if err != nil {
		return Mailbox{}, err
	}
	n.seen = n.highest()                                           // AMB-PST-16
	m := Mailbox{Commits: n.seen, Prekeys: len(a.newest().unused)} // AMB-PST-37
	box := a.mailboxes[device]
	for i := max(from, 1) - 1; i < uint64(len(box)); i++ {
		m.Mails = append(m.Mails, codec.MustEncode(&box[i]))
	}
	return m, nil
}

// Announce is Service.Announce. It returns refusal.NotAllowed for a device that is not on the list of the account.
func (o *Office) Announce(id account.ID, device account.DeviceID, number uint64) (uint64, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	_, n, err := o.member(id, device)
	if err != nil {
		return 0, err
	}
	before := n.highest() // AMB-PST-17
	n.announced = max(n.announced, number)
	return before, nil
}

// highest returns the highest number that was seen or announced.
func (n *counter) highest() uint64 { return max(n.seen, n.announced) }

// member returns the account of a device on its list, and its numbers (AMB-PST-09, AMB-PST-20, AMB-PST-32).
func (o *Office) member(id account.ID, device account.DeviceID) (*accountState, *counter, error) {
	a, ok := o.accounts[id]
	if !ok || a.list.Find(device) == nil {
		return nil, nil, fmt.Errorf("%w: device: none of the account", refusal.NotAllowed)
	}
	if a.commits[device] == nil {
		a.commits[device] = &counter{}
	}
	return a, a.commits[device], nil
}

// Append is Service.Append. It checks in the order of SPEC.md 9.3 (AMB-PST-20 to AMB-PST-31), and returns
// refusal.Malformed, refusal.NotAllowed, refusal.Duplicate, refusal.StaleEpoch, refusal.WrongDevices,
// refusal.BadSignature or refusal.Conflict.
func (o *Office) Append(commit []byte) error {
	m := &Commit{}
	if err := codec.Decode(commit, m); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if m.Kind == KindRegister {
		return o.register(m)
	}
	a, n, err := o.member(m.Account, m.Device)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if m.Number <= n.seen || m.Number < n.announced {
		return fmt.Errorf("%w: commit: number %d after %d", refusal.Duplicate, m.Number, n.highest())
	}
	n.seen = m.Number // even if it is refused below: its channel keys are spent
	if m.Epoch != a.list.Epoch {
		return fmt.Errorf("%w: commit: epoch %d in epoch %d", refusal.StaleEpoch, m.Epoch, a.list.Epoch)
	}
	if m.Kind != KindRecords && !a.list.Has(m.Device, account.Active) { // AMB-PST-21
		return fmt.Errorf("%w: commit: device: pending", refusal.NotAllowed)
	}
	switch m.Kind {
	case KindRotate:
		return o.rotate(a, m)
	case KindEntry:
		return o.entry(a, m)
	case KindPrekeys:
		return a.prekeys(m)
	default:
		return a.records(m)
	}
}

func (o *Office) register(m *Commit) error {
	r := m.Rotation
	if o.accounts[m.Account] != nil { // AMB-PST-30
		return fmt.Errorf("%w: commit: account: registered", refusal.Duplicate)
	}
	if len(r.List.Devices) != 1 || r.List.Leader != m.Device || r.List.Epoch != m.Epoch || m.Number != 1 ||
		len(m.Parcels)+len(r.Introductions) > 0 { // AMB-PST-31
		return fmt.Errorf("%w: commit: no registration of one device", refusal.Malformed)
	}
	if err := r.verify(m.Account); err != nil {
		return err
	}
	a := &accountState{
		mailboxes: map[account.DeviceID][]Mail{}, commits: map[account.DeviceID]*counter{m.Device: {seen: m.Number}},
	}
	a.open(r)
	o.accounts[m.Account] = a
	a.deliver(m, nil, nil)
	return nil
}

// verify checks that the parts of a rotation belong together (AMB-PST-28) and are signed (AMB-PST-19).
func (r *Rotation) verify(id account.ID) error {
	if r.List.Account != id || r.Statement.Account != id || r.Statement.Epoch != r.List.Epoch {
		return fmt.Errorf("%w: commit: list, statement and account do not fit", refusal.Malformed)
	}
	if r.Publication.SignedPrekeyID != 1 || r.Publication.FirstOneTimeID != 1 {
		return fmt.Errorf("%w: commit: publication: ids of an epoch start at 1", refusal.Malformed)
	}
	if err := r.List.Verify(); err != nil {
		return err
	}
	if err := r.Statement.Verify(); err != nil {
		return err
	}
	return r.Publication.Verify(r.Statement.AmbassadorKey)
}

// open makes the epoch of a rotation the current one, and forgets what belonged to the one before.
func (a *accountState) open(r *Rotation) {
	a.list, a.statement, a.batches = r.List, r.Statement, nil
	a.publish(&r.Publication)
	for id := range a.mailboxes {
		if r.List.Find(id) == nil { // AMB-PST-09
			delete(a.mailboxes, id)
		}
	}
}

func (o *Office) rotate(a *accountState, m *Commit) error {
	r := m.Rotation
	if m.Device != a.list.Leader || r.List.Leader != m.Device {
		return fmt.Errorf("%w: commit: a rotation is the leader's", refusal.NotAllowed)
	}
	if r.List.Epoch <= a.list.Epoch {
		return fmt.Errorf("%w: commit: list of epoch %d after %d", refusal.StaleEpoch, r.List.Epoch, a.list.Epoch)
	}
	if err := r.verify(m.Account); err != nil {
		return err
	}
	added := addedDevices(&a.list, &r.List)
	if !slices.Equal(addressed(m.Parcels), r.List.Others(m.Device, 0)) || !r.introduces(added) {
		return fmt.Errorf("%w: commit: parcels", refusal.WrongDevices)
	}
	a.open(r)
	a.deliver(m, added, o.cuts(m.Account)) // no log is asked (AMB-PST-15)
	return nil
}

// addedDevices returns the devices that are new on a list.
func addedDevices(old, list *account.List) []account.DeviceID {
	var ids []account.DeviceID
	for _, d := range list.Devices {
		if old.Find(d.ID) == nil {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// introduces reports whether the introductions are those of the one device that is added, to every device that stays
// but the leader, which has read its own already (AMB-PST-29).
func (r *Rotation) introduces(added []account.DeviceID) bool {
	var stay []account.DeviceID
	if len(added) > 0 {
		stay = slices.DeleteFunc(
			r.List.Others(r.List.Leader, 0), func(id account.DeviceID) bool { return id == added[0] },
		)
	}
	return len(added) <= 1 && slices.Equal(addressed(r.Introductions), stay)
}

// cuts returns the heads of the account's logs, ascending by peer (AMB-PST-18).
func (o *Office) cuts(id account.ID) []channel.Head {
	var heads []channel.Head
	for _, l := range o.logs {
		if peer, ok := l.other(id); ok && l.seq() > 0 {
			heads = append(heads, channel.Head{Peer: peer, Seq: l.seq(), Head: l.head(l.seq())})
		}
	}
	slices.SortFunc(heads, func(a, b channel.Head) int { return slices.Compare(a.Peer[:], b.Peer[:]) })
	return heads
}

func (o *Office) entry(a *accountState, m *Commit) error {
	e, err := conversation.ParseEntry(m.Entry)
	if err != nil {
		return fmt.Errorf("commit: entry: %w", err)
	}
	if e.Sender != m.Account || e.SenderEpoch != m.Epoch { // AMB-PST-22
		return fmt.Errorf("%w: commit: entry: of another account or epoch", refusal.NotAllowed)
	}
	peer, ok := o.accounts[e.Recipient]
	if !ok { // AMB-PST-23
		return fmt.Errorf("%w: commit: entry: recipient: not registered", refusal.NotReady)
	}
	if e.RecipientEpoch != peer.list.Epoch { // AMB-PST-25
		return fmt.Errorf(
			"%w: commit: entry: recipient_epoch %d in epoch %d", refusal.StaleEpoch, e.RecipientEpoch, peer.list.Epoch,
		)
	}
	if err := a.addressesSiblings(m); err != nil {
		return err
	}
	if e.Start != nil {
		if err := peer.available(e.Start); err != nil {
			return fmt.Errorf("commit: entry: %w", err)
		}
	}
	if err := o.log(e.Sender, e.Recipient).take(e, m.Entry, o.now()); err != nil {
		return err
	}
	if e.Start != nil {
		peer.use(e.Start.OneTimePrekeyID)
	}
	a.deliver(m, nil, nil)
	for _, d := range peer.list.Devices { // AMB-PST-04: the same bytes to every device
		if d.Status == account.Active {
			peer.put(d.ID, Mail{Entry: m.Entry})
		}
	}
	return nil
}

func (o *Office) log(a, b account.ID) *log {
	first := conversation.FirstHead(a, b)
	if o.logs[first] == nil {
		o.logs[first] = &log{accounts: [2]account.ID{a, b}, first: first, joined: map[account.ID]uint64{}}
	}
	return o.logs[first]
}

// addressesSiblings refuses a commit that does not bring exactly one parcel to every other active device (AMB-PST-07).
func (a *accountState) addressesSiblings(m *Commit) error {
	if !slices.Equal(addressed(m.Parcels), a.list.Others(m.Device, account.Active)) {
		return fmt.Errorf("%w: commit: parcels", refusal.WrongDevices)
	}
	return nil
}

func (a *accountState) prekeys(m *Commit) error {
	if err := a.addressesSiblings(m); err != nil {
		return err
	}
	if err := m.Publication.Verify(a.statement.AmbassadorKey); err != nil { // AMB-PST-26
		return fmt.Errorf("commit: publication: %w", err)
	}
	if last := a.newest(); m.Publication.SignedPrekeyID != last.SignedPrekeyID+1 ||
		m.Publication.FirstOneTimeID != last.FirstOneTimeID+account.Batch { // AMB-PST-27
		return fmt.Errorf(
			"%w: commit: publication: signed prekey %d after %d", refusal.Conflict, m.Publication.SignedPrekeyID,
			last.SignedPrekeyID,
		)
	}
	a.publish(m.Publication)
	a.deliver(m, nil, nil)
	return nil
}

func (a *accountState) records(m *Commit) error {
	if len(m.Parcels) == 0 {
		return fmt.Errorf("%w: commit: parcels: none", refusal.WrongDevices)
	}
	for _, p := range m.Parcels {
		if p.Device == m.Device || a.list.Find(p.Device) == nil {
			return fmt.Errorf("%w: commit: parcels", refusal.WrongDevices)
		}
	}
	a.deliver(m, nil, nil)
	return nil
}

// deliver puts an accepted commit into the mailboxes of the account: to every device its parcels, to active devices the
// entry or the cuts, and to the sender that it was accepted (AMB-PST-33). It names who committed (AMB-PST-35), and puts
// the introductions last (AMB-PST-36).
func (a *accountState) deliver(m *Commit, added []account.DeviceID, cuts []channel.Head) {
	for _, d := range a.list.Devices {
		mail := Mail{Device: m.Device, Number: m.Number}
		mail.Parcels = parcelsTo(d.ID, m.Parcels, m.Device)
		for _, introduced := range added {
			mail.Parcels = append(mail.Parcels, parcelsTo(d.ID, m.Rotation.Introductions, introduced)...)
		}
		if d.Status == account.Active {
			mail.Entry, mail.Cuts = m.Entry, cuts
		}
		if d.ID == m.Device || len(mail.Parcels) > 0 || mail.Entry != nil {
			a.put(d.ID, mail)
		}
	}
}

func parcelsTo(id account.DeviceID, parcels []Parcel, from account.DeviceID) []Parcel {
	for _, p := range parcels {
		if p.Device == id {
			return []Parcel{{Device: from, Body: p.Body}}
		}
	}
	return nil
}

func (a *accountState) put(id account.DeviceID, m Mail) {
	m.Position = uint64(len(a.mailboxes[id])) + 1 // AMB-PST-34
	a.mailboxes[id] = append(a.mailboxes[id], m)
}

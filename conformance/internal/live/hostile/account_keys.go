package hostile

import (
	"fmt"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/shim"
	"credence/spec/refusal"
)

// firstEpochs registers accounts, whose first epochs must not tell anything (AMB-ACC-10).
func firstEpochs(w *world.World) {
	const least, most = 1 << 20, 1 << 30
	seen := map[uint32]bool{}
	highest := uint32(0)
	for range 8 {
		leader := w.Register(true)
		epoch := bundleOf(w, leader.Device.Account()).Statement.Epoch
		if seen[epoch] || epoch > most {
			w.Violation(verdict.Mismatch, "the number of a first epoch", "another one for each account, at most 2^30",
				fmt.Sprint(epoch))
		}
		seen[epoch], highest = true, max(highest, epoch)
	}
	if highest < least { // in one of 2^80 runs
		w.Violation(verdict.Mismatch, "the highest number of the first epochs of eight accounts",
			"30 bits that were drawn", fmt.Sprint(highest))
	}
}

// accountsOfLowOrder lets accounts whose keys are of low order, in any encoding, sign what nobody has a key for
// (AMB-ACC-12): bundles, starts and link offers.
func accountsOfLowOrder(w *world.World) {
	leader := w.Register(true)
	d, id := leader.Target(), leader.Device.Account()
	fresh := w.NewDevice()
	for _, weak := range malicious.LowOrderAccounts {
		c, _, err := malicious.NewCounterparty(id, w.Random)
		w.NoFault(err)
		c.Keys.Statement.Account = weak
		malicious.SignStatement(&c.Keys.Statement)
		w.RefuseUnchanged(refusal.BadSignature, shim.DeviceSend, shim.Params{
			Party: d.Party(), Account: weak[:], Plaintext: []byte("no"), PeerBundle: codec.MustEncode(c.Bundle()),
		})
		o, err := conversation.New(weak, id).Start(c.Keys, bundleOf(w, id), []byte("nobody's"), w.Random)
		w.NoFault(err)
		d.Brings(entryMail(o.Entry), ambassador.Void)
		w.RefuseUnchanged(refusal.BadSignature, shim.DeviceRequest, shim.Params{
			Party: fresh.Party(), Message: codec.MustEncode(&ambassador.LinkOffer{List: *weakList(w, weak)}),
		})
	}
	w.Join(leader, fresh, fresh.Party()) // and it can still be linked
}

// weakList returns the list of an account of low order, with one device.
func weakList(w *world.World, weak account.ID) *account.List {
	leader, err := malicious.NewLeader(w.Random)
	w.NoFault(err)
	list := leader.List
	list.Account = weak
	malicious.SignList(list)
	return list
}

// bundlesInSession gives the device bundles that are wrong in one thing, for entries that need none (AMB-ACC-11).
func bundlesInSession(w *world.World) {
	s := newLeaderConversation(w)
	peer := s.counterparty.Account()
	for _, wrong := range []struct {
		class  refusal.Class
		change func(b *account.Bundle)
	}{
		{refusal.BadSignature, func(b *account.Bundle) { b.PrekeySignature[3] ^= 1 }},
		{refusal.BadSignature, func(b *account.Bundle) { b.SignedPrekey[3] ^= 1 }},
		{refusal.BadSignature, func(b *account.Bundle) { b.Statement.Signature[3] ^= 1 }},
		{refusal.NotAllowed, func(b *account.Bundle) { b.Statement.Account[3] ^= 1 }},
		{refusal.StaleEpoch, func(b *account.Bundle) {
			b.Statement.Epoch--
			b.Statement.Sign(s.counterparty.Key)
		}},
	} {
		b := s.counterparty.Bundle()
		wrong.change(b)
		w.RefuseUnchanged(wrong.class, shim.DeviceSend, shim.Params{
			Party: s.device.Party(), Account: peer[:], Plaintext: []byte("no"), PeerBundle: codec.MustEncode(b),
		})
	}
	r := w.Must(shim.DeviceSend, shim.Params{
		Party: s.device.Party(), Account: peer[:], Plaintext: []byte("yes"),
		PeerBundle: codec.MustEncode(s.counterparty.Bundle()),
	})
	names(w, s.counterparty, r.Message, false)
}

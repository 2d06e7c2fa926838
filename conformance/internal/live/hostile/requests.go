package hostile

import (
	"fmt"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/ambassador"
	"credence/reference/codec"
	"credence/shim"
	"credence/spec/refusal"
)

// linking are the tests of what a leader makes of link requests.
var linking = []suite.Test{
	test("link-requests", "link requests of a device that is on the list, of a pending one, and without an "+
		"introduction to the leader; a leader that removes itself, or a stranger",
		reqs("AMB-ROT-17 on-the-list pending", "AMB-ROT-18 absent", "AMB-ROT-19 itself stranger",
			"AMB-CNV-01 link-request"), wrongRequests),
	test("link-again", "a rotation with a link request is refused, and made anew",
		reqs("AMB-ROT-20", "AMB-ROT-14 refused"), linkedAgain),
}

// request returns the answer of a device to an offer of the leader, after a change.
func (s *siblingStage) request(d *malicious.Sibling, change func(r *ambassador.LinkRequest)) []byte {
	offer := s.Must(shim.DeviceOffer, shim.Params{Party: s.device.Party()})
	encoded, err := d.Request(offer.Message)
	s.Understood(err)
	r := &ambassador.LinkRequest{}
	s.NoFault(codec.Decode(encoded, r))
	change(r)
	return codec.MustEncode(r)
}

func wrongRequests(w *world.World) {
	s := newSiblingStage(w)
	d, err := malicious.NewSibling(w.Random)
	w.NoFault(err)
	refuses := func(class refusal.Class, request []byte, remove ...account.DeviceID) {
		w.RefuseUnchanged(class, shim.DeviceRotate, shim.Params{
			Party: s.device.Party(), Message: request, Devices: world.Keys(remove),
		})
	}
	asItIs := func(*ambassador.LinkRequest) {}
	on := *s.sibling
	refuses(refusal.NotAllowed, s.request(&on, asItIs))
	refuses(refusal.NotAllowed, s.request(d, func(r *ambassador.LinkRequest) { r.Device.Status = account.Pending }))
	d, err = malicious.NewSibling(w.Random)
	w.NoFault(err)
	refuses(refusal.Malformed, s.request(d, func(r *ambassador.LinkRequest) { r.Introductions = nil }))
	refuses(refusal.NotAllowed, nil, s.device.ID())
	refuses(refusal.NotAllowed, nil, d.Device)
	linkSibling(w, s.leader)
}

// linkedAgain lets the post office refuse the rotation that links a device: the same request is good for another one.
func linkedAgain(w *world.World) {
	s := newSiblingStage(w)
	d, err := malicious.NewSibling(w.Random)
	w.NoFault(err)
	request := s.request(d, func(*ambassador.LinkRequest) {})
	rotate := shim.Params{Party: s.device.Party(), Message: request}
	refused := commitOf(w, shim.DeviceRotate, rotate)
	s.device.PostOfficeRefused()
	w.Understood(s.leader.Rotate(ambassador.Change{Add: request}))
	want := refused.Rotation.List.Epoch + 1 // AMB-ROT-14
	if got := bundleOf(w, s.leader.Device.Account()).Statement.Epoch; got != want {
		w.Violation(verdict.Mismatch, "the epoch of a rotation, after one that was refused", fmt.Sprint(want),
			fmt.Sprint(got))
	}
	linked := &siblingStage{World: w, leader: s.leader, device: s.device, sibling: d}
	linked.readRotation()
	linked.goesOn()
}

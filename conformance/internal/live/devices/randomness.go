package devices

import (
	"bytes"
	"fmt"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/shim"
)

// mostDrawn is more than any operation draws, in bytes.
const mostDrawn = 1 << 13

// shortRandomness gives every operation of devices that draws fewer bytes than it draws: up to each boundary of a draw,
// and a byte less. It fails and changes nothing (AMB-RND-01).
func shortRandomness(w *world.World) {
	two := w.BeginWith(true, true)
	leader, companion := two.Alice[0].Target().Party(), two.Alice[1].Target().Party()
	offer := w.Must(shim.DeviceOffer, shim.Params{Party: leader}).Message
	bundle, err := w.Office.Bundle(two.B)
	w.Understood(err)
	drawsAll(w, shim.DeviceRegister, shim.Params{Party: "registers"})
	drawsAll(w, shim.DeviceNew, shim.Params{Party: "linked"})
	request := drawsAll(w, shim.DeviceRequest, shim.Params{Party: "linked", Message: offer}).Message
	for _, party := range []string{leader, companion} {
		text := shim.Params{Party: party, Account: two.B[:], Plaintext: []byte("text"), PeerBundle: bundle}
		for _, s := range []struct {
			op shim.Op
			p  shim.Params
		}{
			{shim.DeviceSend, text}, {shim.DeviceReplenish, shim.Params{}}, {shim.DeviceAck, shim.Params{}},
			{shim.DevicePrepare, shim.Params{}}, {shim.DeviceRotate, shim.Params{Message: request}},
		} {
			if s.op == shim.DevicePrepare && party == companion {
				break
			}
			s.p.Party = party
			drawsAll(w, s.op, s.p)
			w.Must(shim.DeviceRefused, shim.Params{Party: party})
		}
	}
}

// drawsAll performs an operation with ever more random bytes until it succeeds.
func drawsAll(w *world.World, op shim.Op, p shim.Params) *shim.Result {
	random := make([]byte, mostDrawn)
	_, _ = w.Random.Read(random) // never fails
	exported := p.Party
	if op == shim.DeviceRegister || op == shim.DeviceNew {
		exported = "" // there is no such device yet
	}
	for n := 0; n < mostDrawn; n += 32 {
		for _, size := range []int{n, n + 31} {
			p.Random = random[:size]
			if size == 0 {
				p.Random = []byte{0}
			}
			r := withRandom(w, op, exported, p)
			if r != nil {
				return r
			}
		}
	}
	w.Violation(verdict.Mismatch, fmt.Sprintf("%s with %d random bytes", op, mostDrawn), "a result", "invalid-request")
	return nil
}

// withRandom returns nil if the random bytes are not enough, and stops the test if that has changed the state of a
// party.
func withRandom(w *world.World, op shim.Op, party string, p shim.Params) *shim.Result {
	before := w.Export(op, party)
	r, refused := w.MayLackRandomness(op, p)
	if refused != nil {
		w.Violation(verdict.RejectedValid, string(op)+" must succeed, or lack random bytes", "a result",
			refused.Error())
	}
	if r == nil && !bytes.Equal(before, w.Export(op, party)) {
		w.Violation(verdict.StateChanged, fmt.Sprintf("%s lacks random bytes and changes the state", op), "as before",
			"another state")
	}
	return r
}

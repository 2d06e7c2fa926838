package devices

import (
	"fmt"
	"slices"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/postoffice"
)

// sizes are the sizes of what a counterparty gets of an account.
type sizes struct{ entries, bundles []int }

func (s sizes) String() string {
	return fmt.Sprintf("entries %d, bundles %d bytes", s.entries, s.bundles)
}

// sizeWatch is a post office that notes the sizes of entries and bundles.
type sizeWatch struct {
	postoffice.Service
	seen sizes
}

func (s *sizeWatch) Append(commit []byte) error {
	m := &postoffice.Commit{}
	if codec.Decode(commit, m) == nil && m.Kind == postoffice.KindEntry {
		s.seen.entries = append(s.seen.entries, len(m.Entry))
	}
	return s.Service.Append(commit)
}

func (s *sizeWatch) Bundle(id account.ID) ([]byte, error) {
	b, err := s.Service.Bundle(id)
	s.seen.bundles = append(s.seen.bundles, len(b))
	return b, err
}

// sameShape compares accounts of one to four devices, with each device as the sender (AMB-PRV-01).
func sameShape(w *world.World) {
	watch := &sizeWatch{Service: w.Office}
	w.Office = watch
	one := sizesOf(w, watch, 1)
	for n := 2; n <= 4; n++ {
		got := sizesOf(w, watch, n)
		if !slices.Equal(one.entries, got.entries) || !slices.Equal(one.bundles, got.bundles) {
			w.Violation(verdict.Mismatch,
				fmt.Sprintf("what a counterparty gets differs between an account of 1 and of %d devices", n),
				one.String(), got.String())
		}
	}
}

// sizesOf returns the sizes of what comes from an account of n devices of the target, which send in turn.
func sizesOf(w *world.World, watch *sizeWatch, n int) sizes {
	alice := w.Account(world.Cast{Target: slices.Repeat([]bool{true}, n)})
	_, b := w.Bob()
	watch.seen = sizes{}
	for i := range 5 {
		w.Send(alice[i%n], b, "of equal size")
	}
	_, err := w.Office.Bundle(alice[0].Device.Account())
	w.Understood(err)
	return watch.seen
}

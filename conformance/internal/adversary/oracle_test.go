package adversary_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/adversary"
)

// A target may write any number into a header: the oracle says that it is wrong, and does not count up to it.
func TestFarNumber(t *testing.T) {
	first, other := adversary.PublicKey{1}, adversary.PublicKey{2}
	for _, n := range []uint64{1 << 17, 1<<32 - 1, 1<<64 - 1} {
		o := adversary.NewOracle()
		s := &adversary.Session{Name: "s", Set: adversary.Published("signal-v3")}
		e := o.NewInitiator(s, first, other)
		before := e.Holds()
		term, err := e.Send(first, n)
		require.ErrorIs(t, err, adversary.ErrSent)
		require.Empty(t, term)
		require.Equal(t, before, e.Holds(), "the end stays where it is")
		_, err = e.Send(first, 0)
		require.NoError(t, err)
	}
}

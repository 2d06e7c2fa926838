package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"credence/conformance"
	"credence/conformance/adversary"
)

// A key takes the first column of its kind that is free when it is born, and kinds do not mix.
func TestKeyBars(t *testing.T) {
	life := func(kind adversary.KeyKind, since, until int) conformance.Life {
		return conformance.Life{Lane: "a", Kind: kind, Since: since, Until: until}
	}
	lives := []conformance.Life{
		life(adversary.ChainKey, 0, 4), life(adversary.ChainKey, 1, 3), life(adversary.ChainKey, 3, -1), life(adversary.ChainKey, 3, 5),
		life(adversary.ChainKey, 5, 6), life(adversary.RootKey, 2, -1),
	}
	bars, columns := keyBars(lives)
	require.Equal(t, 4, columns)
	got := map[conformance.Life]int{}
	for _, b := range bars {
		got[b.Life] = b.column
	}
	want := map[conformance.Life]int{lives[5]: 0, lives[0]: 1, lives[1]: 2, lives[2]: 2, lives[3]: 3, lives[4]: 1}
	require.Empty(t, cmp.Diff(want, got))
}

package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"credence/conformance/verdict"
)

// A key takes the first column of its kind that is free when it is born, and kinds do not mix.
func TestKeyBars(t *testing.T) {
	life := func(kind verdict.KeyKind, since, until int) verdict.Life {
		return verdict.Life{Lane: "a", Kind: kind, Since: since, Until: until}
	}
	lives := []verdict.Life{
		life(verdict.ChainKey, 0, 4), life(verdict.ChainKey, 1, 3), life(verdict.ChainKey, 3, -1),
		life(verdict.ChainKey, 3, 5),
		life(verdict.ChainKey, 5, 6), life(verdict.RootKey, 2, -1),
	}
	bars, columns := keyBars(lives)
	require.Equal(t, 4, columns)
	got := map[verdict.Life]int{}
	for _, b := range bars {
		got[b.Life] = b.column
	}
	want := map[verdict.Life]int{lives[5]: 0, lives[0]: 1, lives[1]: 2, lives[2]: 2, lives[3]: 3, lives[4]: 1}
	require.Empty(t, cmp.Diff(want, got))
}

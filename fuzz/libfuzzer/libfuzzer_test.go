package libfuzzer

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInput: what Encode writes comes back as it was, and the function runs for every input, the shortest too.
func TestInput(t *testing.T) {
	want := []any{
		uint8(1), "a string", true, int(-2), uint(3), rune(-4), float64(0.5), []byte("middle"), []byte("last"),
	}
	var got []any
	f := &F{T: t}
	f.Add(want...)
	f.Fuzz(func(_ *testing.T, a uint8, b string, c bool, d int, e uint, g rune, h float64, i, j []byte) {
		got = []any{a, b, c, d, e, g, h, i, j}
	})
	require.Len(t, f.seeds, 1)
	f.call(t, f.decode(f.seeds[0]))
	require.Equal(t, want, got)
	for n := range f.seeds[0] {
		got = nil
		f.call(t, f.decode(f.seeds[0][:n]))
		require.NotNil(t, got)
	}
	f.call(t, f.decode([]byte{1, 0xff, 0xff, 0xff, 0xff, 'x'}))
	require.Equal(t, "x", got[1], "a length that is cut")
}

// TestCorpusFile: the arguments of a failure are a corpus file of the native fuzzer.
func TestCorpusFile(t *testing.T) {
	args := []reflect.Value{reflect.ValueOf(uint8(7)), reflect.ValueOf("s\n"), reflect.ValueOf([]byte{0, '"'})}
	require.Equal(t, "go test fuzz v1\nuint8(7)\nstring(\"s\\n\")\n[]byte(\"\\x00\\\"\")\n", corpusFile(args))
}

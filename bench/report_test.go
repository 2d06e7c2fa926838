package main

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A ratio is the median of what the rounds say, not of their sums.
func TestRatio(t *testing.T) {
	f := figures{"a": {"ns/op": {10, 30, 500}}, "b": {"ns/op": {5, 10, 100}}}
	require.Equal(t, 3.0, f.ratio("a", "b"))
	require.Equal(t, 30.0, f.median("a", "ns/op"))
	require.True(t, math.IsNaN(f.ratio("a", "c")))
}

func TestExponent(t *testing.T) {
	fitted, last := exponent([]point{{1, 3}, {10, 300}, {100, 30000}})
	require.InDelta(t, 2, fitted, 1e-9)
	require.InDelta(t, 2, last, 1e-9)
	_, last = exponent([]point{{1, 3}, {10, 300}, {100, 3000}})
	require.InDelta(t, 1, last, 1e-9)
}

// A missed target is called so, and so is one that was not measured.
func TestTargets(t *testing.T) {
	f := figures{}
	for _, target := range targets() {
		for _, name := range []string{target.of, target.base} {
			require.NotContains(t, name, "%")
			f[name] = map[string][]float64{"ns/op": {100}}
		}
	}
	r := &report{figures: f}
	text := r.markdown()
	require.Contains(t, text, "| one-way message over its floor | 1.00 | at most 1.40 | met |")
	require.Contains(
		t, text, "| ping-pong: go.mau.fi/libsignal, live store, over the reference | 1.00 | at least 1.70 | "+
			"**missed** |",
	)
	delete(f, "RoundTrip/impl=shim")
	require.Contains(t, r.markdown(), "| round trip of a shim over bare pipes | – | at most 2.00 | not measured |")
}

// What a program prints is read as it is, whatever stands around it.
func TestRead(t *testing.T) {
	f := figures{}
	require.NoError(t, f.read("test", "goos: linux\nBenchmarkOneWay/impl=x-2 \t 100\t 1500 ns/op\t 7 B/op\nPASS\n", 2))
	require.NoError(t, f.read("test", "BenchmarkOneWay/impl=x-2 200 2500 ns/op\n", 2))
	require.Equal(t, figures{"OneWay/impl=x": {"ns/op": {1500, 2500}, "B/op": {7}}}, f)
}

// Every curve of the table is measured, and the other way round.
func TestCurves(t *testing.T) {
	var measured, told []string
	for _, c := range curves {
		measured = append(measured, c.name)
	}
	for _, g := range grown {
		told = append(told, g.curve)
	}
	require.ElementsMatch(t, measured, told)
	require.False(t, strings.Contains(strings.Join(told, ""), " "))
}

// Package catalog lists the tests of the suite.
package catalog

import (
	"slices"

	"credence/conformance/internal/kat"
	"credence/conformance/internal/live/channels"
	"credence/conformance/internal/live/devices"
	"credence/conformance/internal/live/hostile"
	"credence/conformance/internal/live/offices"
	"credence/conformance/internal/live/sessions"
	"credence/conformance/internal/probe"
	"credence/conformance/internal/properties"
	"credence/conformance/internal/suite"
	"credence/vectors"
)

// Tests returns every test in the order in which they run: the tests of the shim itself, the vectors, the live tests,
// and the properties. files are the vectors; nil is the embedded ones. It returns the error of vectors.Load.
func Tests(files []*vectors.File) ([]suite.Test, error) {
	if files == nil {
		var err error
		if files, err = vectors.Load(); err != nil {
			return nil, err
		}
	}
	return slices.Concat(
		probe.Tests(), kat.Tests(files), sessions.Tests(), devices.Tests(), hostile.Tests(), channels.Tests(),
		offices.Tests(), devices.Games(), properties.Parties(), properties.Accounts(),
	), nil
}

package conformance_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shim/schema"
	"credence/shims/reference/adapter"
	"credence/vectors"
)

// liar is the reference with some of its answers changed.
type liar struct {
	*adapter.Adapter
	change func(op shim.Op, p *shim.Params, r *shim.Result, err error) (*shim.Result, error)
}

func (l liar) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	r, err := l.Adapter.Call(ctx, op, p)
	return l.change(op, p, r, err)
}

func runSuite(t *testing.T, target shim.Target, pattern string) *verdict.Report {
	t.Helper()
	o := conformance.Options{Seed: 1, Start: func(context.Context) (shim.Target, error) { return target, nil }}
	if pattern != "" {
		o.Match = regexp.MustCompile(pattern)
	}
	r, err := conformance.Run(context.Background(), o)
	require.NoError(t, err)
	return r
}

// Every canary is reported as a failure.
func TestCanaries(t *testing.T) {
	f, err := vectors.LoadFile(vectors.FS, vectors.CanaryFile)
	require.NoError(t, err)
	r, err := conformance.Run(context.Background(), conformance.Options{
		Vectors: []*vectors.File{f}, Match: regexp.MustCompile("^canary/"),
		Start: func(context.Context) (shim.Target, error) { return adapter.New(), nil },
	})
	require.NoError(t, err)
	n := 0
	for _, result := range r.Results {
		if strings.HasPrefix(result.ID, "canary/") {
			n++
			require.Equal(t, verdict.Failed, result.Status, result.ID)
		}
	}
	require.Equal(t, f.NumberOfTests, n)
	require.False(t, r.Conforms())
}

// Targets that lie are found out, for the right reason.
func TestLiars(t *testing.T) {
	exports := uint64(0)
	empty := shim.Bytes{}
	var bundle *shim.Result
	for name, test := range map[string]struct {
		pattern string
		reason  verdict.Reason
		change  func(op shim.Op, p *shim.Params, r *shim.Result, err error) (*shim.Result, error)
	}{
		"accepts every message": {
			"^ratchet/.*/forged", verdict.AcceptedInvalid, func(op shim.Op, _ *shim.Params, r *shim.Result, err error) (
				*shim.Result, error,
			) {
				if op == shim.SessionDecrypt && err != nil {
					return &shim.Result{Plaintext: &empty}, nil
				}
				return r, err
			}},
		"accepts every signature": {
			"^xeddsa/", verdict.AcceptedInvalid, func(op shim.Op, _ *shim.Params, r *shim.Result, err error) (
				*shim.Result, error,
			) {
				if op == shim.XeddsaVerify {
					return &shim.Result{}, nil
				}
				return r, err
			}},
		"refuses everything": {
			"^x3dh/", verdict.RejectedValid, func(op shim.Op, _ *shim.Params, r *shim.Result, err error) (
				*shim.Result, error,
			) {
				if op == shim.Hello || op == shim.Reset {
					return r, err
				}
				return nil, &shim.Error{Code: shim.Rejected}
			}},
		"lists what it does not do": {
			"^ratchet/", verdict.Unsupported, func(op shim.Op, _ *shim.Params, r *shim.Result, err error) (
				*shim.Result, error,
			) {
				if op == shim.SessionDecrypt {
					return nil, &shim.Error{Code: shim.Unsupported}
				}
				return r, err
			}},
		"does what nobody asked for": {
			"^xeddsa/", verdict.Protocol, func(op shim.Op, _ *shim.Params, r *shim.Result, err error) (
				*shim.Result, error,
			) {
				if err != nil {
					return &shim.Result{}, nil
				}
				return r, err
			}},
		"changes state on refusal": {
			"^ratchet/.*/forged-chain", verdict.StateChanged, func(
				op shim.Op, _ *shim.Params, r *shim.Result, err error,
			) (*shim.Result, error) {
				if op == shim.PartyExport && err == nil {
					exports++
					return &shim.Result{State: binary.BigEndian.AppendUint64(r.State, exports)}, nil
				}
				return r, err
			}},
		"gives the wrong reason": {
			"^xeddsa/", verdict.Mismatch, func(_ shim.Op, _ *shim.Params, r *shim.Result, err error) (
				*shim.Result, error,
			) {
				if e, ok := err.(*shim.Error); ok && e.Code == shim.Rejected {
					return nil, &shim.Error{Code: shim.Rejected, Class: "replay"}
				}
				return r, err
			}},
		"does not tell of refusals": {
			"^ambassador/.*/live/sibling", verdict.AcceptedInvalid, func(
				op shim.Op, _ *shim.Params, r *shim.Result, err error,
			) (*shim.Result, error) {
				if op == shim.DeviceReceive && err == nil {
					r.Events = slices.DeleteFunc(r.Events, func(e shim.Event) bool { return e.Kind == "refused" })
				}
				return r, err
			}},
		"has a digest of its own": {
			"^ambassador/.*/live/story-companion", verdict.Mismatch, func(
				op shim.Op, _ *shim.Params, r *shim.Result, err error,
			) (*shim.Result, error) {
				if op == shim.DeviceStatus && err == nil && r.Digest != nil {
					r.Digest[0] ^= 1
				}
				return r, err
			}},
		"changes a device on refusal": {
			"^ambassador/.*/live/leader-lies", verdict.StateChanged, func(
				op shim.Op, _ *shim.Params, r *shim.Result, err error,
			) (*shim.Result, error) {
				if op == shim.DeviceExport && err == nil {
					exports++
					return &shim.Result{State: binary.BigEndian.AppendUint64(r.State, exports)}, nil
				}
				return r, err
			}},
		"reads a text twice": {
			"^ambassador/.*/live/schedule", verdict.Mismatch, func(
				op shim.Op, _ *shim.Params, r *shim.Result, err error,
			) (*shim.Result, error) {
				if op == shim.DeviceReceive && err == nil {
					r.Events = append(r.Events, r.Events...)
				}
				return r, err
			}},
		"opens every channel message": {
			"^channel/.*/live/envelope", verdict.AcceptedInvalid, func(
				op shim.Op, _ *shim.Params, r *shim.Result, err error,
			) (*shim.Result, error) {
				if op == shim.ChannelOpen && err != nil {
					return &shim.Result{Record: shim.Bytes{1, 9}}, nil
				}
				return r, err
			}},
		"hands out a prekey twice": {
			"^postoffice/.*/live/one-time-prekeys", verdict.Mismatch, func(
				op shim.Op, _ *shim.Params, r *shim.Result, err error,
			) (*shim.Result, error) {
				if op == shim.OfficeBundle && bundle == nil {
					bundle = r
				}
				if op == shim.OfficeBundle {
					return bundle, err
				}
				return r, err
			}},
		"takes every commit": {
			"^postoffice/.*/live/(order|devices|rotations)", verdict.AcceptedInvalid, func(
				op shim.Op, _ *shim.Params, r *shim.Result, err error,
			) (*shim.Result, error) {
				if op == shim.OfficeAppend && err != nil {
					return &shim.Result{}, nil
				}
				return r, err
			}},
		"loses the last mail": {
			"^postoffice/.*/live/fan-out", verdict.Mismatch, func(
				op shim.Op, _ *shim.Params, r *shim.Result, err error,
			) (*shim.Result, error) {
				if op == shim.OfficeFetch && err == nil && len(r.Mails) > 6 {
					r.Mails = r.Mails[:len(r.Mails)-1]
				}
				return r, err
			}},
		"returns another plaintext": {
			"^ratchet/.*/late", verdict.Mismatch, func(_ shim.Op, _ *shim.Params, r *shim.Result, err error) (
				*shim.Result, error,
			) {
				if err == nil && r.Plaintext != nil {
					other := append(shim.Bytes{'x'}, *r.Plaintext...)
					return &shim.Result{Plaintext: &other}, nil
				}
				return r, err
			}},
	} {
		t.Run(name, func(t *testing.T) {
			r := runSuite(t, liar{adapter.New(), test.change}, test.pattern)
			require.False(t, r.Conforms())
			require.Contains(t, reasons(r), test.reason)
		})
	}
}

func reasons(r *verdict.Report) map[verdict.Reason]int {
	m := map[verdict.Reason]int{}
	for _, result := range r.Results {
		if result.Status == verdict.Failed {
			m[result.Reason]++
		}
	}
	return m
}

// A target that claims nothing executes nothing, and does not conform.
func TestNothingExecuted(t *testing.T) {
	modest := liar{adapter.New(), func(op shim.Op, _ *shim.Params, r *shim.Result, err error) (*shim.Result, error) {
		if op == shim.Hello {
			r.Profiles = nil
		}
		return r, err
	}}
	r := runSuite(t, modest, "")
	require.Zero(t, r.Summary.Failed)
	require.Positive(t, r.Summary.Skipped)
	require.False(t, r.Conforms())
}

func TestWrongCalls(t *testing.T) {
	start := func(context.Context) (shim.Target, error) { return adapter.New(), nil }
	_, err := conformance.Run(context.Background(), conformance.Options{Start: start, Profiles: []string{"none"}})
	require.ErrorIs(t, err, conformance.ErrUnknownProfile)
	_, err = conformance.Run(
		context.Background(), conformance.Options{Start: start, Match: regexp.MustCompile("^nothing$")},
	)
	require.ErrorIs(t, err, conformance.ErrNoMatch)
	_, err = conformance.Run(
		context.Background(),
		conformance.Options{Start: func(context.Context) (shim.Target, error) { return nil, context.Canceled }},
	)
	require.ErrorIs(t, err, conformance.ErrTarget)
}

// The same seed gives the same report, on one target or on several.
func TestDeterministic(t *testing.T) {
	start := func(context.Context) (shim.Target, error) { return adapter.New(), nil }
	var reports []*verdict.Report
	for _, jobs := range []int{1, 4} {
		r, err := conformance.Run(
			context.Background(),
			conformance.Options{Seed: 7, Jobs: jobs, Start: start, Match: regexp.MustCompile("^x3dh/")},
		)
		require.NoError(t, err)
		reports = append(reports, r)
	}
	require.Equal(t, reports[0], reports[1])
}

// strict validates every request of the suite against the schema of the shim protocol.
type strict struct {
	*adapter.Adapter
	t *testing.T
}

func (s strict) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	if op != "credence.invented" {
		b, err := json.Marshal(p.Complete(op))
		require.NoError(s.t, err)
		require.NoError(s.t, schema.ValidateParams(op, b), "%s %s", op, b)
	}
	r, err := s.Adapter.Call(ctx, op, p)
	if err == nil {
		b, err := json.Marshal(shim.Reply{ID: 1, Result: r})
		require.NoError(s.t, err)
		require.NoError(s.t, schema.ValidateReply(op, b), "%s %s", op, b)
	}
	return r, err
}

// What the suite sends, and what the reference answers, is what the schema allows.
func TestSchemaOfSuite(t *testing.T) { runSuite(t, strict{adapter.New(), t}, "") }

// Package fuzz holds the native fuzz targets: `make fuzz` runs each for a short while.
package fuzz

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/ratchet"
	"credence/reference/session"
	"credence/reference/wire"
	"credence/spec/refusal"
	"credence/vectors"
)

func set(n uint8) *params.Set { return params.Sets()[int(n)%len(params.Sets())] }

// seeds are the ratchet messages of each set.
func seeds(f *testing.F) {
	for i, s := range params.Sets() {
		message := wire.Seal(
			s, make([]byte, 32), nil, wire.Header{Key: primitive.PublicKey{9}, PN: 3, N: 5}, []byte("seed"),
		)
		f.Add(uint8(i), message)
		for _, m := range malicious.Mutations(s, message) {
			f.Add(uint8(i), m.Message)
		}
	}
}

// FuzzParse: every decoder is total, and refuses with a class. A header that is read and written again is the same, and
// in ambassador-v1 its bytes are.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, n uint8, message []byte) {
		m, err := wire.Parse(set(n), message)
		if err != nil {
			require.NotEmpty(t, refusal.Of(err))
			return
		}
		_, err = m.Open(make([]byte, 32), []byte("ad of another session"))
		require.ErrorIs(t, err, refusal.Authentication)
		written := wire.Seal(set(n), make([]byte, 32), nil, m.Header, nil)
		again, err := wire.Parse(set(n), written)
		require.NoError(t, err)
		require.Equal(t, m.Header, again.Header)
		if set(n).Wire == params.AmbassadorWire {
			require.Equal(t, m.Authenticated(nil), again.Authenticated(nil))
		}
	})
}

// FuzzParseInitial: what is parsed and written again is parsed as the same, and in ambassador-v1 its bytes are the
// same.
func FuzzParseInitial(f *testing.F) {
	for i, s := range params.Sets() {
		f.Add(uint8(i),
			wire.EncodeInitial(
				s, wire.Initial{
					Identity: make([]byte, 32), Ephemeral: make([]byte, 32), OneTimePrekey: make([]byte, 32),
					SignedPrekeyID: 1, OneTimePrekeyID: 2, Message: []byte("m"),
				},
			))
	}
	f.Fuzz(func(t *testing.T, n uint8, message []byte) {
		m, err := wire.ParseInitial(set(n), message)
		if err != nil {
			require.ErrorIs(t, err, refusal.Malformed)
			return
		}
		written := wire.EncodeInitial(set(n), m)
		again, err := wire.ParseInitial(set(n), written)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(m, again, cmpopts.EquateEmpty()))
		if set(n).Wire == params.AmbassadorWire {
			require.Equal(t, message, written)
		}
	})
}

// FuzzState: a canonical state is written back as the same bytes.
func FuzzState(f *testing.F) {
	for _, s := range params.Sets() {
		k, err := primitive.GeneratePrivate(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
		require.NoError(f, err)
		state, err := ratchet.StartInitiator(s, make([]byte, s.AgreementSize), nil, k, primitive.PublicKey{9})
		require.NoError(f, err)
		f.Add(state.Marshal())
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		s, err := ratchet.Unmarshal(encoded)
		if err != nil {
			require.ErrorIs(t, err, refusal.Malformed)
			return
		}
		require.Equal(t, encoded, s.Marshal())
	})
}

// FuzzParty: an export is imported or refused.
func FuzzParty(f *testing.F) {
	p, err := session.New(params.AmbassadorV1, session.Options{OneTimePrekeys: 1}, bytes.NewReader(make([]byte, 160)))
	require.NoError(f, err)
	f.Add(p.Export())
	f.Fuzz(func(t *testing.T, exported []byte) {
		p, err := session.Import(exported)
		if err != nil {
			require.ErrorIs(t, err, refusal.Malformed)
			return
		}
		again, err := session.Import(p.Export())
		require.NoError(t, err)
		require.Equal(t, p.Export(), again.Export())
	})
}

// FuzzVectors: the loader refuses with ErrMalformed.
func FuzzVectors(f *testing.F) {
	files, err := vectors.Load()
	require.NoError(f, err)
	for _, file := range files {
		file.TestGroups = file.TestGroups[:1]
		file.TestGroups[0].Tests = file.TestGroups[0].Tests[:1]
		file.NumberOfTests = 1
		text, err := json.Marshal(file)
		require.NoError(f, err)
		_, err = vectors.Parse(text)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(`{"algorithm":"a","schema":"schema.json","numberOfTests":0,"header":[],"notes":{},"testGroups":[]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := vectors.Parse(content); err != nil {
			require.ErrorIs(t, err, vectors.ErrMalformed)
		}
	})
}

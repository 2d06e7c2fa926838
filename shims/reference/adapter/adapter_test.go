package adapter_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/primitive"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// publicFacts are known answers that were computed by an independent program in another language: private keys are
// SHA-256 of "ambassador-kat/<name>", clamped.
func katKey(name string) shim.Bytes {
	k := sha256.Sum256([]byte("ambassador-kat/" + name))
	primitive.Clamp(&k)
	return k[:]
}

func unhex(t *testing.T, s string) shim.Bytes {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func call(t *testing.T, target shim.Target, op shim.Op, p shim.Params) *shim.Result {
	t.Helper()
	r, err := target.Call(context.Background(), op, &p)
	require.NoError(t, err, op)
	return r
}

func TestIndependentKnownAnswers(t *testing.T) {
	for _, test := range []struct {
		set, secret, first string
		olm                bool
	}{
		{
			set: "signal-v3",
			secret: "b2946ec228ff03f7557f13602e019909c703035bdbff056e728a445e2cec500e330c8ecdcb35af9ca17e408db771a" +
				"8d2dc74a921bfa3034951c432486de3d5f3",
			first: "330a21055c76c0664f51010060da01a582f550e6542b3946e637eb0a89d3ec222f368a2010001800221032690588e" +
				"9da5b4579599a01d7b0e976729dcafea5c37994",
		},
		{
			set: "olm-v1",
			secret: "a89b4b97a488daa49f6de5d2a5f50eeeb04392414d2502470ef2d80360c08c6c953af8e768f9f0f73ad8c48941b89" +
				"6b135014a480521f0c1f6a283a2a8662647",
			first: "030a205c76c0664f51010060da01a582f550e6542b3946e637eb0a89d3ec222f368a20100022106150b780cf370b2" +
				"ade6b2b6d4c0e7b03571bcae171deb10d",
			olm: true,
		},
		{set: "omemo-2", secret: "b2d8771ee7f0baf1ec8d71e0dde25543539bd9b9b1b7fd3e8a493423f8ac4b32"},
	} {
		t.Run(test.set, func(t *testing.T) {
			a := adapter.New()
			bob := shim.Params{
				Set: test.set, Party: "bob", IdentityPrivate: katKey("IKb"), SignedPrekeyPrivate: katKey("SPKb"),
				OneTimePrekeys: []shim.Bytes{katKey("OPKb")},
			}
			if test.olm {
				bob.OneTimePrekeys = []shim.Bytes{katKey("SPKb")}
			}
			bundle := call(t, a, shim.PartyNew, bob).Bundle
			agreed := call(
				t, a, shim.X3dhInitiate,
				shim.Params{
					Set: test.set, IdentityPrivate: katKey("IKa"), EphemeralPrivate: katKey("EKa"), Bundle: bundle,
				},
			)
			require.Equal(t, test.secret, hex.EncodeToString(agreed.SharedSecret))
			if test.first == "" {
				return
			}
			call(t, a, shim.PartyNew, shim.Params{Set: test.set, Party: "alice", IdentityPrivate: katKey("IKa")})
			call(t, a, shim.SessionInitiate,
				shim.Params{
					Party: "alice", Peer: "bob", Bundle: bundle, EphemeralPrivate: katKey("EKa"),
					RatchetPrivate: katKey("A1"),
				})
			e := call(t, a, shim.SessionEncrypt,
				shim.Params{Party: "alice", Peer: "bob", Plaintext: []byte("hello")}).Envelope
			require.Equal(t, shim.InitialMessage, e.Kind)
			require.Contains(t, hex.EncodeToString(e.Body), test.first)
			r := call(t, a, shim.SessionRespond, shim.Params{Party: "bob", Peer: "alice", Envelope: e})
			require.Equal(t, "hello", string(*r.Plaintext))
		})
	}
}

func TestLibsignalChainKey(t *testing.T) {
	ck := unhex(t, "8ab72d6f4cc5ac0d387eaf463378ddb28edd07385b1cb01250c715982e7ad48f")
	r := call(t, adapter.New(), shim.RatchetChain, shim.Params{Set: "signal-v3", ChainKey: ck})
	require.Equal(t, "28e8f8fee54b801eef7c5cfb2f17f32c7b334485bbb70fac6ec10342a246d15d", hex.EncodeToString(r.ChainKey))
	k := primitive.DeriveCBC(r.MessageKey, "WhisperMessageKeys")
	require.Equal(
		t, "bf51e9d75e0e31031051f82a2491ffc084fa298b7793bd9db620056febf45217", hex.EncodeToString(k.Encryption),
	)
	require.Equal(t, "c6c77d6a73a354337a56435e34607dfe48e3ace14e77314dc6abc172e7a7030b", hex.EncodeToString(k.MAC))
	require.Equal(t, "afa8207986b692a116d4b40bbff72d6c", hex.EncodeToString(k.IV))
}

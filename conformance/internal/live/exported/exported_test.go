package exported_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance/internal/live/exported"
)

// A secret is found in the forms in which libraries store bytes, and not where it is not.
func TestHolds(t *testing.T) {
	secret := []byte{
		0, 9, 10, 13, 34, 92, 127, 128, 0xe9, 0xff, 1, 2, 3, 4, 5, 6,
		7, 8, 60, 62, 38, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
	}
	latin1 := make([]rune, len(secret))
	for i, c := range secret {
		latin1[i] = rune(c)
	}
	var python bytes.Buffer
	e := json.NewEncoder(&python)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(map[string]string{"key": string(latin1)}))
	hexadecimal := hex.EncodeToString(secret)
	for name, state := range map[string][]byte{
		"raw":                   append([]byte("before"), secret...),
		"hex":                   []byte(`{"key":"` + hexadecimal + `"}`),
		"upper-case hex":        bytes.ToUpper([]byte(hexadecimal)),
		"base64":                []byte(base64.StdEncoding.EncodeToString(secret)),
		"base64 at offset 1":    []byte(base64.StdEncoding.EncodeToString(append([]byte("x"), secret...))),
		"base64 at offset 2":    []byte(base64.RawURLEncoding.EncodeToString(append([]byte("xy"), secret...))),
		"hex in base64":         []byte(base64.StdEncoding.EncodeToString([]byte(`{"key":"` + hexadecimal + `"}`))),
		"characters in JSON":    python.Bytes(),
		"hex of hex, in itself": []byte(hex.EncodeToString([]byte(hexadecimal))),
	} {
		require.True(t, exported.Holds(state, secret), name)
	}
	other := bytes.Clone(secret)
	other[31] ^= 1
	require.False(t, exported.Holds(append([]byte(hexadecimal), secret...), other))
}

package codec_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/codec"
	"credence/spec/refusal"
)

// parcel has a body whose presence depends on the field before it.
type parcel struct {
	Full uint8
	Body []byte
}

func (p *parcel) Fields(c *codec.Coder) {
	c.Uint8("full", &p.Full)
	if c.Decoding() && p.Full > 0 {
		p.Body = []byte("read")
	}
}

func TestDecoding(t *testing.T) {
	p := &parcel{Full: 1}
	require.Equal(t, []byte{1}, codec.MustEncode(p))
	require.Nil(t, p.Body, "encoding is not decoding")
	require.NoError(t, codec.Decode([]byte{1}, p))
	require.Equal(t, "read", string(p.Body))
}

func TestMustEncode(t *testing.T) {
	require.Equal(t, encoded, codec.MustEncode(genuine()))
	const message = string(refusal.Malformed) + ": text: 0 bytes, not 1 to 300"
	require.PanicsWithError(t, message, func() { codec.MustEncode(&letter{}) })
}

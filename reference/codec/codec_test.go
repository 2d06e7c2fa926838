package codec_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/reference/codec"
	"credence/spec/refusal"
)

// letter has a field of every kind.
type letter struct {
	Key    [4]byte
	Kind   uint8
	Count  uint32
	Seq    uint64
	Text   []byte
	Pages  []page
	Cover  page
	Inside page
}

type page struct{ Number uint32 }

func (p *page) Fields(c *codec.Coder) {
	c.Uint32("number", &p.Number)
	c.Check("number", p.Number > 0, "zero")
}

func (l *letter) Fields(c *codec.Coder) {
	c.Header(codec.TypeMail)
	c.Fixed("key", l.Key[:])
	c.Uint8("kind", &l.Kind)
	c.Uint32("count", &l.Count)
	c.Uint64("seq", &l.Seq)
	c.Vector("text", &l.Text, 1, 300)
	codec.List(c, "pages", &l.Pages)
	c.Inner("cover", &l.Cover)
	c.Nested("inside", &l.Inside)
}

func genuine() *letter {
	return &letter{
		Key: [4]byte{1, 2, 3, 4}, Kind: 5, Count: 6, Seq: 7, Text: []byte("hi"), Pages: []page{{8}, {9}},
		Cover: page{10}, Inside: page{11},
	}
}

var encoded = []byte{
	1, 13, 1, 2, 3, 4, 5, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 7, 0, 2, 'h', 'i',
	0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 4, 0, 0, 0, 11,
}

func TestRoundTrip(t *testing.T) {
	b, err := codec.Encode(genuine())
	require.NoError(t, err)
	require.Equal(t, encoded, b)
	var l letter
	require.NoError(t, codec.Decode(b, &l))
	require.Equal(t, genuine(), &l)
	require.Equal(t, codec.TypeMail, codec.TypeOf(b))
	require.Zero(t, codec.TypeOf(b[:1]))
}

func TestDump(t *testing.T) {
	var names []string
	for _, f := range codec.Dump(genuine()) {
		names = append(names, f.Name)
	}
	require.Equal(
		t, []string{
			"version", "type", "key", "kind", "count", "seq", "text", "pages[0].number", "pages[1].number",
			"cover.number", "inside.number",
		}, names,
	)
}

// An error names the field and the reason.
func TestRefusals(t *testing.T) {
	changed := func(at int, v ...byte) []byte {
		b := bytes.Clone(encoded)
		copy(b[at:], v)
		return b
	}
	for name, c := range map[string]struct {
		b       []byte
		message string
	}{
		"empty":            {nil, "version: 0 bytes, not 1"},
		"version":          {changed(0, 2), "version: unknown"},
		"type":             {changed(1, 9), "type: 9, not 13"},
		"truncated key":    {encoded[:5], "key: 3 bytes, not 4"},
		"truncated number": {encoded[:9], "count: 2 bytes, not 4"},
		"text empty":       {changed(19, 0, 0), "text: 0 bytes, not 1 to 300"},
		"text long":        {changed(19, 0xff, 0xff), "text: truncated"},
		"list long":        {changed(23, 0xff), "pages: truncated"},
		"list uneven":      {changed(23, 0, 0, 7), "pages[1].number: 3 bytes, not 4"},
		"rule in a list":   {changed(33, 0), "pages[1].number: zero"},
		"rule inside":      {changed(37, 0), "cover.number: zero"},
		"nested short":     {changed(38, 0, 0, 3), "inside.number: 3 bytes, not 4"},
		"nested long":      {append(changed(38, 0, 0, 5), 0), "inside: bytes after its end"},
		"left over":        {append(bytes.Clone(encoded), 0), "end: 1 bytes more"},
	} {
		t.Run(name, func(t *testing.T) {
			err := codec.Decode(c.b, &letter{})
			require.ErrorIs(t, err, refusal.Malformed)
			require.ErrorContains(t, err, c.message)
		})
	}
	_, err := codec.Encode(&letter{Text: make([]byte, 301)})
	require.ErrorIs(t, err, refusal.Malformed)
	require.ErrorContains(t, err, "text: 301 bytes, not 1 to 300")
}

// What was decoded does not change with the bytes that it came from.
func TestDecodeCopies(t *testing.T) {
	b := bytes.Clone(encoded)
	var l letter
	require.NoError(t, codec.Decode(b, &l))
	clear(b)
	require.Equal(t, []byte("hi"), l.Text)
}

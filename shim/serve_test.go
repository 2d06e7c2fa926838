//go:build unix

package shim_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"credence/shim"
	"credence/shim/schema"
)

// scripted answers with what the test wants and keeps what it was asked.
type scripted struct {
	call  func(op shim.Op, p *shim.Params) (*shim.Result, error)
	asked []shim.Op
}

func (s *scripted) Call(_ context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	s.asked = append(s.asked, op)
	return s.call(op, p)
}

func (s *scripted) Close() error { return nil }

func gives(r *shim.Result, err error) func(shim.Op, *shim.Params) (*shim.Result, error) {
	return func(shim.Op, *shim.Params) (*shim.Result, error) { return r, err }
}

func serve(t *testing.T, s *scripted, in string) []string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, shim.Serve(s, strings.NewReader(in), &out))
	if out.Len() == 0 {
		return nil
	}
	require.True(t, strings.HasSuffix(out.String(), "\n"))
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestServeInput(t *testing.T) {
	done := `{"id":7,"result":{}}`
	for name, test := range map[string]struct {
		in    string
		want  []string // whole lines, or their start if they end in …
		asked int
	}{
		"nothing":           {"", nil, 0},
		"blank lines":       {"\n \t\r\n\n" + `{"id":7,"op":"reset","params":{}}` + "\n\n", []string{done}, 1},
		"no last line feed": {`{"id":7,"op":"reset","params":{}}`, []string{done}, 1},
		"carriage return":   {`{"id":7,"op":"reset","params":{}}` + "\r\n", []string{done}, 1},
		"unknown fields":    {`{"id":7,"op":"reset","params":{"future":[1]},"trace":{"a":null}}`, []string{done}, 1},
		"no params":         {`{"id":7,"op":"reset"}`, []string{done}, 1},
		"null params":       {`{"id":7,"op":"reset","params":null}`, []string{done}, 1},
		"no JSON":           {"reset\n", []string{`{"id":0,"error":{"code":"invalid-request",…`}, 0},
		"half a line":       {`{"id":7,"op":"res`, []string{`{"id":0,"error":{"code":"invalid-request",…`}, 0},
		"array":             {"[]", []string{`{"id":0,"error":{"code":"invalid-request",…`}, 0},
		"two values":        {`{"id":7} {"id":8}`, []string{`{"id":0,"error":{"code":"invalid-request",…`}, 0},
		"negative id":       {`{"id":-7,"op":"reset"}`, []string{`{"id":0,"error":{"code":"invalid-request",…`}, 0},
		"params no object": {
			`{"id":7,"op":"reset","params":3}`, []string{`{"id":7,"error":{"code":"invalid-request",…`}, 0,
		},
		"op no text": {`{"id":7,"op":3}`, []string{`{"id":7,"error":{"code":"invalid-request",…`}, 0},
		"upper case": {
			`{"id":7,"op":"reset","params":{"message":"AB"}}`, []string{`{"id":7,"error":{"code":"invalid-request",…`},
			0,
		},
		"odd hexadecimal": {
			`{"id":7,"op":"reset","params":{"message":"abc"}}`, []string{`{"id":7,"error":{"code":"invalid-request",…`},
			0,
		},
		"goes on": {"x\n" + `{"id":7,"op":"reset"}` + "\n", []string{`{"id":0,…`, done}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scripted{call: gives(&shim.Result{}, nil)}
			got := serve(t, s, test.in)
			require.Len(t, got, len(test.want))
			for i, want := range test.want {
				start, isStart := strings.CutSuffix(want, "…")
				require.True(t, got[i] == want || isStart && strings.HasPrefix(got[i], start), got[i])
				require.NoError(t, schema.ValidateReply(shim.Reset, []byte(got[i])))
			}
			require.Len(t, s.asked, test.asked)
		})
	}
}

// secret is what a panic or a result must not tell.
type secret struct{ key string }

func (s secret) Error() string { return s.key }

func TestServeAnswers(t *testing.T) {
	refused := &shim.Error{Code: shim.Rejected, Class: "replay", Message: "again"}
	panics := func(v any) func(shim.Op, *shim.Params) (*shim.Result, error) {
		return func(shim.Op, *shim.Params) (*shim.Result, error) { panic(v) }
	}
	for name, test := range map[string]struct {
		call func(shim.Op, *shim.Params) (*shim.Result, error)
		want string
	}{
		"result":          {gives(&shim.Result{Digest: shim.Bytes{0xab}}, nil), `{"id":7,"result":{"digest":"ab"}}`},
		"empty plaintext": {gives(&shim.Result{Plaintext: &shim.Bytes{}}, nil), `{"id":7,"result":{"plaintext":""}}`},
		"nil result":      {gives(nil, nil), `{"id":7,"result":{}}`},
		"refusal": {
			gives(nil, refused), `{"id":7,"error":{"code":"rejected","class":"replay","message":"again"}}`,
		},
		"wrapped refusal": {
			gives(nil, fmt.Errorf("deep: %w", refused)),
			`{"id":7,"error":{"code":"rejected","class":"replay","message":"again"}}`,
		},
		"both": {
			gives(&shim.Result{Name: "x"}, refused),
			`{"id":7,"error":{"code":"rejected","class":"replay","message":"again"}}`,
		},
		"other error": {
			gives(nil, errors.New("disk\nfull")), `{"id":7,"error":{"code":"internal","message":"disk\nfull"}}`,
		},
		"panic with text": {
			panics("hunter2"), `{"id":7,"error":{"code":"internal","message":"panic in reset (string)"}}`,
		},
		"panic with error": {
			panics(secret{"hunter2"}),
			`{"id":7,"error":{"code":"internal","message":"panic in reset (shim_test.secret)"}}`,
		},
		"panic with nil": {
			panics(nil), `{"id":7,"error":{"code":"internal","message":"panic in reset (*runtime.PanicNilError)"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := serve(
				t, &scripted{call: test.call},
				`{"id":7,"op":"reset","params":{}}`+"\n"+`{"id":7,"op":"reset","params":{}}`,
			)
			require.Equal(t, []string{test.want, test.want}, got, "the second request is answered as the first")
			require.NotContains(t, got[0], "hunter2")
		})
	}
}

func TestServeLongLines(t *testing.T) {
	line := func(size int) string {
		head, end := `{"id":7,"op":"session.encrypt","params":{"plaintext":"`, `"}}`
		digits := size - len(head) - len(end)
		return head + strings.Repeat("0", digits/2*2) + end + strings.Repeat(" ", digits%2)
	}
	s := &scripted{call: gives(nil, nil)}
	require.Equal(t, []string{`{"id":7,"result":{}}`}, serve(t, s, line(shim.MaxLine-1)+"\n"))

	s = &scripted{call: gives(nil, nil)}
	var out bytes.Buffer
	require.Error(t, shim.Serve(s, strings.NewReader(line(shim.MaxLine+1)+"\n"), &out))
	require.Zero(t, out.Len())
	require.Empty(t, s.asked)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestServeBrokenPipes(t *testing.T) {
	s := &scripted{call: gives(nil, nil)}
	require.ErrorIs(t, shim.Serve(s, strings.NewReader("{}\n{}\n"), brokenWriter{}), io.ErrClosedPipe)
	require.Len(t, s.asked, 1)
	require.ErrorIs(t, shim.Serve(s, iotest.ErrReader(io.ErrUnexpectedEOF), io.Discard), io.ErrUnexpectedEOF)
}

// A reply is out before the next request is waited for.
func TestServeFlushes(t *testing.T) {
	ask := startServe(t, &scripted{call: gives(nil, nil)})
	for range 3 {
		require.Equal(t, `{"id":7,"result":{}}`, ask(`{"id":7,"op":"reset","params":{}}`))
	}
}

// startServe runs Serve until the test ends and returns a function that asks one line.
func startServe(t *testing.T, target shim.Target) (ask func(string) string) {
	t.Helper()
	in, requests := io.Pipe()
	replies, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- shim.Serve(target, in, out) }()
	t.Cleanup(func() {
		requests.Close()
		require.NoError(t, <-done)
	})
	lines := bufio.NewReader(replies)
	return func(line string) string {
		_, err := io.WriteString(requests, line+"\n")
		require.NoError(t, err)
		reply, err := lines.ReadString('\n')
		require.NoError(t, err)
		return strings.TrimSuffix(reply, "\n")
	}
}

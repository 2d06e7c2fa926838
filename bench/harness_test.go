package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/conformance"
	"credence/reference/params"
	"credence/shim"
	"credence/shim/process"
	"credence/shims/reference/adapter"
)

// echoVariable makes of this program an echo: it answers every line with a line of so many bytes.
const echoVariable = "CREDENCE_BENCH_ECHO"

func TestMain(m *testing.M) {
	if size, err := strconv.Atoi(os.Getenv(echoVariable)); err == nil {
		echo(os.Stdin, os.Stdout, size)
		return
	}
	os.Exit(m.Run())
}

func echo(r io.Reader, w io.Writer, size int) {
	lines := bufio.NewReader(r)
	reply := append(bytes.Repeat([]byte{'x'}, size-1), '\n')
	for {
		if _, err := lines.ReadSlice('\n'); err != nil {
			return
		}
		if _, err := w.Write(reply); err != nil {
			return
		}
	}
}

// BenchmarkScript is a script of the suite: a session is set up, and each side sends 20 times two messages. It is done
// by calls of the reference, and by requests to the target in the process that the suite makes of it.
func BenchmarkScript(b *testing.B) {
	b.Run("impl=reference", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p := pair{newParty(b, params.AmbassadorV1, 0), newParty(b, params.AmbassadorV1, 1)}
			p.start(b)
			for turn := range 40 {
				p.message(b, (turn+1)%2)
				p.message(b, (turn+1)%2)
			}
		}
	})
	b.Run("impl=target", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s := newScript(b, adapter.New())
			for turn := range 40 {
				s.message((turn + 1) % 2)
				s.message((turn + 1) % 2)
			}
		}
	})
}

// script asks a target for the same.
type script struct {
	b *testing.B
	t shim.Target
}

func (s script) call(op shim.Op, p *shim.Params) *shim.Result {
	r, err := s.t.Call(context.Background(), op, p)
	require.NoError(s.b, err)
	return r
}

func newScript(b *testing.B, t shim.Target) script {
	s := script{b, t}
	set := params.AmbassadorV1.Name
	s.call(shim.PartyNew, &shim.Params{Set: set, Party: "alice"})
	bundle := s.call(shim.PartyNew, &shim.Params{Set: set, Party: "bob", OneTimePrekeyCount: 1}).Bundle
	s.call(shim.SessionInitiate, &shim.Params{Party: "alice", Peer: "bob", Bundle: bundle})
	m := s.call(shim.SessionEncrypt, &shim.Params{Party: "alice", Peer: "bob", Plaintext: plaintext})
	s.call(shim.SessionRespond, &shim.Params{Party: "bob", Peer: "alice", Envelope: m.Envelope})
	return s
}

func (s script) message(from int) {
	m := s.call(shim.SessionEncrypt, &shim.Params{Party: names[from], Peer: names[1-from], Plaintext: plaintext})
	s.call(shim.SessionDecrypt, &shim.Params{Party: names[1-from], Peer: names[from], Envelope: m.Envelope})
}

// BenchmarkRoundTrip is one request to a shim behind pipes, with its checks, and the bare pipes with lines of the same
// sizes. The request is a step of a chain, which the shim does in a moment.
func BenchmarkRoundTrip(b *testing.B) {
	request := &shim.Params{Set: params.AmbassadorV1.Name, ChainKey: zeros[:]}
	b.Run("impl=bare-pipe", func(b *testing.B) {
		in, out := sizes(b, request)
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), fmt.Sprintf("%s=%d", echoVariable, out))
		stdin, err := c.StdinPipe()
		require.NoError(b, err)
		stdout, err := c.StdoutPipe()
		require.NoError(b, err)
		require.NoError(b, c.Start())
		line, lines := append(bytes.Repeat([]byte{'x'}, in-1), '\n'), bufio.NewReader(stdout)
		for b.Loop() {
			_, err := stdin.Write(line)
			require.NoError(b, err)
			_, err = lines.ReadSlice('\n')
			require.NoError(b, err)
		}
		stdin.Close()
		require.NoError(b, c.Wait())
	})
	b.Run("impl=shim", func(b *testing.B) {
		t, err := process.Start(b.Context(), referenceShim(b), process.Options{})
		require.NoError(b, err)
		defer t.Close()
		s := script{b, t}
		s.call(shim.RatchetChain, request) // compiles the schemas
		for b.Loop() {
			s.call(shim.RatchetChain, request)
		}
	})
}

// sizes returns the sizes in bytes of the lines of a request and of its reply.
func sizes(b *testing.B, p *shim.Params) (in, out int) {
	var reply bytes.Buffer
	request := fmt.Sprintf(
		`{"id":1,"op":"ratchet.chain","params":{"set":"ambassador-v1","chain_key":"%x"}}`+"\n", []byte(p.ChainKey),
	)
	require.NoError(b, shim.Serve(adapter.New(), bytes.NewReader([]byte(request)), &reply))
	return len(request), reply.Len()
}

// referenceShim builds the shim of the reference.
func referenceShim(b *testing.B) string {
	path := filepath.Join(b.TempDir(), "reference")
	out, err := exec.Command("go", "build", "-C", "../shims/reference", "-o", path, ".").CombinedOutput()
	require.NoError(b, err, string(out))
	return path
}

func suite(b *testing.B, o conformance.Options) {
	o.Seed = 1
	o.Start = func(context.Context) (shim.Target, error) { return adapter.New(), nil }
	for b.Loop() {
		r, err := conformance.Run(context.Background(), o)
		require.NoError(b, err)
		require.Zero(b, r.Summary.Failed+r.Summary.Errored+r.Summary.Skipped)
		b.ReportMetric(float64(r.Summary.Passed), "tests")
	}
}

// BenchmarkSuite is a run of the suite on the reference in the process: the vectors alone on one target, and all of it
// on one and on as many as there are cores.
func BenchmarkSuite(b *testing.B) {
	b.Run("tests=vectors/jobs=1", func(b *testing.B) { suite(b, conformance.Options{Match: vectorTests, Jobs: 1}) })
	for _, jobs := range []int{1, runtime.NumCPU()} {
		b.Run(fmt.Sprintf("tests=all/jobs=%d", jobs), func(b *testing.B) { suite(b, conformance.Options{Jobs: jobs}) })
	}
}

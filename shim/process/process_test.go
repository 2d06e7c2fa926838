//go:build unix

package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"credence/shim"
)

// The test binary is its own shim: with modeVariable set it behaves, or misbehaves, as the mode says.
const (
	modeVariable = "CREDENCE_TEST_SHIM"
	textVariable = "CREDENCE_TEST_SHIM_TEXT"
)

// Modes holds what the test binary does as a shim. The tests outside of the package add to it.
var Modes = map[string]func(){
	"exit at start": func() {},
	"exit 3":        func() { readRequest(); fmt.Fprintln(os.Stderr, "the key store is gone"); os.Exit(3) },
	"kill itself":   func() { readRequest(); _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) },
	"hang":          hang,
	"ignore SIGTERM": func() {
		signal.Ignore(syscall.SIGTERM)
		readRequest()
		fmt.Fprintln(os.Stderr, "not impressed")
		hang()
	},
	"child":           func() { spawn(); readRequest(); hang() },
	"child, answers":  func() { spawn(); print(); idle() },
	"child, then die": func() { spawn(); readRequest() },
	"quiet child":     func() { spawnQuiet(); readRequest(); os.Exit(4) },
	"endless line":    func() { readRequest(); pour(os.Stdout, "x") },
	"flood":           func() { readRequest(); pour(os.Stdout, "{}\n") },
	"answer and flood": func() {
		print()
		pour(os.Stdout, "{}\n")
	},
	"noisy": func() {
		readRequest()
		_, _ = io.CopyN(os.Stderr, repeated("noise "), 32<<20)
		fmt.Println(os.Getenv(textVariable))
		idle()
	},
	"print":          print,
	"print and wait": func() { print(); idle() },
	"banner":         func() { fmt.Println("Welcome!"); hang() },
	"answer without read": func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		fmt.Println(os.Getenv(textVariable))
		hang()
	},
	"close stdout":        func() { readRequest(); os.Stdout.Close(); hang() },
	"close stdin, answer": func() { readRequest(); os.Stdin.Close(); fmt.Println(os.Getenv(textVariable)) },
	"good":                func() { _ = shim.Serve(echo{}, os.Stdin, os.Stdout) },
	"deaf to the end":     func() { _ = shim.Serve(echo{}, os.Stdin, os.Stdout); hang() },
	"unfinished":          func() { readRequest(); fmt.Print(`{"id":1,`) },
	"never ending child":  func() { signal.Ignore(syscall.SIGTERM); hang() },
}

func TestMain(m *testing.M) {
	mode := os.Getenv(modeVariable)
	if mode == "" {
		os.Exit(m.Run())
	}
	run, ok := Modes[mode]
	if !ok {
		fmt.Fprintln(os.Stderr, "unknown mode", mode)
		os.Exit(99)
	}
	run()
}

func hang() { time.Sleep(time.Hour) }

// idle waits for the end of its input, as a shim should.
func idle() { _, _ = io.Copy(io.Discard, os.Stdin) }

func readRequest() { _, _ = bufio.NewReaderSize(os.Stdin, 16).ReadSlice('\n') }

// print answers one request with the text of the environment.
func print() { readRequest(); fmt.Println(os.Getenv(textVariable)) }

func spawn() { startChild(os.Stdout) }

func spawnQuiet() { startChild(nil) }

// startChild starts a process in the group of the shim that holds stdout.
func startChild(stdout io.Writer) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), modeVariable+"=never ending child")
	c.Stdout = stdout
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(98)
	}
}

type repeated string

func (r repeated) Read(b []byte) (int, error) {
	return copy(b, strings.Repeat(string(r), len(b)/len(r)+1)), nil
}

func pour(w io.Writer, text string) { _, _ = io.Copy(struct{ io.Writer }{w}, repeated(text)) }

// echo answers session.decrypt with the body of its envelope and refuses the rest.
type echo struct{}

func (echo) Call(_ context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	if op == shim.SessionDecrypt {
		return &shim.Result{Plaintext: &p.Envelope.Body}, nil
	}
	return nil, &shim.Error{Code: shim.Rejected, Class: "replay", Message: "no"}
}

func (echo) Close() error { return nil }

// Command returns the command that runs the test binary in a mode.
func Command(t *testing.T, mode, text string) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	const format = "env GORACE=atexit_sleep_ms=0 '%s=%s' '%s=%s' '%s'"
	return fmt.Sprintf(format, modeVariable, mode, textVariable, text, self)
}

func startMode(t *testing.T, mode, text string, timeout time.Duration) *Process {
	t.Helper()
	p, err := Start(context.Background(), Command(t, mode, text), Options{Timeout: timeout})
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// The timeouts: long where the answer must come by itself, short where only the timeout ends the wait. A test that
// takes as long as patience fails.
const (
	long     = 10 * time.Second
	short    = 300 * time.Millisecond
	patience = 5 * time.Second
)

// requireGone waits until nobody of the group of p is left, with Call's own kill and nothing else.
func requireGone(t *testing.T, p *Process) {
	t.Helper()
	group := p.command.Process.Pid
	gone := func() bool {
		return errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) || onlyZombies(group)
	}
	require.Eventually(t, gone, patience, 5*time.Millisecond, "processes of group %d are left", group)
}

// onlyZombies says that the dead of a group wait for an init that does not care. It knows that only where /proc is.
func onlyZombies(group int) bool {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return false
	}
	for _, name := range stats {
		text, _ := os.ReadFile(name) // a process that has ended meanwhile is no matter
		_, after, _ := bytes.Cut(text, []byte(") "))
		f := strings.Fields(string(after))
		if len(f) > 2 && f[2] == strconv.Itoa(group) && f[0] != "Z" && f[0] != "X" {
			return false
		}
	}
	return true
}

var (
	digestParams = &shim.Params{Party: "p", Peer: "q"}
	bigParams    = &shim.Params{Party: "p", Peer: "q", Plaintext: make(shim.Bytes, 3<<19)} // 3 MiB in hexadecimal
	goodDigest   = strings.Repeat("5a", 32)
	goodReply    = `{"id":1,"result":{"digest":"` + goodDigest + `"}}`
)

func decryptParams(body shim.Bytes) *shim.Params {
	return &shim.Params{Party: "p", Peer: "q", Envelope: &shim.Message{Kind: shim.RatchetMessage, Body: body}}
}

// requireBroken calls p and wants the error, soon, for ever, and no process left.
func requireBroken(t *testing.T, p *Process, op shim.Op, params *shim.Params, want error, says string) {
	t.Helper()
	started := time.Now()
	r, err := p.Call(context.Background(), op, params)
	require.Less(t, time.Since(started), patience)
	require.Nil(t, r)
	require.ErrorIs(t, err, want)
	require.ErrorContains(t, err, says)
	require.NotContains(t, err.Error(), "\n")
	require.Less(t, len(err.Error()), 4<<10)
	_, again := p.Call(context.Background(), shim.Hello, &shim.Params{})
	require.Equal(t, err, again)
	requireGone(t, p)
	started = time.Now()
	require.NoError(t, p.Close())
	require.Less(t, time.Since(started), patience)
}

func TestBrokenProcesses(t *testing.T) {
	for _, test := range []struct {
		mode    string
		timeout time.Duration
		want    error
		says    string
	}{
		{"exit at start", long, shim.ErrCrash, "exit status 0"},
		{"exit 3", long, shim.ErrCrash, `exit status 3; stderr: "the key store is gone"`},
		{"kill itself", long, shim.ErrCrash, "signal: killed"},
		{"quiet child", long, shim.ErrCrash, "exit status 4"},
		{"close stdout", long, shim.ErrCrash, "closed its standard output"},
		{"hang", short, shim.ErrHang, "session.digest: nothing within 300ms"},
		{"ignore SIGTERM", short, shim.ErrHang, "nothing within"},
		{"child", short, shim.ErrHang, "nothing within"},
		{"child, then die", short, shim.ErrHang, "nothing within"},
		{"child, then die", long, shim.ErrCrash, "exit status 0"},
		{"banner", long, shim.ErrProtocol, "Welcome!"},
		{"unfinished", long, shim.ErrProtocol, "an unfinished line"},
		{"flood", long, shim.ErrProtocol, `missing propert`},
		{"endless line", long, shim.ErrProtocol, "a line above 4194304 bytes"},
	} {
		t.Run(test.mode+"/"+test.timeout.String(), func(t *testing.T) {
			t.Parallel()
			p := startMode(t, test.mode, "", test.timeout)
			requireBroken(t, p, shim.SessionDigest, digestParams, test.want, test.says)
		})
	}
}

func TestBrokenReplies(t *testing.T) {
	for name, test := range map[string]struct{ reply, says string }{
		"garbage":              {"Segmentation fault", "not JSON"},
		"null":                 {"null", "want object"},
		"array":                {"[]", "want object"},
		"blank line":           {"", "not JSON"},
		"two values":           {goodReply + goodReply, "not JSON"},
		"no id":                {`{"result":{"digest":"` + goodDigest + `"}}`, "id"},
		"wrong id":             {`{"id":2,"result":{"digest":"` + goodDigest + `"}}`, "id 2, not 1"},
		"id 0":                 {`{"id":0,"result":{"digest":"` + goodDigest + `"}}`, "id 0, not 1"},
		"id with a fraction":   {`{"id":1.5,"result":{"digest":"` + goodDigest + `"}}`, "id"},
		"id as text":           {`{"id":"1","result":{"digest":"` + goodDigest + `"}}`, "id"},
		"id out of range":      {`{"id":1e40,"result":{"digest":"` + goodDigest + `"}}`, "id"},
		"unknown field":        {`{"id":1,"result":{"digest":"` + goodDigest + `","extra":1}}`, "extra"},
		"unknown field on top": {`{"id":1,"result":{"digest":"` + goodDigest + `"},"extra":1}`, "extra"},
		"upper case": {
			`{"id":1,"result":{"digest":"` + strings.ToUpper(goodDigest) + `"}}`, `"result.digest"`,
		},
		"missing field": {`{"id":1,"result":{}}`, "digest"},
		"too short":     {`{"id":1,"result":{"digest":"5a"}}`, `"result.digest"`},
		"not text":      {`{"id":1,"result":{"digest":5}}`, `"result.digest"`},
		"null result":   {`{"id":1,"result":null}`, `"result"`},
		"neither":       {`{"id":1}`, "result"},
		"both": {
			`{"id":1,"result":{"digest":"` + goodDigest + `"},"error":{"code":"internal"}}`, "oneOf",
		},
		"no code":              {`{"id":1,"error":{"message":"no"}}`, "code"},
		"unknown code":         {`{"id":1,"error":{"code":"refused"}}`, `"error.code"`},
		"unknown class":        {`{"id":1,"error":{"code":"rejected","class":"bad-luck"}}`, `"error.class"`},
		"class of unsupported": {`{"id":1,"error":{"code":"unsupported","class":"replay"}}`, `"error.code"`},
		"error as text":        {`{"id":1,"error":"no"}`, `"error"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startMode(t, "print and wait", test.reply, long)
			requireBroken(t, p, shim.SessionDigest, digestParams, shim.ErrProtocol, test.says)
		})
	}
}

// What is right in the shape of a broken one.
func TestSoundReplies(t *testing.T) {
	for name, test := range map[string]struct{ mode, reply string }{
		"plain":                   {"print and wait", goodReply},
		"spaces":                  {"print and wait", "  " + goodReply + " \t\r"},
		"then end":                {"print", goodReply},
		"child that holds stdout": {"child, answers", goodReply},
		"floods stderr":           {"noisy", goodReply},
		"closes stdin":            {"close stdin, answer", goodReply},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startMode(t, test.mode, test.reply, long)
			r, err := p.Call(context.Background(), shim.SessionDigest, digestParams)
			require.NoError(t, err)
			require.Equal(t, goodDigest, fmt.Sprintf("%x", r.Digest))
			require.NoError(t, p.Close())
			requireGone(t, p)
		})
	}
}

// A refusal is an answer: the shim is asked again.
func TestRefusalsAreNoBreak(t *testing.T) {
	t.Parallel()
	p := startMode(t, "good", "", long)
	for range 3 {
		_, err := p.Call(context.Background(), shim.SessionDigest, digestParams)
		require.Equal(t, &shim.Error{Code: shim.Rejected, Class: "replay", Message: "no"}, err)
		r, err := p.Call(context.Background(), shim.SessionDecrypt, decryptParams(shim.Bytes{7}))
		require.NoError(t, err)
		require.Equal(t, &shim.Bytes{7}, r.Plaintext)
	}
	_, err := p.Call(context.Background(), "invented", nil)
	require.Equal(t, &shim.Error{Code: shim.Rejected, Class: "replay", Message: "no"}, err)
	started := time.Now()
	require.NoError(t, p.Close())
	require.Less(t, time.Since(started), closeGrace, "the end of its standard input ends the shim")
	_, err = p.Call(context.Background(), shim.Hello, nil)
	require.ErrorIs(t, err, shim.ErrCrash)
	require.NoError(t, p.Close())
}

func TestSecondAnswer(t *testing.T) {
	for name, second := range map[string]string{"same": goodReply, "garbage": "done."} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startMode(t, "print and wait", goodReply+"\n"+second, long)
			_, err := p.Call(context.Background(), shim.SessionDigest, digestParams)
			require.NoError(t, err)
			requireBroken(t, p, shim.SessionDigest, digestParams, shim.ErrProtocol, "")
		})
	}
}

// Output that waits when a request is made is not taken for its reply, even if it fits.
func TestWaitingOutput(t *testing.T) {
	stdout, w, err := os.Pipe()
	require.NoError(t, err)
	_, err = w.WriteString(goodReply + "\n")
	require.NoError(t, err)
	p := &Process{stdout: stdout, lines: bufio.NewReader(stdout), timeout: long}
	_, err = p.call(context.Background(), shim.SessionDigest, digestParams)
	require.ErrorIs(t, err, shim.ErrProtocol)
	require.ErrorContains(t, err, "nobody asked for")
}

func TestBigRequests(t *testing.T) {
	envelope := `{"id":1,"result":{"envelope":{"kind":"ratchet","body":""}}}`
	for name, test := range map[string]struct {
		mode    string
		timeout time.Duration
		want    error
		says    string
	}{
		"not read":              {"hang", short, shim.ErrHang, "nothing within"},
		"not read and answered": {"answer without read", time.Second, shim.ErrProtocol, "answered and not read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startMode(t, test.mode, envelope, test.timeout)
			requireBroken(t, p, shim.SessionEncrypt, bigParams, test.want, test.says)
		})
	}
	t.Run("read", func(t *testing.T) {
		t.Parallel()
		p := startMode(t, "good", "", long)
		body := make(shim.Bytes, 3<<19)
		r, err := p.Call(context.Background(), shim.SessionDecrypt, decryptParams(body))
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, *r.Plaintext))
	})
}

// Not parallel: it measures the memory of the whole process.
func TestMemoryIsBounded(t *testing.T) {
	const most = 64 << 20
	for _, test := range []struct {
		mode  string
		calls int
		want  error
	}{
		{"endless line", 1, shim.ErrProtocol}, {"flood", 1, shim.ErrProtocol},
		{"answer and flood", 2, shim.ErrProtocol}, {"noisy", 1, nil},
	} {
		t.Run(test.mode, func(t *testing.T) {
			p := startMode(t, test.mode, goodReply, long)
			var err error
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range test.calls {
				_, err = p.Call(context.Background(), shim.SessionDigest, digestParams)
			}
			runtime.ReadMemStats(&after)
			require.ErrorIs(t, err, test.want)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(most))
			require.LessOrEqual(t, len(p.stderr.lastWords()), 2*stderrTail)
		})
	}
}

func TestReadLine(t *testing.T) {
	full := strings.Repeat("x", shim.MaxLine-1) + "\n"
	for name, test := range map[string]struct {
		in   string
		want int
		err  error
	}{
		"empty":         {"", 0, io.EOF},
		"line":          {"ab\ncd\n", 3, nil},
		"unfinished":    {"ab", 2, io.EOF},
		"as long as is": {full, shim.MaxLine, nil},
		"too long":      {"x" + full, 0, shim.ErrProtocol},
		"never ends":    {full[:shim.MaxLine-1] + "xx", 0, shim.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := readLine(bufio.NewReaderSize(strings.NewReader(test.in), 64<<10))
			require.ErrorIs(t, err, test.err)
			require.Len(t, text, test.want)
		})
	}
}

func TestStartErrors(t *testing.T) {
	directory := t.TempDir()
	for name, command := range map[string]string{
		"empty":             "",
		"spaces":            " \t ",
		"comment":           "# nothing",
		"unbalanced quotes": `sh -c "exit`,
		"missing":           filepath.Join(directory, "missing") + " x",
		"not in the path":   "credence-no-such-shim",
		"a directory":       directory,
		"empty word":        "''",
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Start(context.Background(), command, Options{})
			require.ErrorIs(t, err, ErrStart)
			require.Nil(t, p)
		})
	}
}

// ratchet.accumulate has more time than the rest, and not for ever.
func TestAccumulateHasMoreTime(t *testing.T) {
	t.Parallel()
	p := startMode(t, "hang", "", 50*time.Millisecond)
	params := &shim.Params{Set: "olm-v1", Steps: 1}
	requireBroken(t, p, shim.RatchetAccumulate, params, shim.ErrHang, "nothing within 600ms")
}

func TestDefaultTimeout(t *testing.T) {
	t.Parallel()
	p := startMode(t, "good", "", 0)
	require.Equal(t, DefaultTimeout, p.timeout)
}

// The caller's context is the caller's reason: no fault of the shim.
func TestCallContext(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancelLate := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancelLate()
	for name, test := range map[string]struct {
		ctx  context.Context
		want error
	}{"cancelled": {cancelled, context.Canceled}, "late": {late, context.DeadlineExceeded}} {
		t.Run(name, func(t *testing.T) {
			p := startMode(t, "hang", "", long)
			_, err := p.Call(test.ctx, shim.SessionDigest, digestParams)
			require.ErrorIs(t, err, test.want)
			require.NotErrorIs(t, err, shim.ErrHang)
			_, again := p.Call(context.Background(), shim.SessionDigest, digestParams)
			require.Equal(t, err, again)
			requireGone(t, p)
		})
	}
}

func TestStartContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	p, err := Start(ctx, Command(t, "child", ""), Options{Timeout: long})
	require.NoError(t, err)
	cancel()
	requireBroken(t, p, shim.SessionDigest, digestParams, shim.ErrCrash, "signal: killed")
}

// Close ends a shim that does not care for the end of its input, and its children.
func TestCloseKills(t *testing.T) {
	for _, mode := range []string{"deaf to the end", "child"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := startMode(t, mode, "", long)
			started := time.Now()
			require.NoError(t, p.Close())
			require.Less(t, time.Since(started), patience)
			requireGone(t, p)
		})
	}
}

// Package process starts a shim as a child process and talks to it over its standard input and output.
package process

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/google/shlex"

	"credence/shim"
	"credence/shim/schema"
)

// ErrStart is returned by Start.
var ErrStart = errors.New("shim does not start")

// DefaultTimeout is the time for one request if Options has none.
const DefaultTimeout = 10 * time.Second

// closeGrace is the time that a shim has to end after its standard input was closed.
const closeGrace = 2 * time.Second

// stderrTail is how many bytes of the end of standard error are kept for messages.
const stderrTail = 1 << 10

// Options shape a Process.
type Options struct {
	Timeout time.Duration // for one request; 0 is DefaultTimeout
}

// Process is a shim: a Target behind the standard input and output of a child process. It is for one goroutine.
//
// When the shim ends, hangs or breaks the protocol, it is killed with all its children, and every later call gives the
// same error.
type Process struct {
	command *exec.Cmd
	timeout time.Duration
	stdin   *os.File
	stdout  *os.File
	lines   *bufio.Reader // of stdout
	stderr  *tail
	exited  chan struct{} // closed when the child was waited for
	waitErr error         // valid after exited
	id      uint64
	broken  error
	forget  func() bool // ends the watch over the context of Start
}

// Start starts a shim. The command is split into words as a shell would, without its expansions. It returns ErrStart.
func Start(ctx context.Context, command string, o Options) (*Process, error) {
	words, err := shlex.Split(command)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %v", ErrStart, command, err)
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("%w: the command is empty", ErrStart)
	}
	p := &Process{
		command: exec.Command(words[0], words[1:]...), timeout: o.Timeout, stderr: &tail{}, exited: make(chan struct{}),
	}
	if p.timeout <= 0 {
		p.timeout = DefaultTimeout
	}
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrStart, err)
	}
	p.forget = context.AfterFunc(ctx, p.kill)
	return p, nil
}

func (p *Process) start() error {
	ownGroup(p.command)
	p.command.Stderr = p.stderr
	p.command.WaitDelay = closeGrace // a child of the shim may hold standard error open
	childStdin, stdin, err := os.Pipe()
	if err != nil {
		return err
	}
	defer childStdin.Close()
	stdout, childStdout, err := os.Pipe()
	if err != nil {
		stdin.Close()
		return err
	}
	defer childStdout.Close()
	p.command.Stdin, p.command.Stdout = childStdin, childStdout
	if err := p.command.Start(); err != nil {
		stdin.Close()
		stdout.Close()
		return err
	}
	p.stdin, p.stdout, p.lines = stdin, stdout, bufio.NewReaderSize(stdout, 64<<10)
	go p.wait()
	return nil
}

// wait waits for the child. Who reads gets a while for the rest, and not for ever: a child of the shim may hold
// standard output open.
func (p *Process) wait() {
	p.waitErr = p.command.Wait()
	_ = p.stdout.SetReadDeadline(time.Now().Add(closeGrace)) // fails only after Close
	close(p.exited)
}

// readLine reads up to a line feed. It returns io.EOF at the end, and shim.ErrProtocol for a line above shim.MaxLine.
func readLine(r *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(text)+len(part) > shim.MaxLine {
			return nil, fmt.Errorf("%w: a line above %d bytes", shim.ErrProtocol, shim.MaxLine)
		}
		text = append(text, part...)
		if err != bufio.ErrBufferFull {
			return text, err
		}
	}
}

// Call sends a request and waits for its reply. It returns a *shim.Error for a reply without a result, and otherwise
// shim.ErrCrash, shim.ErrHang, shim.ErrProtocol, or the error of ctx.
func (p *Process) Call(ctx context.Context, op shim.Op, params *shim.Params) (*shim.Result, error) {
	if p.broken != nil {
		return nil, p.broken
	}
	r, err := p.call(ctx, op, params)
	var e *shim.Error
	if err != nil && !errors.As(err, &e) {
		p.broken = err
		p.kill()
	}
	return r, err
}

func (p *Process) call(ctx context.Context, op shim.Op, params *shim.Params) (*shim.Result, error) {
	if text := p.waiting(); len(text) > 0 {
		return nil, fmt.Errorf("%w: output that nobody asked for: %s", shim.ErrProtocol, quote(text))
	}
	if params == nil {
		params = &shim.Params{}
	}
	p.id++
	complete := params.Complete(op)
	request, err := json.Marshal(shim.Request{ID: p.id, Op: op, Params: &complete})
	if err != nil {
		return nil, err
	}
	reply, err := p.exchange(ctx, op, append(request, '\n'))
	if err != nil {
		return nil, err
	}
	return p.check(op, reply)
}

// waiting returns output that has come since the last reply.
func (p *Process) waiting() []byte {
	if n := p.lines.Buffered(); n > 0 {
		text, _ := p.lines.Peek(n)
		return text
	}
	text := make([]byte, 2*quoted)
	return text[:readNow(p.stdout, text)]
}

// exchange writes a request and reads a line. Whoever writes more than a pipe holds waits for the shim, and so does who
// reads: at the end of the time, or of ctx, the shim is killed and the pipes give up.
func (p *Process) exchange(ctx context.Context, op shim.Op, request []byte) ([]byte, error) {
	timeout := p.timeout * time.Duration(shim.Patience(op))
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, shim.ErrHang)
	defer cancel()
	stop := context.AfterFunc(ctx, p.interrupt)
	_, unwritten := p.stdin.Write(request) // if it fails, the shim may have ended: its output says how
	text, err := readLine(p.lines)
	inTime := stop()
	switch {
	case inTime && err == nil:
		return text, nil
	case inTime:
		return nil, p.ended(text, err)
	case context.Cause(ctx) != shim.ErrHang:
		return nil, ctx.Err()
	}
	_ = p.stdout.SetReadDeadline(time.Time{})
	if unwritten != nil && (len(text) > 0 || len(p.waiting()) > 0) { // read before the pipes gave up, or not
		return nil, fmt.Errorf("%w: %s: the request was answered and not read", shim.ErrProtocol, op)
	}
	return nil, fmt.Errorf("%w: %s: nothing within %v%s", shim.ErrHang, op, timeout, p.stderr.lastWords())
}

// interrupt ends the shim and what waits for it.
func (p *Process) interrupt() {
	p.kill()
	past := time.Unix(1, 0)
	_ = p.stdin.SetWriteDeadline(past) // where there are no deadlines, the end of the shim ends the waiting
	_ = p.stdout.SetReadDeadline(past)
}

// ended says why there are no more lines.
func (p *Process) ended(text []byte, err error) error {
	if errors.Is(err, shim.ErrProtocol) {
		return err
	}
	if len(text) > 0 {
		return fmt.Errorf("%w: an unfinished line: %s", shim.ErrProtocol, quote(text))
	}
	select {
	case <-p.exited:
	case <-time.After(min(closeGrace, p.timeout)):
		return fmt.Errorf("%w: it has closed its standard output%s", shim.ErrCrash, p.stderr.lastWords())
	}
	how := "exit status 0"
	if p.waitErr != nil {
		how = p.waitErr.Error()
	}
	return fmt.Errorf("%w: %s%s", shim.ErrCrash, how, p.stderr.lastWords())
}

// check reads a reply and compares it with the schema.
func (p *Process) check(op shim.Op, text []byte) (*shim.Result, error) {
	if err := schema.ValidateReply(op, text); err != nil {
		return nil, fmt.Errorf("%w: %s: %v in %s", shim.ErrProtocol, op, err, quote(text))
	}
	var r shim.Reply
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%w: %s: %v in %s", shim.ErrProtocol, op, err, quote(text))
	}
	if r.ID != p.id {
		return nil, fmt.Errorf("%w: %s: id %d, not %d", shim.ErrProtocol, op, r.ID, p.id)
	}
	if r.Error != nil {
		return nil, r.Error
	}
	return r.Result, nil
}

// quoted is how much of a line a message shows, in bytes.
const quoted = 200

// quote returns the start of a line for a message.
func quote(text []byte) string {
	text = bytes.TrimRight(text, "\r\n")
	if len(text) > quoted {
		return fmt.Sprintf("%q… (%d bytes)", text[:quoted], len(text))
	}
	return fmt.Sprintf("%q", text)
}

// Close ends the shim: it closes its standard input, and kills it and its children if it does not end by itself.
func (p *Process) Close() error {
	p.forget()
	p.stdin.Close()
	select {
	case <-p.exited:
	case <-time.After(closeGrace):
	}
	p.kill()
	<-p.exited
	p.stdout.Close()
	return nil
}

// kill ends the shim and all its children.
func (p *Process) kill() { killGroup(p.command) }

// tail keeps the end of what is written to it.
type tail struct {
	mutex sync.Mutex
	bytes []byte
}

// Write never fails and never blocks.
func (t *tail) Write(b []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.bytes = append(t.bytes, b[max(0, len(b)-stderrTail):]...)
	t.bytes = t.bytes[max(0, len(t.bytes)-stderrTail):]
	return len(b), nil
}

// lastWords returns the end of standard error for a message.
func (t *tail) lastWords() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	words := strings.TrimSpace(string(t.bytes))
	if words == "" {
		return ""
	}
	return fmt.Sprintf("; stderr: %q", words)
}

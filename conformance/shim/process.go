package shim

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/google/shlex"
)

// What goes wrong with a shim. Every error of Process.Call that is not an *Error wraps one of them.
var (
	ErrStart    = errors.New("shim does not start")
	ErrCrash    = errors.New("shim ended")
	ErrHang     = errors.New("shim does not answer")
	ErrProtocol = errors.New("shim breaks the protocol")
)

// DefaultTimeout is the time for one request if ProcessOptions has none.
const DefaultTimeout = 10 * time.Second

// accumulatePatience is how many times longer ratchet.accumulate may take: it is up to a million steps.
const accumulatePatience = 12

// closeGrace is the time that a shim has to end after its standard input was closed.
const closeGrace = 2 * time.Second

// stderrTail is how many bytes of the end of standard error are kept for messages.
const stderrTail = 1 << 10

// ProcessOptions shape a Process.
type ProcessOptions struct {
	Timeout time.Duration // for one request; 0 is DefaultTimeout
}

// Process is a shim: a Target behind the standard input and output of a child process. It is for one goroutine.
//
// When the shim ends, hangs or breaks the protocol, it is killed with all its children, and every later call gives the
// same error.
type Process struct {
	command *exec.Cmd
	timeout time.Duration
	stdin   io.WriteCloser
	lines   chan line // what the shim writes; closed at its end
	stderr  *tail
	done    chan struct{} // closed when Process is given up, so that the reader does not wait for ever
	exited  chan struct{} // closed when the child was waited for
	waitErr error         // valid after exited
	id      uint64
	broken  error
	once    sync.Once
	forget  func() bool // ends the watch over the context of Start
}

// line is one line of a shim, or the reason why there are no more.
type line struct {
	text []byte
	err  error
}

// Start starts a shim. The command is split into words as a shell would, without its expansions. It returns ErrStart.
func Start(ctx context.Context, command string, o ProcessOptions) (*Process, error) {
	words, err := shlex.Split(command)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %v", ErrStart, command, err)
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("%w: the command is empty", ErrStart)
	}
	p := &Process{
		command: exec.Command(words[0], words[1:]...), timeout: o.Timeout, stderr: &tail{},
		lines: make(chan line), done: make(chan struct{}), exited: make(chan struct{}),
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
	stdin, err := p.command.StdinPipe()
	if err != nil {
		return err
	}
	stdout, childStdout, err := os.Pipe()
	if err != nil {
		return err
	}
	p.command.Stdout = childStdout
	err = p.command.Start()
	childStdout.Close()
	if err != nil {
		stdout.Close()
		return err
	}
	p.stdin = stdin
	go p.read(stdout)
	go p.wait(stdout)
	return nil
}

// wait waits for the child. The reader gets a while for the rest, and not for ever: a child of the shim may hold
// standard output open.
func (p *Process) wait(stdout *os.File) {
	p.waitErr = p.command.Wait()
	_ = stdout.SetReadDeadline(time.Now().Add(closeGrace)) // fails only when the reader has closed it
	close(p.exited)
}

// read passes on one line after the other, and never keeps more than one: a shim that floods is held up.
func (p *Process) read(stdout io.ReadCloser) {
	defer close(p.lines)
	defer stdout.Close()
	r := bufio.NewReaderSize(stdout, 64<<10)
	for {
		text, err := readLine(r)
		if err == io.EOF && len(text) == 0 {
			return
		}
		select {
		case p.lines <- line{text, err}:
		case <-p.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// readLine reads up to a line feed. It returns io.EOF at the end, and ErrProtocol for a line above MaxLine.
func readLine(r *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(text)+len(part) > MaxLine {
			return nil, fmt.Errorf("%w: a line above %d bytes", ErrProtocol, MaxLine)
		}
		text = append(text, part...)
		if err != bufio.ErrBufferFull {
			return text, err
		}
	}
}

// Call sends a request and waits for its reply. It returns an *Error for a reply without a result, and otherwise
// ErrCrash, ErrHang, ErrProtocol, or the error of ctx.
func (p *Process) Call(ctx context.Context, op Op, params *Params) (*Result, error) {
	if p.broken != nil {
		return nil, p.broken
	}
	r, err := p.call(ctx, op, params)
	var e *Error
	if err != nil && !errors.As(err, &e) {
		p.broken = err
		p.kill()
	}
	return r, err
}

func (p *Process) call(ctx context.Context, op Op, params *Params) (*Result, error) {
	timeout := p.timeout
	if op == RatchetAccumulate {
		timeout *= accumulatePatience
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, ErrHang)
	defer cancel()
	if err := p.silent(); err != nil {
		return nil, err
	}
	if params == nil {
		params = &Params{}
	}
	p.id++
	complete := params.Complete(op)
	request, err := json.Marshal(Request{p.id, op, &complete})
	if err != nil {
		return nil, err
	}
	written := make(chan error, 1)
	go func() {
		_, err := p.stdin.Write(append(request, '\n'))
		written <- err
	}()
	reply, err := p.receive(ctx, op, timeout)
	if err != nil {
		return nil, err
	}
	select {
	case <-written:
	case <-ctx.Done():
		if context.Cause(ctx) != ErrHang {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %s: the request was answered and not read", ErrProtocol, op)
	}
	return p.check(op, reply)
}

// silent refuses output that nobody asked for and that has already come.
func (p *Process) silent() error {
	select {
	case l, ok := <-p.lines:
		if ok && l.err == nil {
			return fmt.Errorf("%w: output that nobody asked for: %s", ErrProtocol, quote(l.text))
		}
		return p.ended(l)
	default:
		return nil
	}
}

// receive waits for the reply to op.
func (p *Process) receive(ctx context.Context, op Op, timeout time.Duration) ([]byte, error) {
	select {
	case l, ok := <-p.lines:
		if !ok || l.err != nil {
			return nil, p.ended(l)
		}
		return l.text, nil
	case <-ctx.Done():
		if context.Cause(ctx) != ErrHang {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %s: nothing within %v%s", ErrHang, op, timeout, p.stderr.lastWords())
	}
}

// ended says why there are no more lines.
func (p *Process) ended(l line) error {
	if errors.Is(l.err, ErrProtocol) {
		return l.err
	}
	if len(l.text) > 0 {
		return fmt.Errorf("%w: an unfinished line: %s", ErrProtocol, quote(l.text))
	}
	select {
	case <-p.exited:
	case <-time.After(min(closeGrace, p.timeout)):
		return fmt.Errorf("%w: it has closed its standard output%s", ErrCrash, p.stderr.lastWords())
	}
	how := "exit status 0"
	if p.waitErr != nil {
		how = p.waitErr.Error()
	}
	return fmt.Errorf("%w: %s%s", ErrCrash, how, p.stderr.lastWords())
}

// check reads a reply and compares it with the schema.
func (p *Process) check(op Op, text []byte) (*Result, error) {
	if err := ValidateReply(op, text); err != nil {
		return nil, fmt.Errorf("%w: %s: %v in %s", ErrProtocol, op, err, quote(text))
	}
	var r Reply
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%w: %s: %v in %s", ErrProtocol, op, err, quote(text))
	}
	if r.ID != p.id {
		return nil, fmt.Errorf("%w: %s: id %d, not %d", ErrProtocol, op, r.ID, p.id)
	}
	if r.Error != nil {
		return nil, r.Error
	}
	return r.Result, nil
}

// quote gives the start of a line for a message.
func quote(text []byte) string {
	const most = 200
	text = bytes.TrimRight(text, "\r\n")
	if len(text) > most {
		return fmt.Sprintf("%q… (%d bytes)", text[:most], len(text))
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
	return nil
}

// kill ends the shim and all its children.
func (p *Process) kill() {
	p.once.Do(func() { close(p.done) })
	killGroup(p.command)
}

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

// lastWords gives the end of standard error for a message.
func (t *tail) lastWords() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	words := strings.TrimSpace(string(t.bytes))
	if words == "" {
		return ""
	}
	return fmt.Sprintf("; stderr: %q", words)
}

package shim

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxLine is the largest line in bytes, in both directions.
const MaxLine = 4 << 20

// Serve makes a shim of a target: it answers the requests of r on w, one line each, until r ends. A panic of the target
// becomes an internal error. It returns the error of r or w, or of a line above MaxLine.
func Serve(t Target, r io.Reader, w io.Writer) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), MaxLine)
	out := bufio.NewWriter(w)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := json.NewEncoder(out).Encode(answer(t, lines.Bytes())); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return lines.Err()
}

func answer(t Target, line []byte) Reply {
	var q Request
	if err := json.Unmarshal(line, &q); err != nil {
		return Reply{ID: readableID(line), Error: &Error{Code: InvalidRequest, Message: err.Error()}}
	}
	if q.Params == nil {
		q.Params = &Params{}
	}
	result, err := callRecovered(t, q)
	if err == nil {
		return Reply{ID: q.ID, Result: result}
	}
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: Internal, Message: err.Error()}
	}
	return Reply{ID: q.ID, Error: e}
}

// readableID returns the id of a request whose rest cannot be read, or 0.
func readableID(line []byte) uint64 {
	var q struct {
		ID uint64 `json:"id"`
	}
	if json.Unmarshal(line, &q) != nil {
		return 0
	}
	return q.ID
}

// callRecovered turns a panic into an internal error. The value of the panic is not told: it may hold secrets.
func callRecovered(t Target, q Request) (r *Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			r, err = nil, &Error{Code: Internal, Message: fmt.Sprintf("panic in %s (%T)", q.Op, v)}
		}
	}()
	r, err = t.Call(context.Background(), q.Op, q.Params)
	if err == nil && r == nil {
		r = &Result{}
	}
	return r, err
}

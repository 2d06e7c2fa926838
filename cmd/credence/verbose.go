package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"credence/report"
	"credence/shim"
)

// traffic writes what passes between the suite and its targets, secrets marked and cut.
type traffic struct {
	w     io.Writer
	mutex sync.Mutex
	count int
}

// watched is a target with its number in the log.
type watchedTarget struct {
	shim.Target
	log    *traffic
	number int
}

// of returns a target whose traffic is written.
func (l *traffic) of(t shim.Target) shim.Target {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.count++
	return &watchedTarget{t, l, l.count}
}

// Call passes the call on.
func (t *watchedTarget) Call(ctx context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	t.log.line(t.number, "->", string(op), p)
	r, err := t.Target.Call(ctx, op, p)
	if err != nil {
		t.log.line(t.number, "<-", err.Error(), nil)
	} else {
		t.log.line(t.number, "<-", "", r)
	}
	return r, err
}

// Memory passes the question on.
func (t *watchedTarget) Memory() (bytes uint64, ok bool) {
	if m, measured := t.Target.(interface{ Memory() (uint64, bool) }); measured {
		return m.Memory()
	}
	return 0, false
}

func (l *traffic) line(number int, arrow, text string, value any) {
	if value != nil {
		text += " " + marked(value)
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	fmt.Fprintf(l.w, "%d %s %s\n", number, arrow, report.Line(text))
}

// marked returns a value of the shim protocol as JSON in which secrets say that they are, and show their first bytes
// only.
func marked(value any) string {
	text, err := json.Marshal(value)
	var v any
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err == nil {
		text, err = json.Marshal(mark(v, false))
	}
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func mark(v any, secret bool) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = mark(v[k], shim.IsSecret(k))
		}
	case []any:
		for i := range v {
			v[i] = mark(v[i], secret)
		}
	case string:
		if secret {
			return fmt.Sprintf("secret %.8s… (%d bytes)", v, len(v)/2)
		}
	}
	return v
}

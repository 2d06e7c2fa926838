package main

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// ordered are the members of a JSON object in their order.
type ordered[T any] []member[T]

type member[T any] struct {
	name  string
	value T
}

// UnmarshalJSON keeps the order.
func (o *ordered[T]) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		m := member[T]{name: fmt.Sprint(name)}
		if err := d.Decode(&m.value); err != nil {
			return fmt.Errorf("%v: %w", name, err)
		}
		*o = append(*o, m)
	}
	return nil
}

// MarshalJSON keeps the order.
func (o ordered[T]) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, m := range o {
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		separator := ","
		if i == 0 {
			separator = "{"
		}
		fmt.Fprintf(&b, "%s%q:%s", separator, m.name, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

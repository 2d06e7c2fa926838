package shim

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// What follows from the table of operations.
var (
	// Ops lists every operation, in the order of the table.
	Ops = namesOf(Operations())

	operation    = byName(Operations())
	secretFields = secretsOf(Operations())
	paramsField  = jsonNames(reflect.TypeFor[Params]())
)

// Table returns the table of operations by its parts.
func Table() []Part { return slices.Clone(table) }

// Operations returns the table of operations.
func Operations() []Operation {
	var all []Operation
	for _, part := range table {
		all = append(all, part.Operations...)
	}
	return all
}

func namesOf(operations []Operation) []Op {
	ops := make([]Op, len(operations))
	for i, o := range operations {
		ops[i] = o.Op
	}
	return ops
}

func byName(operations []Operation) map[Op]Operation {
	m := make(map[Op]Operation, len(operations))
	for _, o := range operations {
		m[o.Op] = o
	}
	return m
}

func secretsOf(operations []Operation) map[string]bool {
	m := map[string]bool{}
	for _, o := range operations {
		for _, f := range slices.Concat(o.Params, o.Result) {
			if f.Secret {
				m[f.Name] = true
			}
		}
	}
	return m
}

// jsonNames returns the indices of the fields of a struct by their names in JSON.
func jsonNames(t reflect.Type) map[string]int {
	m := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		m[name] = i
	}
	return m
}

// Profiles lists the profiles.
func Profiles() []string {
	var profiles []string
	for _, w := range ways {
		if !slices.Contains(profiles, w.Profile) {
			profiles = append(profiles, w.Profile)
		}
	}
	return profiles
}

// Needs returns the operations that a profile needs: one of the lists, the easiest first. It returns nil for an unknown
// profile.
func Needs(profile string) [][]Op {
	var lists [][]Op
	for _, w := range ways {
		if w.Profile == profile {
			lists = append(lists, w.Ops())
		}
	}
	return lists
}

// Ops returns the operations that belong to the way.
func (w Way) Ops() []Op {
	return namesOf(slices.DeleteFunc(Operations(), func(o Operation) bool { return !slices.Contains(o.NeededBy, w) }))
}

// ExportOf returns the operation that exports the state on which op works, or "" if it works on no party.
func ExportOf(op Op) Op { return operation[op].State }

// IsImport reports whether op takes what ExportOf(op) has given.
func IsImport(op Op) bool { return operation[op].Imports }

// Patience returns how many times longer than others op may take.
func Patience(op Op) int { return max(1, operation[op].Patience) }

// IsSecret reports whether a field of parameters or results is to be kept out of logs.
func IsSecret(field string) bool { return secretFields[field] }

// Complete returns the parameters with every byte string that op needs: one that is nil becomes the empty one, so that
// a shim finds the field.
func (p Params) Complete(op Op) Params {
	for _, f := range operation[op].Params {
		if v := p.field(f); f.MayBeEmpty && v.IsNil() {
			v.Set(reflect.ValueOf(Bytes{}))
		}
	}
	return p
}

// Injects reports whether the parameters hold values for op to use in the place of randomness.
func (p *Params) Injects(op Op) bool {
	return slices.ContainsFunc(operation[op].Params, func(f Member) bool {
		return f.Random && (f.Role == "" || f.Role == p.Role) && p.field(f).Len() > 0
	})
}

// field returns a field of the parameters.
func (p *Params) field(f Member) reflect.Value {
	return reflect.ValueOf(p).Elem().Field(paramsField[f.Name])
}

// Describe returns a request for people, without a state that the target has exported.
func Describe(op Op, p Params) string {
	if IsImport(op) {
		p.State = nil
	}
	text, err := json.Marshal(p)
	if err != nil {
		return string(op) + " " + err.Error()
	}
	return string(op) + " " + string(text)
}

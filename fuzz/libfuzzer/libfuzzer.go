// Package libfuzzer stands in for package testing when build.sh builds the fuzz targets for libFuzzer. The body of a
// target runs once; the function that it hands to Fuzz runs for every input.
package libfuzzer

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// F is what a target sees of testing.F. A method of testing.TB that is not written here panics.
type F struct {
	T
	fn    reflect.Value
	seeds [][]byte
}

// T is what the function of a target sees of testing.T: whatever fails panics, and libFuzzer writes the input down.
type T struct{ testing.TB }

// skipped ends one input.
type skipped struct{}

func (*T) Helper()                         {}
func (*T) Name() string                    { return filepath.Base(os.Args[0]) }
func (*T) Log(args ...any)                 { fmt.Fprintln(os.Stderr, args...) }
func (*T) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
func (*T) Fail()                           { panic("the target failed") }
func (*T) FailNow()                        { panic("the target failed") }
func (*T) Failed() bool                    { return false }
func (*T) Error(args ...any)               { panic(fmt.Sprintln(args...)) }
func (*T) Errorf(format string, a ...any)  { panic(fmt.Sprintf(format, a...)) }
func (*T) Fatal(args ...any)               { panic(fmt.Sprintln(args...)) }
func (*T) Fatalf(format string, a ...any)  { panic(fmt.Sprintf(format, a...)) }
func (*T) Skip(...any)                     { panic(skipped{}) }
func (*T) Skipf(string, ...any)            { panic(skipped{}) }
func (*T) SkipNow()                        { panic(skipped{}) }

// Add keeps a seed.
func (f *F) Add(args ...any) { f.seeds = append(f.seeds, Encode(args...)) }

// Fuzz keeps the function.
func (f *F) Fuzz(fn any) { f.fn = reflect.ValueOf(fn) }

// Load runs the body of a target. With FUZZ_SEEDS set to a directory it writes the seeds there and ends the process.
func Load(target func(*F)) *F {
	f := new(F)
	target(f)
	if dir := os.Getenv("FUZZ_SEEDS"); dir != "" {
		for i, seed := range f.seeds {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d", i)), seed, 0o644); err != nil {
				panic(err)
			}
		}
		os.Exit(0)
	}
	return f
}

// Run gives one input to the function. When that panics, the arguments are printed as a file for fuzz/testdata/fuzz.
func (f *F) Run(input []byte) {
	args := f.decode(input)
	defer func() {
		switch r := recover(); r.(type) {
		case nil, skipped:
		default:
			fmt.Fprint(os.Stderr, corpusFile(args[1:]))
			panic(r)
		}
	}()
	f.fn.Call(args)
}

// Encode writes the arguments of a target as one input: numbers at their size, big-endian, and bytes and strings after
// their length in four bytes, except that the last argument needs no length.
func Encode(args ...any) []byte {
	var b []byte
	for i, a := range args {
		v := reflect.ValueOf(a)
		switch v.Kind() {
		case reflect.Slice, reflect.String:
			if i < len(args)-1 {
				b = binary.BigEndian.AppendUint32(b, uint32(v.Len()))
			}
			b = append(b, v.Convert(reflect.TypeFor[[]byte]()).Bytes()...)
		case reflect.Int:
			b = binary.BigEndian.AppendUint64(b, uint64(v.Int()))
		case reflect.Uint:
			b = binary.BigEndian.AppendUint64(b, v.Uint())
		default:
			var err error
			if b, err = binary.Append(b, binary.BigEndian, a); err != nil {
				panic(err)
			}
		}
	}
	return b
}

// decode is the inverse of Encode. It is total: what is missing is zero, and a length is cut to what is there.
func (f *F) decode(input []byte) []reflect.Value {
	t := f.fn.Type()
	take := func(n int) []byte {
		b := make([]byte, n)
		input = input[copy(b, input):]
		return b
	}
	args := []reflect.Value{reflect.ValueOf(new(T))}
	for i := 1; i < t.NumIn(); i++ {
		v := reflect.New(t.In(i)).Elem()
		switch v.Kind() {
		case reflect.Slice, reflect.String:
			n := len(input)
			if i < t.NumIn()-1 {
				n = int(min(uint64(binary.BigEndian.Uint32(take(4))), uint64(len(input))))
			}
			v.Set(reflect.ValueOf(take(n)).Convert(v.Type()))
		case reflect.Int:
			v.SetInt(int64(binary.BigEndian.Uint64(take(8))))
		case reflect.Uint:
			v.SetUint(binary.BigEndian.Uint64(take(8)))
		default:
			if _, err := binary.Decode(take(binary.Size(v.Interface())), binary.BigEndian, v.Addr().Interface()); err != nil {
				panic(err)
			}
		}
		args = append(args, v)
	}
	return args
}

// corpusFile writes the arguments in the format of the native fuzzer.
func corpusFile(args []reflect.Value) string {
	var b strings.Builder
	b.WriteString("go test fuzz v1\n")
	for _, v := range args {
		switch v.Kind() {
		case reflect.Slice:
			fmt.Fprintf(&b, "[]byte(%q)\n", v.Bytes())
		case reflect.String:
			fmt.Fprintf(&b, "string(%q)\n", v.String())
		default:
			fmt.Fprintf(&b, "%s(%v)\n", v.Type(), v.Interface())
		}
	}
	return b.String()
}

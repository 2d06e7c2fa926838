// Package libfuzzer stands in for testing.F when build.sh builds the fuzz targets for libFuzzer. The body of a target
// runs once, in a test; the function that it hands to Fuzz runs for every input, in a test within that one.
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

// F is what a target sees of testing.F.
type F struct {
	*testing.T
	fn     reflect.Value
	seeds  [][]byte
	inputs chan []byte
	done   chan struct{}
}

// Add keeps a seed.
func (f *F) Add(args ...any) { f.seeds = append(f.seeds, Encode(args...)) }

// Fuzz keeps the function.
func (f *F) Fuzz(fn any) { f.fn = reflect.ValueOf(fn) }

// Load runs the body of a target. With FUZZ_SEEDS set to a directory it writes the seeds there and ends the process.
func Load(name string, target func(*F)) *F {
	os.Args = os.Args[:1] // the options of libFuzzer are none of package testing
	loaded := make(chan *F)
	test := testing.InternalTest{Name: name, F: func(t *testing.T) {
		f := &F{T: t, inputs: make(chan []byte), done: make(chan struct{})}
		target(f)
		if dir := os.Getenv("FUZZ_SEEDS"); dir != "" {
			f.writeSeeds(dir)
			os.Exit(0)
		}
		loaded <- f
		for input := range f.inputs {
			args := f.decode(input)
			if !t.Run("input", func(t *testing.T) { f.call(t, args) }) {
				panic("the target failed") // the process aborts, and libFuzzer writes the input down
			}
			f.done <- struct{}{}
		}
	}}
	go testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{test}, nil, nil)
	return <-loaded
}

func (f *F) writeSeeds(dir string) {
	for i, seed := range f.seeds {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d", i)), seed, 0o644); err != nil {
			f.Fatal(err)
		}
	}
}

// Run returns one input to the function, and does not come back if that fails.
func (f *F) Run(input []byte) {
	f.inputs <- input
	<-f.done
}

// call prints the arguments of a failure as a file for fuzz/testdata/fuzz.
func (f *F) call(t *testing.T, args []reflect.Value) {
	ended := false
	defer func() {
		if t.Failed() || !ended && !t.Skipped() {
			fmt.Fprint(os.Stderr, corpusFile(args))
		}
	}()
	f.fn.Call(append([]reflect.Value{reflect.ValueOf(t)}, args...))
	ended = true
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
	var args []reflect.Value
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
			if _, err := binary.Decode(
				take(binary.Size(v.Interface())), binary.BigEndian, v.Addr().Interface(),
			); err != nil {
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

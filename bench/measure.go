package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// figures are the results of benchmarks by their name without the Benchmark in front: what each round has measured of
// each unit.
type figures map[string]map[string][]float64

// median returns the median of the rounds, NaN if there is none.
func (f figures) median(name, unit string) float64 { return median(f[name][unit]) }

// ratio returns the median of the ratios of the rounds.
func (f figures) ratio(name, base string) float64 {
	var ratios []float64
	a, b := f[name]["ns/op"], f[base]["ns/op"]
	for i := range min(len(a), len(b)) {
		ratios = append(ratios, a[i]/b[i])
	}
	return median(ratios)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// program is a test binary with benchmarks, or a program that prints as one.
type program struct {
	name  string
	build []string // run first; its last word is the directory or the file that has to be there
	needs string   // a file without which it is left out
	run   []string
}

// group is a part of the benchmarks that run alike.
type group struct {
	match     string
	cores     int
	rounds    int // at most
	benchtime string
}

// measure builds the programs, runs the rounds, and keeps what they print.
func (o options) measure(stdout io.Writer) (figures, error) {
	if err := os.MkdirAll(filepath.Dir(o.raw), 0o755); err != nil {
		return nil, err
	}
	raw, err := os.Create(o.raw)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	f := figures{}
	cores := runtime.NumCPU()
	for _, g := range []group{
		{"OneWay|PingPong|SetUp|Send|Message|Rotation|CatchUp|Script", 1, o.rounds, o.benchtime.String()},
		{"RoundTrip", cores, o.rounds, o.benchtime.String()},
		{"Growth", 1, 3, o.benchtime.String()},
		{"Suite", cores, 3, "1x"},
	} {
		var programs []program
		for _, p := range allPrograms() {
			if _, err := os.Stat(p.needs); err != nil {
				fmt.Fprintf(stdout, "bench: %s is not installed and left out: %v\n", p.name, err)
				continue
			}
			if p.name != "reference" && !strings.Contains(g.match, "OneWay") {
				continue
			}
			if out, err := exec.Command(p.build[0], p.build[1:]...).CombinedOutput(); err != nil {
				return nil, fmt.Errorf("%s: %w: %s", p.name, err, out)
			}
			programs = append(programs, p)
		}
		for round := range min(g.rounds, o.rounds) {
			fmt.Fprintf(stdout, "bench: %s: round %d of %d\n", g.match, round+1, min(g.rounds, o.rounds))
			for _, p := range programs {
				if err := p.round(g, raw, f); err != nil {
					return nil, err
				}
			}
		}
	}
	return f, nil
}

func allPrograms() []program {
	test := func(name, directory, needs string) program {
		binary := filepath.Join("..", "build", "bench-"+name)
		return program{
			name, []string{"go", "test", "-C", directory, "-c", "-o", abs(binary), "."}, needs, []string{abs(binary)},
		}
	}
	return []program{
		test("reference", ".", "go.mod"),
		test("libsignal-go", "../shims/libsignal-go", "../shims/libsignal-go/go.mod"),
		test("libolm", "../shims/libolm", "/usr/include/olm/olm.h"),
		{
			"libsignal-c",
			[]string{"make", "-C", "../shims/libsignal-c", "bench", "OUT=" + abs("../build/bench-libsignal-c")},
			"/usr/include/signal/signal_protocol.h", []string{abs("../build/bench-libsignal-c")},
		},
	}
}

func abs(path string) string {
	a, err := filepath.Abs(path)
	if err != nil {
		return path // the working directory is gone, and nothing works
	}
	return a
}

// round runs the benchmarks of a group once.
func (p program) round(g group, raw io.Writer, f figures) error {
	c := exec.Command(
		p.run[0], append(
			p.run[1:], "-test.run=^$", "-test.bench="+g.match, "-test.benchtime="+g.benchtime,
			fmt.Sprintf("-test.cpu=%d", g.cores), "-test.timeout=1h",
		)...,
	)
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", p.name, err, out)
	}
	if _, err := raw.Write(out); err != nil {
		return err
	}
	return f.read(p.name, string(out), g.cores)
}

// read takes in what a program has printed. With more than one core their number stands after each name.
func (f figures) read(program, out string, cores int) error {
	results := benchfmt.NewReader(strings.NewReader(out), program)
	for results.Scan() {
		r, ok := results.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		name := r.Name.String()
		if cores > 1 {
			name = strings.TrimSuffix(name, fmt.Sprintf("-%d", cores))
		}
		if f[name] == nil {
			f[name] = map[string][]float64{}
		}
		for _, v := range r.Values {
			unit, value := v.Unit, v.Value
			if v.OrigUnit != "" {
				unit, value = v.OrigUnit, v.OrigValue
			}
			f[name][unit] = append(f[name][unit], value)
		}
	}
	return results.Err()
}

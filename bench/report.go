package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// report is what was measured, on its way to docs/performance.md.
type report struct {
	options  options
	figures  figures
	commands []command
	memory   []sample
}

// target is a bound on a ratio.
type target struct {
	says     string
	of, base string
	most     float64 // or
	least    float64
}

func targets() []target {
	const v1, v3 = "/set=ambassador-v1/impl=", "/set=signal-v3/impl="
	all := []target{
		{says: "one-way message over its floor", of: "OneWay" + v1 + "reference", base: "OneWay" + v1 + "floor",
			most: 1.4},
		{says: "ping-pong over its floor", of: "PingPong" + v1 + "reference", base: "PingPong" + v1 + "floor",
			most: 1.15},
		{says: "set-up over its floor", of: "SetUp" + v1 + "reference", base: "SetUp" + v1 + "floor", most: 1.15},
	}
	for _, n := range []int{1, 2, 5, 20} {
		name := fmt.Sprintf("Message/own=%d/recipients=%d/impl=", n, n)
		all = append(
			all, target{
				says: fmt.Sprintf("ambassador message of %d devices to %d over its floor", n, n),
				of:   name + "reference", base: name + "floor", most: 1.3,
			},
		)
	}
	for _, n := range []int{1, 20} {
		name := fmt.Sprintf("Send/own=%d/recipients=%%d/impl=reference", n)
		all = append(
			all, target{
				says: fmt.Sprintf("sender's cost with %d own devices, 20 recipient devices over 1", n),
				of:   fmt.Sprintf(name, 20), base: fmt.Sprintf(name, 1), most: 1.03,
			},
		)
	}
	return append(all,
		target{says: "one-way: go.mau.fi/libsignal, live store, over the reference",
			of: "OneWay" + v3 + "libsignal-go-live", base: "OneWay" + v3 + "reference", least: 3},
		target{says: "ping-pong: go.mau.fi/libsignal, live store, over the reference",
			of: "PingPong" + v3 + "libsignal-go-live", base: "PingPong" + v3 + "reference", least: 1.7},
		target{says: "set-up: go.mau.fi/libsignal, live store, over the reference",
			of: "SetUp" + v3 + "libsignal-go-live", base: "SetUp" + v3 + "reference", least: 1.5},
		target{says: "target in the process over calls of the reference", of: "Script/impl=target",
			base: "Script/impl=reference", most: 1.05},
		target{says: "round trip of a shim over bare pipes", of: "RoundTrip/impl=shim",
			base: "RoundTrip/impl=bare-pipe", most: 2},
		target{says: fmt.Sprintf("suite on one target over %d at a time", runtime.NumCPU()),
			of: "Suite/tests=all/jobs=1", base: fmt.Sprintf("Suite/tests=all/jobs=%d", runtime.NumCPU()),
			least: 0.8 * float64(runtime.NumCPU())},
	)
}

// grown are the curves, in the order of the table.
var grown = []growth{
	{"conversation-by-messages", "a conversation", "messages",
		"each message costs the same; the set-up weighs at the small end"},
	{"message-by-devices", "a message", "devices of each account",
		"one record for each own device, one reading on each device"},
	{"message-by-conversations", "a message", "conversations of the device",
		"a step is made on a copy of the device, which holds a pointer for each conversation"},
	{"jump-by-skipped", "reading after a jump", "skipped messages",
		"one chain step and one stored key for each, up to MAX_SKIP"},
	{"reading-by-skipped", "reading all that was skipped", "skipped messages",
		"taking a stored key copies the list of the others, so that a refusal leaves no trace: quadratic in bytes " +
			"that are moved, and bounded by the number of keys that are kept"},
	{"search-by-bytes", "what an attacker reads in a copy", "bytes of the copy",
		"every 32 bytes in a row are tried as a key"},
	{"search-by-messages", "what an attacker reads in a copy", "messages of the trace",
		"every message is tried; a chain key is followed for 100 steps at most"},
	{"scenario-by-events", "a scenario with one theft", "events",
		"the one copy that is searched weighs at the small end"},
	{"scenario-by-events-and-thefts", "a scenario with a theft each 20 events", "events",
		"what was found in one copy is not looked for in the next"},
	{"suite-by-tests", "a run of session vectors", "tests",
		"the files are read and checked in a fifth of a second, before the first test"},
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Performance

Written by `+"`make bench`"+` (medians of %d rounds of %s; %s, %s, %d cores). Times of a machine mean little by themselves: read the ratios, which
are taken within a round. The **floor** is what the bare primitives of a step cost, with sizes as in the reference and nothing around
them ([bench/floor_test.go](../bench/floor_test.go)). Messages are 64 bytes. `+"`bench`"+` leaves its raw output in `+"`build/bench.txt`"+`, which benchstat reads.

## Targets

| what | is | target | |
|---|---|---|---|
`, r.options.rounds, r.options.benchtime, cpu(), runtime.Version(), runtime.NumCPU())
	r.targets(&b)
	b.WriteString("\n" + explanation + "\n## Messages and sessions\n")
	for _, s := range []string{"ambassador-v1", "signal-v3", "olm-v1"} {
		fmt.Fprintf(&b, "\n### %s\n\n", s)
		r.table(&b, []string{"OneWay", "PingPong", "SetUp"},
			func(work, impl string) string { return work + "/set=" + s + "/impl=" + impl }, r.implementations(s))
	}
	b.WriteString(`
One-way is a message within a chain, made and read. Ping-pong is a message and its answer, each with a new ratchet key. Set-up goes from
the bundle, whose signature is verified (Olm has none), to the reading of the first message, with a one-time prekey. libolm's figures hold cgo and base64, and
its allocations are those of Go alone. libsignal-protocol-c stores and loads its whole record at every step, as it always does.

## Devices

`)
	r.devices(&b)
	b.WriteString(`
An ambassador message is one entry, which every device of both accounts reads, and one record for each other device of the sender. The sum
holds all of them; the sender's part is what the device pays that a person holds in the hand. The post office is not in it. A catch-up is a second device that reads
what the first and the peer have said, half from each. A rotation draws 22 key pairs and signs thrice, whatever the number of devices.

`)
	r.harness(&b)
	b.WriteString(`
## What grows

| cost | with | from | to | exponent | at the end | |
|---|---|---|---|---|---|---|
`)
	r.grown(&b)
	b.WriteString(bounds)
	r.memoryOf(&b)
	return b.String()
}

// targets writes what was aimed at, and what it is.
func (r *report) targets(b *strings.Builder) {
	for _, t := range targets() {
		ratio := r.figures.ratio(t.of, t.base)
		bound, met := fmt.Sprintf("at most %.2f", t.most), ratio <= t.most
		if t.least > 0 {
			bound, met = fmt.Sprintf("at least %.2f", t.least), ratio >= t.least
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", t.says, number(ratio, "%.2f"), bound, reached(ratio, met))
	}
	for _, c := range r.commands {
		bound, met := "", ""
		if c.limit > 0 {
			bound, met = fmt.Sprintf("at most %.0f s", c.limit.Seconds()), reached(1, c.took <= c.limit)
		}
		fmt.Fprintf(b, "| %s | %.1f s | %s | %s |\n", c.name, c.took.Seconds(), bound, met)
	}
}

// grown writes the curves, and the sizes of states at their ends.
func (r *report) grown(b *strings.Builder) {
	for _, g := range grown {
		points := r.figures.line(g.curve, "ns/op")
		if len(points) == 0 {
			continue
		}
		fitted, last := exponent(points)
		first, end := points[0], points[len(points)-1]
		fmt.Fprintf(
			b, "| [%s](performance/%s.svg) | %s | %.0f: %s | %.0f: %s | %.2f | %.2f | %s |\n", g.cost, g.curve, g.by,
			first.x, duration(first.y), end.x, duration(end.y), fitted, last, g.says,
		)
	}
	b.WriteString(
		"\nThe exponent is that of the power which fits all points; at the end, of the last two. One is linear.\n\n",
	)
	b.WriteString("Sizes of exported states, in bytes:\n\n| state | | |\n|---|---|---|\n")
	for _, s := range []struct{ curve, state, by string }{
		{"conversation-by-messages", "a party with one session", "messages"},
		{"jump-by-skipped", "a ratchet state", "stored message keys"},
		{"message-by-devices", "a device", "devices of each account"},
		{"message-by-conversations", "a device", "conversations"},
	} {
		points := r.figures.line(s.curve, "state-B")
		if len(points) < 2 {
			continue
		}
		first, end := points[0], points[len(points)-1]
		fmt.Fprintf(b, "| %s | %.0f with %.0f %s | %.0f with %.0f |\n", s.state, first.y, first.x, s.by, end.y, end.x)
	}
}

// memoryOf writes what a campaign has had in memory.
func (r *report) memoryOf(b *strings.Builder) {
	if len(r.memory) == 0 {
		return
	}
	first, second := r.memory[:len(r.memory)/2], r.memory[len(r.memory)/2:]
	fmt.Fprintf(b, "\n## Memory of a run\n\nA campaign of %s on the reference, looked at %d times: resident %.0f to "+
		"%.0f MB in its first half, %.0f to %.0f MB in its second ([curve](performance/campaign-memory.svg)).\n",
		r.options.long, len(r.memory), least(first), most(first), least(second), most(second))
}

// bounds says what bounds a state.
const bounds = `
A ratchet state is bounded by its parameter set (SPEC.md 2.4, 5.5): in ambassador-v1 2000 stored keys of 40 bytes, 5 chains, and some 300 bytes besides.
A device keeps one session for each sibling and one for each conversation, 20 one-time prekeys in each of two publications, and at most 100 entries and 100
records of a conversation that wait for each other. While a sibling is silent it remembers the places of a conversation, at most 1000 of 104 bytes (SPEC.md 11.1).
`

func reached(ratio float64, met bool) string {
	switch {
	case math.IsNaN(ratio):
		return "not measured"
	case met:
		return "met"
	default:
		return "**missed**"
	}
}

// implementations lists who has done the work of a set, the floor and the reference first.
func (r *report) implementations(set string) []string {
	impls := []string{"floor", "reference"}
	for _, other := range []string{"libsignal-go-live", "libsignal-go-copy", "libsignal-c", "libolm"} {
		if r.figures["OneWay/set="+set+"/impl="+other] != nil {
			impls = append(impls, other)
		}
	}
	return impls
}

func (r *report) table(b *strings.Builder, works []string, name func(work, impl string) string, impls []string) {
	fmt.Fprintf(b, "| work | %s |\n|---|%s\n", strings.Join(impls, " | "), strings.Repeat("---|", len(impls)))
	for _, w := range works {
		cells := []string{}
		for _, i := range impls {
			cells = append(cells, r.cell(name(w, i), name(w, "floor")))
		}
		fmt.Fprintf(b, "| %s | %s |\n", w, strings.Join(cells, " | "))
	}
}

// cell is time, ratio to the floor, and allocations if there are any.
func (r *report) cell(name, floor string) string {
	ns := r.figures.median(name, "ns/op")
	if math.IsNaN(ns) {
		return ""
	}
	text := duration(ns)
	if name != floor {
		text += fmt.Sprintf(", ×%.2f", r.figures.ratio(name, floor))
	}
	if n := r.figures.median(name, "allocs/op"); !math.IsNaN(n) {
		text += fmt.Sprintf("; %.0f B, %.0f", r.figures.median(name, "B/op"), n)
	}
	return text
}

func (r *report) devices(b *strings.Builder) {
	b.WriteString(
		"| own devices | recipient's | sender's part: floor | reference | all devices: floor | reference " +
			"|\n|---|---|---|---|---|---|\n",
	)
	for _, own := range []int{1, 2, 5, 20} {
		for _, recipients := range []int{1, 2, 5, 20} {
			cells := []string{fmt.Sprint(own), fmt.Sprint(recipients)}
			for _, work := range []string{"Send", "Message"} {
				name := fmt.Sprintf("%s/own=%d/recipients=%d/impl=", work, own, recipients)
				cells = append(cells, r.cell(name+"floor", name+"floor"), r.cell(name+"reference", name+"floor"))
			}
			fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
		}
	}
	b.WriteString("\n| work | floor | reference |\n|---|---|---|\n")
	for _, n := range []int{1, 2, 5, 20} {
		name := fmt.Sprintf("Rotation/own=%d/impl=", n)
		fmt.Fprintf(
			b, "| rotation with %d devices | %s | %s |\n", n, r.cell(name+"floor", name+"floor"),
			r.cell(name+"reference", name+"floor"),
		)
	}
	for _, k := range []int{2, 10, 100} {
		name := fmt.Sprintf("CatchUp/missed=%d/impl=", k)
		fmt.Fprintf(
			b, "| catch-up of %d messages | %s | %s |\n", k, r.cell(name+"floor", name+"floor"),
			r.cell(name+"reference", name+"floor"),
		)
	}
}

// harness is what the suite itself costs.
func (r *report) harness(b *strings.Builder) {
	cores := runtime.NumCPU()
	b.WriteString("## The harness\n\n| work | | |\n|---|---|---|\n")
	for _, row := range []struct{ work, base, other, baseName, name string }{
		{"a script of 82 messages", "calls of the reference", "requests to the target in the process",
			"Script/impl=reference", "Script/impl=target"},
		{"a round trip", "bare pipes", "a shim", "RoundTrip/impl=bare-pipe", "RoundTrip/impl=shim"},
		{"the suite on the reference", fmt.Sprintf("%d targets at a time", cores), "one target",
			fmt.Sprintf("Suite/tests=all/jobs=%d", cores), "Suite/tests=all/jobs=1"},
	} {
		fmt.Fprintf(
			b, "| %s | %s: %s | %s: %s |\n", row.work, row.base, r.cell(row.baseName, row.baseName), row.other,
			r.cell(row.name, row.baseName),
		)
	}
}

func number(v float64, format string) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

func duration(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	case ns < 1e9:
		return fmt.Sprintf("%.2f ms", ns/1e6)
	default:
		return fmt.Sprintf("%.2f s", ns/1e9)
	}
}

func least(s []sample) float64 {
	return float64(slices.MinFunc(s, func(a, b sample) int { return int(a.bytes) - int(b.bytes) }).bytes) / 1e6
}

func most(s []sample) float64 {
	return float64(slices.MaxFunc(s, func(a, b sample) int { return int(a.bytes) - int(b.bytes) }).bytes) / 1e6
}

// cpu names the processor, where the system tells it as Linux does.
func cpu() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOOS + "/" + runtime.GOARCH
}

// write writes the page and the pictures.
func (r *report) write(docs, text string) error {
	pictures := filepath.Join(docs, "performance")
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return err
	}
	for _, g := range grown {
		if points := r.figures.line(g.curve, "ns/op"); len(points) > 0 {
			if err := draw(pictures, g, points); err != nil {
				return err
			}
		}
	}
	if err := drawMemory(pictures, r.memory); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(docs, "performance.md"), []byte(text), 0o644)
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"credence/conformance"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/report"
	"credence/shim/process"
)

const replayHelp = `usage: credence replay (--target reference | --shim 'COMMAND ARGS') [options] FILE

Runs a scenario (docs/scenarios.md) on a target, and prints its timeline, what the attacker of each state could read, what the
specification lets him read, and the verdict. --svg and --sequence draw it.

Exit status: 0 nothing is wrong; 1 something is; 2 usage, or the file is not a scenario; 3 the target could not be run at all.
`

func replay(args []string, stdout, stderr io.Writer) int {
	o := &runOptions{stdout: stdout, stderr: stderr}
	asJSON, times, pictures := false, 0, pictures{}
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	flags.StringVar(&o.target, "target", "", "run a built-in `target`: reference")
	flags.StringVar(&o.shim, "shim", "", "run the shim that this `command` starts")
	flags.Uint64Var(&o.seed, "seed", 1, "seed `n` of the randomness of the suite")
	flags.DurationVar(&o.timeout, "timeout", process.DefaultTimeout, "time `d` for one request to a shim")
	flags.IntVar(
		&times, "times", 1, "play it `n` times on one target, and print how its memory grows; the last time counts",
	)
	flags.BoolVar(&asJSON, "json", false, "JSON instead of text")
	flags.StringVar(&pictures.exposure, "svg", "", "draw who could read what, as SVG, to this `file`")
	flags.StringVar(
		&pictures.sequence, "sequence", "",
		"draw who sent what to whom, and the keys that each side has, as SVG, to this `file`",
	)
	err := parse(flags, args, replayHelp, 1, stdout)
	if err == nil && flags.NArg() == 0 {
		err = errors.New("replay takes the file of a scenario (see credence replay --help)")
	}
	if err == nil && times < 1 {
		err = fmt.Errorf("--times %d: at least 1", times)
	}
	if err == nil {
		err = errors.Join(o.checkTarget(), pictures.check())
	}
	if err != nil {
		return failed(stderr, err)
	}
	s, err := scenario.ReadFile(flags.Arg(0))
	if err != nil {
		return complain(stderr, usage, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p, err := o.plays(ctx, s, times)
	if err != nil {
		return o.noReport(ctx, err)
	}
	if err := errors.Join(printPlay(stdout, p, asJSON), pictures.draw(s, p)); err != nil {
		return complain(stderr, usage, err)
	}
	if p.Result.Status != verdict.Passed {
		return doesNotConform
	}
	return conforms
}

// plays plays a scenario a number of times. It returns what came of the last, or of the first that broke the target.
func (o *runOptions) plays(ctx context.Context, s *scenario.Scenario, times int) (play *verdict.Play, err error) {
	player, err := conformance.NewPlayer(ctx, conformance.Options{Seed: o.seed, Start: o.start})
	if err != nil {
		return nil, err
	}
	defer player.Close()
	for n := 1; n <= times; n++ {
		if play, err = player.Play(s); err != nil || play.Result.Status == verdict.Errored {
			return play, err
		}
		if used, ok := player.Memory(); ok && times > 1 && (n == times || n&(n-1) == 0) {
			fmt.Fprintf(o.stderr, "played %d times: the target has %d MiB\n", n, used>>20)
		}
	}
	return play, nil
}

// pictures are the files that the views of a scenario are drawn to; "" is none.
type pictures struct{ exposure, sequence string }

func (f pictures) check() error {
	if f.exposure != "" && filepath.Clean(f.exposure) == filepath.Clean(f.sequence) {
		return fmt.Errorf("--svg and --sequence cannot both go to %q", f.exposure)
	}
	return nil
}

func (f pictures) draw(s *scenario.Scenario, p *verdict.Play) error {
	return errors.Join(
		drawTo("--svg", f.exposure, s, p, report.Exposure), drawTo("--sequence", f.sequence, s, p, report.Sequence),
	)
}

func drawTo(
	option, path string, s *scenario.Scenario, p *verdict.Play,
	draw func(io.Writer, *scenario.Scenario, *verdict.Record) error,
) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	err := draw(&b, s, &p.Record)
	if err == nil {
		err = os.WriteFile(path, b.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", option, err)
	}
	return nil
}

// printPlay prints what a scenario has come to.
func printPlay(w io.Writer, p *verdict.Play, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(p)
	}
	out := bufio.NewWriter(w)
	line := func(format string, args ...any) { fmt.Fprintln(out, report.Line(fmt.Sprintf(format, args...))) }
	for i, l := range p.Lines {
		line("%4d  %s", i+1, l)
	}
	for _, c := range p.Compromises {
		line("")
		line("state of %s, copied in event %d:", c.Who, c.Event+1)
		if len(c.Exposed) == 0 {
			line("      opens nothing")
		}
		for _, e := range c.Exposed {
			line("      %-12s %s", e.Message, exposureText(e))
		}
	}
	line("")
	if r := p.Result; r.Status != verdict.Passed {
		line("%s (%s): %s", r.Status, r.Reason, r.Message)
		line("  expected  %s", r.Expected)
		line("  got       %s", r.Got)
		return out.Flush()
	}
	line("nothing is wrong: %d readings allowed, %d had", p.Allowed, p.Read)
	return out.Flush()
}

func exposureText(e verdict.Exposure) string {
	switch {
	case e.Read == "":
		return "may be read; it was not"
	case e.Allowed:
		return "may be read: " + e.Read
	}
	return fmt.Sprintf("MUST BE SECRET (%s), and was read: %s", e.Guarantee, e.Read)
}

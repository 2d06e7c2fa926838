package main

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// point is what x of something cost.
type point struct{ x, y float64 }

// line returns the points of a curve of BenchmarkGrowth in a unit, ascending.
func (f figures) line(curve, unit string) (points []point) {
	for name := range f {
		rest, ok := strings.CutPrefix(name, "Growth/of="+curve+"/x=")
		if !ok || len(f[name][unit]) == 0 {
			continue
		}
		x, err := strconv.ParseFloat(rest, 64)
		if err != nil {
			continue
		}
		if tests := f.median(name, "tests"); !math.IsNaN(tests) {
			x = tests // of which the benchmark was told a part
		}
		points = append(points, point{x, f.median(name, unit)})
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	return points
}

// exponent returns the e of the power x^e that fits the points best, and of the last two alone.
func exponent(points []point) (fitted, last float64) {
	var x, y []float64
	for _, p := range points {
		x, y = append(x, math.Log(p.x)), append(y, math.Log(p.y))
	}
	if len(x) < 2 {
		return math.NaN(), math.NaN()
	}
	n := len(x)
	_, fitted = stat.LinearRegression(x, y, nil, false)
	return fitted, (y[n-1] - y[n-2]) / (x[n-1] - x[n-2])
}

// growth is what the table says of a curve.
type growth struct {
	curve string // of BenchmarkGrowth
	cost  string
	by    string
	says  string // why it grows as it does
}

// draw writes a curve on scales with powers of ten.
func draw(directory string, g growth, points []point) error {
	p := plot.New()
	p.Title.Text = g.cost
	p.X.Label.Text, p.Y.Label.Text = g.by, "ms"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	var xys plotter.XYs
	for _, q := range points {
		xys = append(xys, plotter.XY{X: q.x, Y: q.y / 1e6})
	}
	return save(p, xys, filepath.Join(directory, g.curve+".svg"))
}

// decades returns the powers of ten around the points, so that every axis has two labels at least.
func decades(xys plotter.XYs, of func(plotter.XY) float64) (from, to float64) {
	from, to = math.Inf(1), 0
	for _, q := range xys {
		from, to = min(from, of(q)), max(to, of(q))
	}
	return math.Pow(10, math.Floor(math.Log10(from))), math.Pow(10, math.Ceil(math.Log10(to)))
}

// drawMemory writes the memory of a campaign over its time.
func drawMemory(directory string, samples []sample) error {
	p := plot.New()
	p.Title.Text = "memory of a campaign"
	p.X.Label.Text, p.Y.Label.Text = "s", "MB"
	p.Y.Min = 0
	var xys plotter.XYs
	for _, s := range samples {
		xys = append(xys, plotter.XY{X: s.after.Seconds(), Y: float64(s.bytes) / 1e6})
	}
	return save(p, xys, filepath.Join(directory, "campaign-memory.svg"))
}

func save(p *plot.Plot, xys plotter.XYs, file string) error {
	if len(xys) == 0 {
		return fmt.Errorf("%s: nothing was measured", file)
	}
	line, dots, err := plotter.NewLinePoints(xys)
	if err != nil {
		return err
	}
	line.Color, dots.Color = color.RGBA{0x1f, 0x4e, 0x79, 0xff}, color.RGBA{0x1f, 0x4e, 0x79, 0xff}
	p.BackgroundColor = color.White // also where pages are dark
	p.Title.Padding = vg.Points(6)
	p.Add(plotter.NewGrid(), line, dots)
	if _, powers := p.X.Scale.(plot.LogScale); powers {
		p.X.Min, p.X.Max = decades(xys, func(q plotter.XY) float64 { return q.X })
		p.Y.Min, p.Y.Max = decades(xys, func(q plotter.XY) float64 { return q.Y })
	}
	return p.Save(10*vg.Centimeter, 7*vg.Centimeter, file)
}

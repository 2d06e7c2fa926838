package main

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"credence/conformance"
	"credence/conformance/verdict"
	"credence/shim"
	"credence/shim/process"
)

// mutated are the packages that are mutated: those that SPEC.md is about. The others run them, or compare designs.
var mutated = []string{
	"account", "ambassador", "channel", "codec", "conversation", "params", "postoffice", "primitive", "ratchet",
	"session", "wire", "x3dh", "xeddsa",
}

// mutant is one small change of one file of the reference.
type mutant struct {
	path   string
	line   int
	change string // what became what
	text   []byte // of the whole file
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d: %s", m.path, m.line, m.change) }

// readMutants returns the mutants that match, as they are printed, and of these every so many.
func readMutants(match *regexp.Regexp, every int) (all []mutant, err error) {
	for _, name := range mutated {
		paths, err := filepath.Glob(filepath.Join("reference", name, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			of, err := mutantsOf(path, text)
			if err != nil {
				return nil, err
			}
			all = append(all, slices.DeleteFunc(of, func(m mutant) bool { return !match.MatchString(m.String()) })...)
		}
	}
	var chosen []mutant
	for i := 0; i < len(all); i += max(every, 1) {
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// swaps are the operators that are put in the place of others.
var swaps = map[token.Token][]token.Token{
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL}, token.LSS: {token.LEQ, token.GTR}, token.LEQ: {token.LSS},
	token.GTR: {token.GEQ, token.LSS}, token.GEQ: {token.GTR},
	token.LAND: {token.LOR}, token.LOR: {token.LAND}, token.ADD: {token.SUB}, token.SUB: {token.ADD},
	token.MUL: {token.QUO}, token.INC: {token.DEC},
}

// mutantsOf returns the mutants of a file: other operators, negated conditions, statements left out, other numbers.
// Functions that only describe an error are left alone.
func mutantsOf(path string, text []byte) (all []mutant, err error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, text, 0)
	if err != nil {
		return nil, err
	}
	add := func(pos, end token.Pos, instead string) {
		from, to := fset.Position(pos).Offset, fset.Position(end).Offset
		all = append(all, mutant{
			path, fset.Position(pos).Line, fmt.Sprintf("`%s` becomes `%s`", oneLine(text[from:to]), instead),
			slices.Concat(text[:from], []byte(instead), text[to:]),
		})
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			return n.Tok != token.IMPORT
		case *ast.BinaryExpr:
			for _, op := range swaps[n.Op] {
				add(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), op.String())
			}
		case *ast.IfStmt:
			if _, binary := n.Cond.(*ast.BinaryExpr); !binary {
				add(n.Cond.Pos(), n.Cond.End(),
					"!("+string(text[fset.Position(n.Cond.Pos()).Offset:fset.Position(n.Cond.End()).Offset])+")")
			}
		case *ast.IncDecStmt:
			for _, op := range swaps[n.Tok] {
				add(n.TokPos, n.TokPos+2, op.String())
			}
		case *ast.ExprStmt:
			if call, ok := n.X.(*ast.CallExpr); ok && !isPanic(call) {
				add(n.Pos(), n.End(), "")
			}
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				add(n.Pos(), n.End(), "")
			}
		case *ast.BasicLit:
			if v, err := strconv.ParseInt(n.Value, 0, 64); n.Kind == token.INT && err == nil {
				add(n.Pos(), n.End(), strconv.FormatInt(v+1, 10))
			}
		}
		return true
	})
	return all, nil
}

func isPanic(call *ast.CallExpr) bool {
	name, ok := call.Fun.(*ast.Ident)
	return ok && name.Name == "panic"
}

func oneLine(b []byte) string {
	s := strings.Join(strings.Fields(string(b)), " ")
	if len(s) > 90 {
		s = s[:90] + "…"
	}
	return s
}

// fate is what became of a mutant.
type fate string

const (
	killed   fate = "killed"
	survived fate = "SURVIVED"
	unviable fate = "does not build"
)

// mutate judges mutants, and prints those that survive.
func (o options) mutate(every int, stdout, stderr io.Writer) int {
	mutants, err := readMutants(o.match, every)
	if err != nil {
		fmt.Fprintln(stderr, "zoo:", err)
		return 2
	}
	var mutex sync.Mutex
	counts := map[fate]int{}
	next := make(chan mutant)
	var group sync.WaitGroup
	for range max(o.jobs, 1) {
		group.Go(func() {
			for m := range next {
				f, by, err := m.judge()
				mutex.Lock()
				counts[f]++
				switch {
				case err != nil:
					fmt.Fprintln(stderr, "zoo:", m, err)
				case f == survived:
					fmt.Fprintln(stdout, f, m)
				}
				if done := counts[killed] + counts[survived] + counts[unviable]; done%50 == 0 {
					fmt.Fprintf(stderr, "%d of %d: %v; the last by %s\n", done, len(mutants), counts, by)
				}
				mutex.Unlock()
			}
		})
	}
	for _, m := range mutants {
		next <- m
	}
	close(next)
	group.Wait()
	fmt.Fprintf(
		stdout, "%d mutants: %d killed, %d survived, %d do not build\n", len(mutants), counts[killed], counts[survived],
		counts[unviable],
	)
	return 0
}

// judge builds a mutant and runs the suite until something fails.
func (m mutant) judge() (f fate, by string, err error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	copied := filepath.Join(dir, m.path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(copied), 0o755), os.WriteFile(copied, m.text, 0o644)); err != nil {
		return "", "", err
	}
	binary, err := build(dir, m.path)
	if err != nil {
		return unviable, "", nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := conformance.Run(ctx, conformance.Options{
		Seed: 1, Jobs: 1,
		Progress: func(p conformance.Progress) {
			if by == "" && (p.Last.Status == verdict.Failed || p.Last.Status == verdict.Errored) {
				by = p.Last.ID
				cancel()
			}
		},
		Start: func(ctx context.Context) (shim.Target, error) {
			return process.Start(ctx, binary, process.Options{Timeout: 20 * time.Second})
		},
	})
	switch {
	case errors.Is(err, conformance.ErrTarget):
		return killed, "shim/hello", nil
	case by != "":
		return killed, by, nil
	case err != nil:
		return "", "", err
	case r.Summary.Failed+r.Summary.Errored == 0:
		return survived, "", nil
	}
	return killed, "", nil
}

package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
)

// change is one small change of the reference.
type change struct {
	id       int
	path     string
	line     int
	function string // that it is in, or the variable or constant that it declares
	was      string
	becomes  string
	nth      int  // of several that read the same in one function, from 2; otherwise 0
	removes  bool // a check or a statement is taken away
	// of SPEC.md, that the code cites at this place; of a function without such a place, that it cites above
	requirements []string
	// the whole file with the change, if it is in a declaration of constants, which no switch can reach
	constant string
}

// What takes a check or a statement away.
const (
	left    = "is left out"
	never   = "counts as false"
	dropped = "has its error dropped"
)

// key names a change whatever the lines around it.
func (c *change) key() string { return c.path + " " + c.function + ": " + c.what() }

// what says what becomes what.
func (c *change) what() string {
	text := fmt.Sprintf("`%s` %s", c.was, c.becomes)
	if c.nth > 1 {
		text += fmt.Sprintf(" (%d)", c.nth)
	}
	return text
}

func (c *change) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", c.path, c.line, c.function, c.what())
}

// form is how a site is switched.
type form int

const (
	value     form = iota // an expression that is computed in one of several ways
	statement             // a statement that is left out
	before                // a place before a statement, where a later one may be done
)

// site is a place in a file at which changes are switched.
type site struct {
	id       int
	from, to int // offsets
	form     form
	typ      string // of a value
	ways     []way
}

// way is what stands at a site while a change is switched on.
type way struct {
	change int
	text   string
}

// finder collects the changes of a file.
type finder struct {
	*source
	info     *types.Info
	function string
	stack    []ast.Node // around the node that is looked at
	sites    map[[3]int]*site
	all      *catalogue
}

// find looks at a node and all nodes in it.
func (f *finder) find(root ast.Node) {
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			f.stack = f.stack[:len(f.stack)-1]
			return true
		}
		if f.silent(n) {
			return false
		}
		f.look(n)
		f.stack = append(f.stack, n)
		return true
	})
}

// speechless are functions in whose arguments no change can be seen.
var speechless = []string{"fmt.Errorf", "fmt.Sprintf", "errors.New", "panic", "make", "new"}

// silent reports whether no change of a node can be seen: it is an import, a type, or makes the text of an error.
func (f *finder) silent(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok != token.VAR && n.Tok != token.CONST
	case *ast.FuncType, *ast.FieldList, *ast.ArrayType, *ast.MapType, *ast.StructType:
		return true
	case *ast.CallExpr:
		return slices.Contains(speechless, f.text(n.Fun))
	}
	return false
}

// look adds the changes of one node.
func (f *finder) look(n ast.Node) {
	if e, ok := n.(ast.Expr); ok {
		f.expression(e)
	}
	switch n := n.(type) {
	case *ast.FuncDecl:
		f.function = n.Name.Name
		if n.Recv != nil {
			f.function = strings.Trim(f.text(n.Recv.List[0].Type), "*") + "." + n.Name.Name
		}
	case *ast.ValueSpec:
		if f.declared() {
			f.function = n.Names[0].Name
		}
	case *ast.IfStmt:
		if !f.panics(n) {
			f.value(n.Cond, "false", never)
		}
		f.value(n.Cond, "true", "counts as true")
	case *ast.ForStmt:
		if n.Cond != nil {
			f.value(n.Cond, "false", "counts as false")
		}
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CaseClause:
		f.statements(n.Body)
	case *ast.ReturnStmt:
		f.tail(n)
	}
}

// statements adds, for the statements of a block, that one is left out, or is done before the check in front of it.
func (f *finder) statements(list []ast.Stmt) {
	for i, s := range list {
		if !f.removable(s) {
			continue
		}
		was := f.short(s)
		gone := f.add(s, was, left)
		ways := []way{{gone, ""}}
		if i > 0 && f.isCheck(list[i-1]) {
			early := f.add(s, was, "is done before the check in front of it")
			ways = append(ways, way{early, ""})
			f.at(list[i-1].Pos(), list[i-1].Pos(), before, "", way{early, f.text(s)})
		}
		f.at(s.Pos(), s.End(), statement, "", ways...)
	}
}

// removable reports whether a program without a statement builds: it declares nothing, and does not hold a lock.
func (f *finder) removable(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.AssignStmt:
		return s.Tok != token.DEFINE
	case *ast.IncDecStmt, *ast.BranchStmt:
		return true
	case *ast.DeferStmt:
		return !strings.HasSuffix(f.text(s.Call.Fun), "nlock")
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		return ok && !f.silent(call) && !strings.HasSuffix(strings.ToLower(f.text(call.Fun)), "lock")
	}
	return false
}

// isCheck reports whether a statement returns under a condition.
func (f *finder) isCheck(s ast.Stmt) bool {
	check, ok := s.(*ast.IfStmt)
	if !ok || check.Else != nil || len(check.Body.List) == 0 {
		return false
	}
	_, returns := check.Body.List[len(check.Body.List)-1].(*ast.ReturnStmt)
	return returns
}

// panics reports whether a condition is one that never holds: what it guards is a panic and nothing else.
func (f *finder) panics(s *ast.IfStmt) bool {
	if len(s.Body.List) != 1 {
		return false
	}
	e, ok := s.Body.List[0].(*ast.ExprStmt)
	return ok && strings.HasPrefix(f.text(e), "panic(")
}

// tail adds that the error of a call with which a function ends is dropped.
func (f *finder) tail(r *ast.ReturnStmt) {
	if len(r.Results) == 0 {
		return
	}
	last := r.Results[len(r.Results)-1]
	if call, ok := last.(*ast.CallExpr); ok && !f.silent(call) && f.typeOf(call) == "error" {
		f.value(call, "func() error { _ = "+f.text(call)+"; return nil }()", dropped)
	}
}

// add makes a change.
func (f *finder) add(n ast.Node, was, becomes string) int {
	return f.all.add(&change{
		path: f.path, line: f.line(n.Pos()), function: f.function, was: was, becomes: becomes,
		removes:      becomes == left || becomes == never || becomes == dropped,
		requirements: f.cited(n),
	})
}

// value adds that an expression is computed in another way; becomes says how, "" that it is the text.
func (f *finder) value(e ast.Expr, text, becomes string) {
	t := f.typeOf(e)
	if t == "" {
		return
	}
	if becomes == "" {
		becomes = "becomes `" + brief(text) + "`"
	}
	f.at(e.Pos(), e.End(), value, t, way{f.add(e, f.short(e), becomes), text})
}

// at adds ways to a site.
func (f *finder) at(from, to token.Pos, form form, typ string, ways ...way) {
	key := [3]int{f.offset(from), f.offset(to), int(form)}
	s := f.sites[key]
	if s == nil {
		s = &site{id: f.all.site(), from: key[0], to: key[1], form: form, typ: typ}
		f.sites[key] = s
	}
	s.ways = append(s.ways, ways...)
}

// typeOf returns the type of an expression as this file writes it, or "" if it has none, or none that can be written
// here.
func (f *finder) typeOf(e ast.Expr) string {
	tv, ok := f.info.Types[e]
	if lit, elided := e.(*ast.CompositeLit); elided && lit.Type == nil || !ok || tv.Type == nil || !tv.IsValue() {
		return ""
	}
	if _, tuple := tv.Type.(*types.Tuple); tuple || tv.Type == types.Typ[types.UntypedNil] {
		return ""
	}
	hidden := false
	text := types.TypeString(types.Default(tv.Type), func(p *types.Package) string {
		if p == f.pkg {
			return ""
		}
		name, ok := f.imports[p.Path()]
		hidden = hidden || !ok
		return name
	})
	if hidden {
		return ""
	}
	return text
}

// requirementID is how SPEC.md names a requirement.
var requirementID = regexp.MustCompile(`AMB-[A-Z]{3}-[0-9]{2}`)

// cited returns the requirements that a comment cites at the end of the line of a node or above it, otherwise those
// that the comment of the function cites.
func (f *finder) cited(n ast.Node) []string {
	line := f.line(n.Pos())
	for _, group := range f.file.Comments {
		if f.line(group.Pos()) == line || f.line(group.End()) == line-1 && f.line(group.Pos()) > 1 {
			if ids := requirementID.FindAllString(group.Text(), -1); ids != nil {
				return ids
			}
		}
	}
	for _, n := range f.stack {
		if d, ok := n.(*ast.FuncDecl); ok && d.Doc != nil {
			return requirementID.FindAllString(d.Doc.Text(), -1)
		}
	}
	return nil
}

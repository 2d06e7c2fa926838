package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// others are the operators that are put in the place of one.
var others = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR, token.ADD: token.SUB,
	token.SUB: token.ADD, token.MUL: token.ADD, token.QUO: token.MUL, token.REM: token.QUO, token.AND: token.OR,
	token.OR: token.AND, token.SHL: token.SHR, token.SHR: token.SHL,
}

// parts are what a careless comparison of bytes leaves out.
var parts = []string{"the first byte", "the last byte", "the last bit", "all but the first byte"}

// expression adds the changes of one expression.
func (f *finder) expression(e ast.Expr) {
	if tv := f.info.Types[e]; tv.Value != nil {
		f.constant(e, tv.Value)
		return
	}
	switch e := e.(type) {
	case *ast.BinaryExpr:
		f.binary(e)
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			f.value(e, f.text(e.X), "")
		}
	case *ast.CallExpr:
		f.call(e)
	case *ast.CompositeLit:
		f.composite(e)
	}
	f.narrow(e)
}

// constant adds that a constant is another one. What is inside of it is left alone.
func (f *finder) constant(e ast.Expr, v constant.Value) {
	if len(f.stack) > 0 {
		parent, ok := f.stack[len(f.stack)-1].(ast.Expr)
		if ok && f.info.Types[parent].Value != nil {
			return
		}
	}
	name, named := e.(*ast.Ident)
	switch {
	case v.Kind() == constant.Bool:
		f.value(e, fmt.Sprint(!constant.BoolVal(v)), "")
	case v.Kind() == constant.Int && f.integer(e) > 0 && !named && !f.isSelector(e):
		f.other(e, f.text(e)+" + 1")
		if constant.Sign(v) > 0 {
			f.other(e, f.text(e)+" - 1")
		}
	case v.Kind() == constant.Int && named && name.Name != "iota":
	case v.Kind() == constant.String && f.declared():
		f.other(e, f.text(e)+` + "x"`)
	}
}

func (f *finder) isSelector(e ast.Expr) bool { _, ok := e.(*ast.SelectorExpr); return ok }

// declared reports whether what is looked at stands in a declaration outside of functions.
func (f *finder) declared() bool {
	return !slices.ContainsFunc(f.stack, func(n ast.Node) bool { _, ok := n.(*ast.FuncDecl); return ok })
}

// other adds that a constant is another one, also where constants are declared.
func (f *finder) other(e ast.Expr, text string) {
	inConst := slices.ContainsFunc(f.stack, func(n ast.Node) bool {
		d, ok := n.(*ast.GenDecl)
		return ok && d.Tok == token.CONST
	})
	if !inConst {
		f.value(e, text, "")
		return
	}
	c := &change{
		path: f.path, line: f.line(e.Pos()), function: f.function, was: f.short(e), becomes: "becomes `" + text + "`",
		requirements: f.cited(e),
	}
	c.constant = f.code[:f.offset(e.Pos())] + text + f.code[f.offset(e.End()):]
	f.all.add(c)
}

// binary adds other operators, operands left out, and comparisons of a part.
func (f *finder) binary(e *ast.BinaryExpr) {
	x, y := f.text(e.X), f.text(e.Y)
	switch e.Op {
	case token.LAND, token.LOR:
		f.value(e, x, "")
		f.value(e, y, "")
	case token.EQL, token.NEQ:
		if !f.isCondition(e) {
			f.value(e, "!("+f.text(e)+")", "is negated")
		}
		f.partly(e, x, y)
	default:
		if other, ok := others[e.Op]; ok && f.basic(e.X)&types.IsString == 0 {
			f.value(e, x+" "+other.String()+" "+y, "")
		}
	}
}

// isCondition reports whether an expression is all of a condition, or an operand of one that is left out already.
func (f *finder) isCondition(e ast.Expr) bool {
	switch parent := f.stack[len(f.stack)-1].(type) {
	case *ast.IfStmt:
		return parent.Cond == e
	case *ast.BinaryExpr:
		return parent.Op == token.LAND || parent.Op == token.LOR
	}
	return false
}

// partly adds comparisons of a part of two values.
func (f *finder) partly(e *ast.BinaryExpr, x, y string) {
	not := ""
	if e.Op == token.NEQ {
		not = "!"
	}
	if size := f.integer(e.X); size > 1 && f.basic(e.X)&types.IsUnsigned != 0 && f.info.Types[e.Y].Value == nil {
		for _, t := range narrower(size) {
			f.value(e, fmt.Sprintf("%s(%s) %s %s(%s)", t, x, e.Op, t, y), "")
		}
	}
	if f.isBytes(f.info.TypeOf(e.X)) {
		for _, part := range parts {
			f.value(e, fmt.Sprintf("%sactive.Bytes(%s, %s, %q)", not, x, y, part), "leaves out "+part)
		}
	}
}

// call adds swapped arguments, and what is special about well-known functions.
func (f *finder) call(e *ast.CallExpr) {
	if f.info.Types[e.Fun].IsType() {
		return
	}
	switch name := f.text(e.Fun); name {
	case "bytes.Equal", "hmac.Equal":
		for _, part := range parts {
			text := fmt.Sprintf("active.Bytes(%s, %s, %q)", f.text(e.Args[0]), f.text(e.Args[1]), part)
			f.value(e, text, "leaves out "+part)
		}
		return
	case "subtle.ConstantTimeCompare":
		for _, part := range parts {
			f.value(e, fmt.Sprintf("func() int { if active.Bytes(%s, %s, %q) { return 1 }; return 0 }()",
				f.text(e.Args[0]), f.text(e.Args[1]), part), "leaves out "+part)
		}
		return
	case "min", "max":
		for _, a := range e.Args {
			f.value(e, f.text(a), "")
		}
		return
	case "bytes.Clone", "slices.Clone", "maps.Clone":
		f.value(e, f.text(e.Args[0]), "")
	}
	for i := 1; i < len(e.Args); i++ {
		f.swap(e, e.Args[i-1], e.Args[i])
	}
}

// swap adds that two arguments of one type change places.
func (f *finder) swap(call *ast.CallExpr, a, b ast.Expr) {
	t := f.typeOf(a)
	if t == "" || t != f.typeOf(b) || f.text(a) == f.text(b) || call.Ellipsis.IsValid() {
		return
	}
	id := f.add(call, f.short(call), fmt.Sprintf("has `%s` and `%s` swapped", f.short(a), f.short(b)))
	f.at(a.Pos(), a.End(), value, t, way{id, f.text(b)})
	f.at(b.Pos(), b.End(), value, t, way{id, f.text(a)})
}

// composite adds that a field is left out, or an element of a list.
func (f *finder) composite(e *ast.CompositeLit) {
	for i, element := range e.Elts {
		if kv, ok := element.(*ast.KeyValueExpr); ok {
			if t := f.typeOf(kv.Value); t != "" && f.info.Types[kv.Value].Value == nil {
				f.value(kv.Value, "*new("+t+")", "is zero")
			}
			continue
		}
		if _, list := f.info.TypeOf(e).Underlying().(*types.Slice); list && e.Type != nil {
			from, to := f.offset(element.Pos()), f.offset(e.Rbrace)
			if i+1 < len(e.Elts) {
				to = f.offset(e.Elts[i+1].Pos())
			}
			f.value(e, f.code[f.offset(e.Pos()):from]+f.code[to:f.offset(e.End())], "is without `"+f.short(element)+"`")
		}
	}
}

// narrow adds that a number that goes somewhere has fewer bits. An int is left alone: it is an index, or the length of
// something short.
func (f *finder) narrow(e ast.Expr) {
	size := f.integer(e)
	if size < 2 || f.basic(e)&types.IsUnsigned == 0 || len(f.stack) == 0 {
		return
	}
	switch parent := f.stack[len(f.stack)-1].(type) {
	case *ast.CallExpr:
		if parent.Fun == e || slices.Contains([]string{"min", "max"}, f.text(parent.Fun)) {
			return
		}
	case *ast.KeyValueExpr, *ast.ReturnStmt:
	case *ast.AssignStmt:
		if !slices.Contains(parent.Rhs, e) || parent.Tok == token.DEFINE {
			return
		}
	default:
		return
	}
	for _, t := range narrower(min(size, 4)) {
		f.value(e, fmt.Sprintf("%s(%s(%s))", f.typeOf(e), t, f.text(e)), "has the bits of a "+t)
	}
}

// narrower returns the types with fewer bits than an integer of a size in bytes.
func narrower(size int64) []string {
	types := []string{"uint8", "uint16", "uint32"}
	for i, s := range []int64{1, 2, 4} {
		if s >= size {
			return types[:i]
		}
	}
	return types
}

// integer returns the size of an integer in bytes, or 0 for what is none.
func (f *finder) integer(e ast.Expr) int64 {
	if f.basic(e)&types.IsInteger == 0 {
		return 0
	}
	t := types.Default(f.info.TypeOf(e))
	return types.SizesFor("gc", "amd64").Sizeof(t)
}

func (f *finder) basic(e ast.Expr) types.BasicInfo {
	t := f.info.TypeOf(e)
	if t == nil {
		return 0
	}
	b, ok := t.Underlying().(*types.Basic)
	if !ok {
		return 0
	}
	return b.Info()
}

// isBytes reports whether a type is an array or string of bytes.
func (f *finder) isBytes(t types.Type) bool {
	a, ok := t.Underlying().(*types.Array)
	return ok && types.Identical(a.Elem().Underlying(), types.Typ[types.Byte])
}

func brief(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 100 {
		return text[:100] + "…"
	}
	return text
}

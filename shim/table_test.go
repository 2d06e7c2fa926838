package shim_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/shim"
)

// Every constant of type Op has one entry in the table, and there are no others.
func TestEveryOperationHasAnEntry(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "operations.go", nil, 0)
	require.NoError(t, err)
	var declared []shim.Op
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Type == nil || len(v.Values) != 1 {
			return true
		}
		text, isText := v.Values[0].(*ast.BasicLit)
		if kind, ok := v.Type.(*ast.Ident); ok && kind.Name == "Op" && isText {
			declared = append(declared, shim.Op(strings.Trim(text.Value, `"`)))
		}
		return true
	})
	require.Equal(t, declared, shim.Ops, "the constants and the entries stand in the same order")
}

// goTypes are the types of Params and Result that can hold a kind of the table.
var goTypes = map[shim.Kind][]reflect.Type{
	shim.ByteString: {reflect.TypeFor[shim.Bytes](), reflect.TypeFor[*shim.Bytes]()},
	shim.Text:       {reflect.TypeFor[string]()},
	shim.Enum:       {reflect.TypeFor[string](), reflect.TypeFor[shim.MessageKind](), reflect.TypeFor[shim.Class]()},
	shim.Integer:    {reflect.TypeFor[int](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64]()},
	shim.Boolean:    {reflect.TypeFor[bool]()},
}

// requireHolds compares the members of an object with the struct that holds it, by their names in JSON, and notes those
// that it has seen.
func requireHolds(t *testing.T, members []shim.Member, holder reflect.Type, seen map[string]bool) {
	t.Helper()
	fields := map[string]reflect.Type{}
	for i := range holder.NumField() {
		name, _, _ := strings.Cut(holder.Field(i).Tag.Get("json"), ",")
		fields[name] = holder.Field(i).Type
	}
	for _, m := range members {
		require.Contains(t, fields, m.Name, "%v has no such field", holder)
		requireType(t, m.Name, m.Type, fields[m.Name])
		seen[m.Name] = true
	}
	for name := range fields {
		seen[name] = seen[name] || false
	}
}

func requireType(t *testing.T, name string, kind shim.Type, holder reflect.Type) {
	t.Helper()
	switch kind.Kind {
	case shim.Array:
		require.Equal(t, reflect.Slice, holder.Kind(), name)
		if kind.Items.Kind == shim.Text {
			require.Equal(t, reflect.String, holder.Elem().Kind(), name)
			return
		}
		requireType(t, name, *kind.Items, holder.Elem())
	case shim.Object:
		if holder.Kind() == reflect.Pointer {
			holder = holder.Elem()
		}
		seen := map[string]bool{}
		requireHolds(t, kind.Members, holder, seen)
		for member, used := range seen {
			require.True(t, used, "%s.%s is in no object of the table", name, member)
		}
	default:
		require.Contains(t, goTypes[kind.Kind], holder, name)
	}
}

// Params and Result have a field for every member of the table, of its kind, and no others.
func TestMembersHaveFields(t *testing.T) {
	params, results := map[string]bool{}, map[string]bool{}
	for _, o := range shim.Operations() {
		requireHolds(t, o.Params, reflect.TypeFor[shim.Params](), params)
		requireHolds(t, o.Result, reflect.TypeFor[shim.Result](), results)
	}
	for name, used := range params {
		require.True(t, used, "no operation has the parameter %s", name)
	}
	for name, used := range results {
		require.True(t, used, "no operation has the result %s", name)
	}
}

func TestEntries(t *testing.T) {
	secrecy := map[string]bool{}
	for _, o := range shim.Operations() {
		require.NotEmpty(t, o.Does, o.Op)
		for _, m := range slices.Concat(o.Params, o.Result) {
			secret, seen := secrecy[m.Name]
			require.True(t, !seen || secret == m.Secret, "%s is a secret elsewhere, or in %s only", m.Name, o.Op)
			secrecy[m.Name] = m.Secret
			require.True(t, !m.MayBeEmpty || m.Type.Kind == shim.ByteString && !m.Optional, "%s: %s", o.Op, m.Name)
			require.True(t, !m.Random || m.Optional && m.Secret, "%s: %s", o.Op, m.Name)
		}
		requireState(t, o)
	}
	for name, secret := range secrecy {
		require.Equal(t, secret, shim.IsSecret(name))
	}
}

// requireState checks that what works on a state names the party that has it, and an operation that exports it.
func requireState(t *testing.T, o shim.Operation) {
	t.Helper()
	has := func(members []shim.Member, name string) bool {
		return slices.ContainsFunc(members, func(m shim.Member) bool { return m.Name == name })
	}
	require.Equal(t, has(o.Params, "party"), o.State != "", o.Op)
	require.Equal(t, o.Op == o.State, has(o.Result, "state"), o.Op)
	require.True(t, !o.Imports || has(o.Params, "state"), o.Op)
	if o.State == "" {
		return
	}
	require.Contains(t, shim.Ops, o.State, o.Op)
	require.Equal(t, o.State, shim.ExportOf(o.State), o.Op)
	require.True(t, slices.ContainsFunc(shim.Operations(), func(other shim.Operation) bool {
		return other.Imports && other.State == o.State
	}), "what %s gives can be imported by none", o.State)
}

func TestNeeds(t *testing.T) {
	require.Equal(t, []string{"xeddsa", "x3dh", "ratchet", "channel", "ambassador", "postoffice"}, shim.Profiles())
	require.Nil(t, shim.Needs("invented"))
	require.Equal(t, [][]shim.Op{
		{shim.PartyNew, shim.SessionInitiate, shim.SessionRespond, shim.SessionEncrypt, shim.SessionDecrypt},
		{shim.SessionStart, shim.SessionEncrypt, shim.SessionDecrypt},
	}, shim.Needs("ratchet"))
	require.Equal(t, [][]shim.Op{shim.ByHandshake.Ops(), shim.BySecret.Ops()}, shim.Needs("ratchet"))
	require.Equal(t, [][]shim.Op{
		{shim.X3dhInitiate, shim.X3dhRespond}, {shim.PartyNew, shim.SessionInitiate, shim.SessionRespond},
	}, shim.Needs("x3dh"))
	require.Len(t, shim.Needs("ambassador")[0], 17)
	for _, profile := range shim.Profiles() {
		for _, ops := range shim.Needs(profile) {
			require.NotEmpty(t, ops, profile)
		}
	}
}

// What is asked of the table by the name of an operation, and that an unknown name asks for nothing.
func TestLookups(t *testing.T) {
	require.Equal(t, shim.DeviceExport, shim.ExportOf(shim.DeviceSend))
	require.Equal(t, shim.PartyExport, shim.ExportOf(shim.SessionLoad))
	require.Empty(t, shim.ExportOf(shim.XeddsaSign))
	require.Empty(t, shim.ExportOf("invented"))
	require.True(t, shim.IsImport(shim.ChannelImport))
	require.False(t, shim.IsImport(shim.SessionLoad))
	require.Equal(t, 12, shim.Patience(shim.RatchetAccumulate))
	require.Equal(t, 1, shim.Patience("invented"))
	require.False(t, shim.IsSecret("message"))
}

func TestComplete(t *testing.T) {
	var empty shim.Params
	text := func(op shim.Op, p shim.Params) string {
		b, err := json.Marshal(p.Complete(op))
		require.NoError(t, err)
		return string(b)
	}
	require.Equal(t, `{"plaintext":""}`, text(shim.SessionEncrypt, empty))
	require.Equal(t, `{"message":"","signature":""}`, text(shim.XeddsaVerify, empty))
	require.Equal(t, `{"plaintext":"01"}`, text(shim.SessionEncrypt, shim.Params{Plaintext: shim.Bytes{1}}))
	require.Equal(t, `{}`, text(shim.SessionDigest, empty))
	require.Equal(t, `{}`, text("invented", empty))
	require.Nil(t, empty.Plaintext, "the parameters of the caller stay as they are")
}

func TestInjects(t *testing.T) {
	key := shim.Bytes{1}
	for name, test := range map[string]struct {
		op       shim.Op
		p        shim.Params
		injected bool
	}{
		"random":              {shim.DeviceSend, shim.Params{Random: key}, true},
		"empty":               {shim.DeviceSend, shim.Params{Random: shim.Bytes{}}, false},
		"absent":              {shim.DeviceSend, shim.Params{Plaintext: key}, false},
		"list":                {shim.PartyNew, shim.Params{OneTimePrekeys: []shim.Bytes{key}}, true},
		"an input":            {shim.RatchetRoot, shim.Params{RatchetPrivate: key}, false},
		"initiator's key":     {shim.SessionStart, shim.Params{RatchetPrivate: key, Role: shim.Initiator}, true},
		"responder's prekey":  {shim.SessionStart, shim.Params{RatchetPrivate: key, Role: shim.Responder}, false},
		"of another":          {shim.SessionDigest, shim.Params{RatchetPrivate: key}, false},
		"invented operation":  {"invented", shim.Params{Random: key}, false},
		"key of the next one": {shim.SessionEncrypt, shim.Params{RatchetPrivate: key}, true},
	} {
		require.Equal(t, test.injected, test.p.Injects(test.op), name)
	}
}

func TestDescribe(t *testing.T) {
	p := shim.Params{Party: "a", State: shim.Bytes{1}}
	require.Equal(t, `party.import {"party":"a"}`, shim.Describe(shim.PartyImport, p))
	require.Equal(t, `session.load {"party":"a","state":"01"}`, shim.Describe(shim.SessionLoad, p))
	require.Equal(t, shim.Bytes{1}, p.State)
}

// sections are the sections of docs/shim-protocol.md by the operations in their headings.
func sections(t *testing.T) map[shim.Op]string {
	text, err := os.ReadFile("../docs/shim-protocol.md")
	require.NoError(t, err)
	found := map[shim.Op]string{}
	for _, section := range strings.Split(string(text), "\n### ")[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		body, _, _ = strings.Cut(body, "\n## ")
		for op := range strings.SplitSeq(heading, ", ") {
			found[shim.Op(op)] = body
		}
	}
	return found
}

// The document explains every operation, and names each of its parameters and results.
func TestDocument(t *testing.T) {
	found := sections(t)
	for _, o := range shim.Operations() {
		require.Contains(t, found, o.Op)
		if strings.HasPrefix(found[o.Op], "As party.export") {
			continue
		}
		for _, m := range slices.Concat(o.Params, o.Result) {
			require.Contains(t, found[o.Op], "`"+m.Name+"`", o.Op)
		}
		delete(found, o.Op)
	}
	for op := range found {
		require.Contains(t, shim.Ops, op, "a section of no operation")
	}
}

// The table of profiles in the document names what a profile needs.
func TestDocumentedProfiles(t *testing.T) {
	text, err := os.ReadFile("../docs/shim-protocol.md")
	require.NoError(t, err)
	for _, profile := range shim.Profiles() {
		_, row, found := strings.Cut(string(text), "\n| `"+profile+"` |")
		require.True(t, found, profile)
		needs, _, _ := strings.Cut(row, "|")
		for _, op := range slices.Concat(shim.Needs(profile)...) {
			family, _, _ := strings.Cut(string(op), ".")
			every := strings.Contains(needs, "`"+family+".*`")
			require.True(t, every || strings.Contains(needs, "`"+string(op)+"`"), "%s: %s", profile, op)
		}
	}
}

// The secrets by name: a name that leaves this list shows up in logs.
func TestSecrets(t *testing.T) {
	secrets := []string{
		"private_key", "identity_private", "signed_prekey_private", "one_time_prekey_private",
		"one_time_prekey_privates", "ephemeral_private", "ratchet_private", "random", "shared_secret", "root_key",
		"chain_key", "message_key", "state",
	}
	for _, o := range shim.Operations() {
		for _, m := range slices.Concat(o.Params, o.Result) {
			require.Equal(t, slices.Contains(secrets, m.Name), shim.IsSecret(m.Name), m.Name)
		}
	}
}

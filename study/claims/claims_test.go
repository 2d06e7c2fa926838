package claims_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"credence/study/claims"
	"credence/study/design"
)

var update = flag.Bool("update", false, "write docs/claims.md")

const docs = "../../docs/claims.md"

// What the documentation says is what is measured.
func TestDocumented(t *testing.T) {
	table, err := claims.Measure(claims.Contenders())
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, table.Markdown(&b))
	if *update {
		require.NoError(t, os.WriteFile(docs, b.Bytes(), 0o644))
	}
	have, err := os.ReadFile(docs)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(have), "docs/claims.md is not what is measured; -update writes it anew")
}

// column gives the cells of a contender.
func column(t *testing.T, c claims.Contender) map[string]string {
	table, err := claims.Measure([]claims.Contender{c})
	require.NoError(t, err)
	cells := map[string]string{}
	for _, r := range table.Rows {
		cells[r.Claim] = r.Cells[0].Value
	}
	return cells
}

// The ambassador keeps what SPEC.md 13 and 14 say.
func TestAmbassador(t *testing.T) {
	cells := column(t, claims.Contenders()[3])
	for claim, value := range map[string]string{
		"sends while the leader is offline": "yes", "device count hidden from the other side": "yes", "sending device hidden from the other side": "yes",
		"a change of devices is visible": "yes", "added or removed can be told apart": "no", "a single device can be addressed": "no",
		"forward secrecy: texts from before the theft that the thief reads":             "0",
		"the same, after the user has recovered":                                        "0",
		"post-compromise, the device is removed: texts of 6 that the thief still reads": "0",
	} {
		require.Equal(t, value, cells[claim], claim)
	}
}

// careless is client fan-out that keeps everything and shows everything.
type careless struct {
	design.Design
	texts []string
}

func (c *careless) Send(from design.Device, to, text string) (design.Cost, error) {
	c.texts = append(c.texts, text)
	return c.Design.Send(from, to, text)
}

func (c *careless) Steal(design.Device) (func() ([]string, error), error) {
	return func() ([]string, error) { return c.texts, nil }, nil
}

// Another design has other cells.
func TestMeasures(t *testing.T) {
	cells := column(t, claims.Contender{Name: "careless", Devices: 3, New: func(r io.Reader) design.Design { return &careless{Design: design.NewMultiplication(r)} }})
	require.Equal(t, "no", cells["device count hidden from the other side"])
	require.Equal(t, "yes", cells["a single device can be addressed"])
	require.Equal(t, "12", cells["forward secrecy: texts from before the theft that the thief reads"])
	require.Equal(t, "12", cells["post-compromise, the thief leaves: texts of 12 that he still reads"])
	require.Equal(t, "6", cells["post-compromise, the device is removed: texts of 6 that the thief still reads"])
}

// The text has a line for each row with the cells in the order of the designs, and JSON has the evidence too.
func TestRender(t *testing.T) {
	table := &claims.Table{Designs: []string{"one", "two"}, Rows: []claims.Row{
		{Claim: "keeps it", Cells: []claims.Cell{{Value: "yes", Evidence: "seen"}, {Value: "no", Evidence: "not seen"}}},
	}}
	var text, encoded bytes.Buffer
	require.NoError(t, table.Text(&text))
	require.Equal(t, "          one  two\nkeeps it  yes  no\n", text.String())
	require.NoError(t, table.JSON(&encoded))
	var again claims.Table
	require.NoError(t, json.Unmarshal(encoded.Bytes(), &again))
	require.Equal(t, table, &again)
}

// In every design the thief reads what comes next and nothing earlier, and after a recovery nothing more.
func TestTell(t *testing.T) {
	story, err := claims.Tell(claims.Contenders())
	require.NoError(t, err)
	require.Less(t, story.Theft, story.Recover)
	require.Less(t, story.Recover, len(story.Texts))
	recovers := map[string]bool{}
	for i, d := range story.Designs {
		require.Equal(t, claims.Contenders()[i].Name, d.Design)
		require.Len(t, d.Read, len(story.Texts), d.Design)
		require.NotContains(t, d.Read[:story.Theft], true, d.Design)
		require.True(t, d.Read[story.Theft], d.Design)
		if recovers[d.Design] = d.Recovers; d.Recovers {
			require.NotContains(t, d.Read[story.Recover:], true, d.Design)
		}
	}
	want := map[string]bool{"single device": false, "leader": false, "multiplication": false, "ambassador": true}
	require.Equal(t, want, recovers)
}

package offices

import (
	"fmt"
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/conversation"
	"credence/reference/postoffice"
	"credence/spec/refusal"
)

// crowd is the post office of the target with accounts whose devices commit anything. It reads neither parcels nor the
// messages of entries, so that these are made up; what it checks is genuine.
type crowd struct {
	*world.World
	all  []*puppet
	tips map[[32]byte]tip // where the logs stand, by h_0
}

// tip is the last entry of a log.
type tip struct {
	seq  uint64
	head [32]byte
}

// gathered returns a test in a crowd.
func gathered(run func(c *crowd)) func(w *world.World) {
	return func(w *world.World) { run(&crowd{World: w, tips: map[[32]byte]tip{}}) }
}

// tip returns where the log between two accounts stands.
func (c *crowd) tip(a, b account.ID) tip {
	first := conversation.FirstHead(a, b)
	if at, ok := c.tips[first]; ok {
		return at
	}
	return tip{head: first}
}

// stands notes that an entry was taken.
func (c *crowd) stands(m *postoffice.Commit) {
	e, err := conversation.ParseEntry(m.Entry)
	c.NoFault(err)
	c.tips[conversation.FirstHead(e.Sender, e.Recipient)] = tip{e.Seq, conversation.NextHead(e.Previous, m.Entry)}
}

// drawn draws bytes.
func (c *crowd) drawn(n int) []byte {
	b := make([]byte, n)
	c.Random.Read(b)
	return b
}

// message makes something of the form of a ratchet message (SPEC.md 5.6), with a ciphertext of more bytes than the
// least.
func (c *crowd) message(more int) []byte {
	const key, pn, n, tag = 32, 4, 4, 16
	b := append([]byte{codec.Version, byte(codec.TypeRatchetMessage)}, c.drawn(key)...)
	return append(append(b, make([]byte, pn+n)...), c.drawn(more+tag)...)
}

func (c *crowd) encoded(s codec.Struct) []byte {
	b, err := codec.Encode(s)
	c.NoFault(err)
	return b
}

// takes stops the test unless the post office takes a commit.
func (c *crowd) takes(m *postoffice.Commit) { c.Understood(c.Office.Append(c.encoded(m))) }

// refuses stops the test unless the post office refuses a commit, with the class, and nothing in any mailbox has
// changed (AMB-PST-01).
func (c *crowd) refuses(class refusal.Class, m *postoffice.Commit) {
	before := c.seen()
	err := c.Office.Append(c.encoded(m))
	if err == nil {
		c.Violation(verdict.AcceptedInvalid, "a commit that must be refused is taken", string(class), "taken")
	}
	if got := refusal.Of(err); got != "" && !refusal.SameFamily(got, class) {
		c.Violation(verdict.Mismatch, "refused for another reason", string(class), string(got))
	}
	var after []string
	c.Aside(func() { after = c.seen() })
	if !slices.Equal(before, after) {
		c.Violation(verdict.StateChanged, "a refused commit has changed a mailbox",
			fmt.Sprintf("%d mails as before", len(before)), fmt.Sprintf("%d mails", len(after)))
	}
}

// seen returns the mails of all devices, and of each account how many one-time prekeys are left.
func (c *crowd) seen() (all []string) {
	for _, p := range c.all {
		for _, d := range p.list.Devices {
			box, err := c.Office.Fetch(p.id, d.ID, 1)
			if len(p.published) == 0 {
				continue // it is not registered
			}
			c.Understood(err)
			all = append(all, fmt.Sprint(box.Prekeys))
			for _, m := range box.Mails {
				all = append(all, string(m))
			}
		}
	}
	return all
}

// tryAll is TryAll of suite.T, with accounts of its own for each stage.
func (c *crowd) tryAll(stage func() []suite.Trial) {
	c.T.TryAll(func() []suite.Trial {
		c.all = nil
		return stage()
	})
}

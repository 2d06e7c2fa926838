package claims

import "slices"

// Story is one conversation in every design: what the attacker of a state can read of it.
type Story struct {
	Texts   []Said   `json:"texts"`
	Theft   int      `json:"theft"`   // the state is stolen before this text
	Recover int      `json:"recover"` // and the user recovers before this one, where there is such a step
	Designs []Column `json:"designs"`
}

// Said is a text of the story.
type Said struct {
	From string `json:"from"`
	Text string `json:"text"`
}

// Column is what the attacker has in one design.
type Column struct {
	Design   string `json:"design"`
	Recovers bool   `json:"recovers"` // there is a step by which the user recovers
	Read     []bool `json:"read"`     // by text
}

// The lengths of the parts of the story, in texts.
const (
	beforeTheft = 4
	afterTheft  = 8
	recovered   = 4
)

// Tell runs the story in every design: some texts, a theft, more texts, a recovery if the design has one, and more.
func Tell(contenders []Contender) (*Story, error) {
	s := &Story{Theft: beforeTheft, Recover: beforeTheft + afterTheft}
	for _, c := range contenders {
		w := c.begin("story", 3)
		w.says(alice(0), "start")
		texts := w.conversation(c, beforeTheft, "before")
		read, err := w.Steal(c.stolen())
		w.must(err)
		texts = append(texts, w.conversation(c, afterTheft, "after")...)
		r, recovers := w.Design.(recoverer)
		if recovers {
			w.must(r.Recover("alice"))
		}
		texts = append(texts, w.conversation(c, recovered, "recovered")...)
		had := w.had(read, texts)
		if w.err != nil {
			return nil, w.err
		}
		column := Column{Design: c.Name, Recovers: recovers}
		s.Texts = nil
		for i, text := range texts {
			column.Read = append(column.Read, slices.Contains(had, text))
			s.Texts = append(s.Texts, Said{[]string{"bob", "alice"}[i%2], text})
		}
		s.Designs = append(s.Designs, column)
	}
	return s, nil
}

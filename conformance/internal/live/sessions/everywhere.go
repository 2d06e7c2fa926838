package sessions

import (
	"fmt"
	"reflect"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/reference/params"
	"credence/reference/wire"
	"credence/shim"
)

// everywhere are the tests of forgeries in every byte of a message, and of every length below its own.
func everywhere(set *params.Set) (tests []suite.Test) {
	for _, place := range []struct {
		name, of     string
		requirements []string
		genuine      func(p *pair.Pair) pair.Mail
	}{
		{"chain", "the running chain", []string{"AMB-RAT-15"}, (*pair.Pair).FromPeer},
		{"turn", "a new ratchet key", []string{"AMB-RAT-15", "AMB-RAT-17"}, underNewKey},
		{"skipped", "those that were skipped", []string{"AMB-RAT-15", "AMB-RAT-18"}, skipped},
		{"late", "an earlier chain", []string{"AMB-RAT-15", "AMB-RAT-18"}, skippedBefore},
	} {
		tests = append(tests, pair.Test("ratchet", set, "changed-"+place.name,
			"a bit of each byte of a message of "+place.of+" changed, and each of its beginnings: all are refused",
			append(place.requirements, "AMB-AEA-01", "AMB-WIR-02", "AMB-WIR-03"), suite.NeedsSession,
			triesAll(func(p *pair.Pair) []suite.Trial {
				p.OpenBoth(pair.Responds)
				m := place.genuine(p)
				return append(changes(p, "", m.Envelope.Body, pair.Raw), goesOn(p, m))
			})))
	}
	return append(tests, pair.Test("x3dh", set, "changed-initial",
		"a bit of each byte of the ratchet message in a first message changed, and each beginning of the ratchet "+
			"message and of the whole: all are refused",
		[]string{"AMB-X3D-11", "AMB-SES-04", "AMB-AEA-01", "AMB-WIR-02"}, suite.NeedsHandshake,
		triesAll(changedInitial)))
}

// changes are the trials of a ratchet message in which a bit of each byte is changed, another one in each, or whose end
// is missing; wrap makes a message of it that is brought to the target.
func changes(p *pair.Pair, what string, body []byte, wrap func(body []byte) *shim.Message) (trials []suite.Trial) {
	for at := range body {
		bits := []int{at % 8}
		if at == 0 || at >= len(body)-p.Set.TagSize { // all of the tag counts
			bits = []int{0, 7}
		}
		for _, bit := range bits {
			if changed := flipped(body, 8*at+bit); !sameMessage(p.Set, changed, body) {
				trials = append(trials, p.Refusal(fmt.Sprint(what, "bit ", bit, " of byte ", at), wrap(changed), ""))
			}
		}
	}
	tag, _ := wire.Field(p.Set, body, "tag")
	for n := range len(tag) { // in a frame that says so
		if changed, ok := wire.SetField(p.Set, body, "tag", tag[:n]); ok && wire.TagFramed(p.Set) {
			trials = append(trials, p.Refusal(fmt.Sprint(what, "a tag of ", n, " bytes"), wrap(changed), ""))
		}
	}
	for n := range body {
		trials = append(trials, p.Refusal(fmt.Sprint(what, "the first ", n, " bytes"), wrap(body[:n]), ""))
	}
	return trials
}

// sameMessage reports whether two messages have the same fields: the frames of omemo-2 are not authenticated.
func sameMessage(set *params.Set, a, b []byte) bool {
	was, err := wire.Parse(set, a)
	if err != nil {
		return false
	}
	is, err := wire.Parse(set, b)
	return err == nil && reflect.DeepEqual(was, is)
}

func changedInitial(p *pair.Pair) []suite.Trial {
	p.Open(pair.Responds)
	m := p.FromPeer()
	inner := p.Initial(m.Envelope).Message
	trials := changes(p, "", inner, func(body []byte) *shim.Message {
		return p.Rewrap(m.Envelope, func(i *wire.Initial) { i.Message = body })
	})
	for n := range m.Envelope.Body {
		cut := &shim.Message{Kind: shim.InitialMessage, Body: m.Envelope.Body[:n]}
		trials = append(trials, p.Refusal(fmt.Sprint("the first ", n, " bytes of the whole"), cut, ""))
	}
	return append(trials, goesOn(p, m))
}

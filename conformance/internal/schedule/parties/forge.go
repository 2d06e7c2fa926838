package parties

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"

	"credence/conformance/internal/schedule"
	"credence/conformance/scenario"
	"credence/conformance/verdict"
	"credence/reference/wire"
	"credence/shim"
)

// wrapping lists the parts of an initial message around its ratchet message.
var wrapping = []string{"identity", "ephemeral", "signed-prekey", "one-time-prekey"}

// forge brings a copy of a message with one part changed, which must be refused and change nothing.
func (p *player) forge(m *message, e scenario.Event) string {
	wrapped := slices.Contains(wrapping, e.Part)
	forge := p.forgeMessage
	if wrapped {
		forge = p.forgeWrapping
	}
	forged := forge(m, e)
	switch {
	case forged == nil:
		return schedule.DoesNotApply
	case m.starts():
		return p.refuses(shim.SessionRespond, m, forged, verdict.WasForged)
	case !m.to.ends.Empty() && !wrapped: // who has the session may leave the wrapping alone, and read the message in it
		return p.refuses(shim.SessionDecrypt, m, forged, verdict.WasForged)
	}
	return schedule.DoesNotApply
}

// forgeMessage returns a message with its ratchet message or a field of it changed. It returns nil if the message has
// no such part, or if the result says the same: the frames of omemo-2 are not authenticated.
func (p *player) forgeMessage(m *message, e scenario.Event) *shim.Message {
	part := func(name string) ([]byte, bool) { return p.part(p.message(name), e.Part) }
	value, ok := p.part(m, e.Part)
	if !ok {
		return nil
	}
	body, ok := e.Change.Apply(value, part)
	if ok && e.Part != "message" {
		body, ok = wire.SetField(p.Set, m.Body, e.Part, body)
	}
	if !ok || p.isGenuine(body) || p.parsesAs(body, m.Body) {
		return nil
	}
	if m.envelope.Kind != shim.InitialMessage {
		return &shim.Message{Kind: m.envelope.Kind, Body: body}
	}
	return p.Rewrap(m.envelope, func(i *wire.Initial) { i.Message = body })
}

// part returns a ratchet message or a field of it.
func (p *player) part(m *message, name string) ([]byte, bool) {
	switch {
	case m == nil:
		return nil, false
	case name == "message":
		return m.Body, true
	}
	return wire.Field(p.Set, m.Body, name)
}

// isGenuine reports whether a ratchet message is one that was sent.
func (p *player) isGenuine(body []byte) bool {
	return slices.ContainsFunc(p.messages, func(m *message) bool { return bytes.Equal(m.Body, body) })
}

// parsesAs reports whether a changed ratchet message has the same fields as the genuine one.
func (p *player) parsesAs(changed, genuine []byte) bool {
	was, err := wire.Parse(p.Set, genuine)
	if err != nil {
		return false
	}
	is, err := wire.Parse(p.Set, changed)
	return err == nil && reflect.DeepEqual(is, was)
}

// forgeWrapping returns an initial message with a part around its ratchet message changed. It returns nil if the
// message has no such part, or if the result says the same: the second encodings of keys are not authenticated.
func (p *player) forgeWrapping(m *message, e scenario.Event) *shim.Message {
	part := func(name string) ([]byte, bool) { return p.wrappingPart(p.message(name), e.Part) }
	value, ok := p.wrappingPart(m, e.Part)
	if !ok {
		return nil
	}
	changed, ok := e.Change.Apply(value, part)
	if !ok || p.isSameKey(e.Part, changed, value) {
		return nil
	}
	forged := p.Rewrap(m.envelope, func(i *wire.Initial) { setInitialPart(i, e.Part, changed) })
	if bytes.Equal(forged.Body, m.envelope.Body) {
		return nil
	}
	return forged
}

// wrappingPart returns a part of an initial message.
func (p *player) wrappingPart(m *message, name string) ([]byte, bool) {
	if m == nil || m.envelope.Kind != shim.InitialMessage {
		return nil, false
	}
	i, err := wire.ParseInitial(p.Set, m.envelope.Body)
	return initialPart(&i, name), err == nil
}

// isSameKey reports whether a changed key is another encoding of the genuine one.
func (p *player) isSameKey(part string, changed, genuine []byte) bool {
	if part != "identity" && part != "ephemeral" {
		return false
	}
	was, err := p.Set.Decode(genuine)
	if err != nil {
		return false
	}
	is, err := p.Set.Decode(changed)
	is[31] &= 0x7f // X25519 ignores it (RFC 7748, section 5)
	was[31] &= 0x7f
	return err == nil && is == was
}

// initialPart returns a part of an initial message. Prekeys are their ids, 4 bytes, or in Olm the key.
func initialPart(i *wire.Initial, part string) []byte {
	key, id := partOf(i, part)
	if key != nil {
		return *key
	}
	return binary.BigEndian.AppendUint32(nil, *id)
}

// setInitialPart changes a part of an initial message. Of an id the last 4 bytes count, after zeros if there are fewer.
func setInitialPart(i *wire.Initial, part string, value []byte) {
	key, id := partOf(i, part)
	if key != nil {
		*key = value
		return
	}
	*id = binary.BigEndian.Uint32(append(make([]byte, 4), value...)[len(value):])
}

// partOf returns where a part of an initial message is: a key or an id.
func partOf(i *wire.Initial, part string) (key *[]byte, id *uint32) {
	switch {
	case part == "identity":
		return &i.Identity, nil
	case part == "ephemeral":
		return &i.Ephemeral, nil
	case part == "signed-prekey":
		return nil, &i.SignedPrekeyID
	case i.OneTimePrekey != nil:
		return &i.OneTimePrekey, nil
	}
	return nil, &i.OneTimePrekeyID
}

package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"unicode/utf8"

	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/shim"
	"credence/shims/reference/adapter"
)

// liveState are the tests of what a target keeps.
func liveState(set *params.Set) []testCase {
	test := func(profile, name, comment string, requirements []string, needs func(h hello) string, run func(l *live) error) testCase {
		return liveCase(profile, set, name, comment, requirements, needs, run)
	}
	exports := func(h hello) string {
		if missing := needsSession(h); missing != "" {
			return missing
		}
		return lacks(h.exports(), "party.export and party.import")
	}
	injects := func(h hello) string {
		if missing := needsHandshakeAndExport(h); missing != "" {
			return missing
		}
		return lacks(h.Injects, "injection of private keys and randomness")
	}
	cases := []testCase{
		test("ratchet", "restart", "a restart after every message of five turns", []string{"AMB-STA-01"}, exports, restartsOften(responds)),
		test("ratchet", "restart-initiator", "a restart after every message of five turns, as initiator", []string{"AMB-STA-01"}, exports, restartsOften(initiates)),
		test("ratchet", "restart-before-answer", "a restart of the initiator between his first messages: both are initial messages", []string{"AMB-STA-01", "AMB-SES-01"}, needsHandshakeAndExport, restartsBeforeAnswer),
		test("ratchet", "restart-skipped", "late messages are read after a restart", []string{"AMB-STA-01", "AMB-RAT-12"}, exports, readsLateAfterRestart),
		test("ratchet", "replay-after-restart", "messages that were read are refused after a restart", []string{"AMB-RAT-11", "AMB-STA-01"}, exports, replaysAfterRestart),
		test("ratchet", "message-keys-deleted", "the keys of messages that were sent and read are not in the state", []string{"AMB-RAT-06"}, exports, deletesMessageKeys),
		test("x3dh", "ephemeral-deleted", "the private ephemeral key and the DH outputs are not in the initiator's state", []string{"AMB-X3D-08"}, injects, deletesEphemeral),
		test("x3dh", "opk-deleted", "the private one-time prekey is not in the state after its use", []string{"AMB-X3D-10"}, injects, deletesOneTimePrekey),
	}
	if set.ClosesChains {
		cases = append(cases, test("ratchet", "closed-chain-key-deleted", "the key of a receiving chain is not in the state after the next chain was opened", []string{"AMB-RAT-24"}, exports, deletesClosedChain))
	}
	if set.Lazy {
		cases = append(cases, test("ratchet", "fresh-key-after-restore", "two restores of one state take different ratchet keys: none was drawn when receiving", []string{"AMB-RAT-14"}, exports, drawsFreshKeys))
		cases = append(cases, test("ratchet", "receive-deterministic", "one state and one message give one state: no key is drawn when receiving", []string{"AMB-RAT-14"}, exports, receivesDeterministically))
	}
	return cases
}

func restartsOften(s setup) func(l *live) error {
	return func(l *live) error {
		if err := l.opened(s); err != nil {
			return err
		}
		for range 5 {
			if err := first(l.restart, l.sendToPeer, l.restart, l.sendToPeer, l.sendToPeer, l.restart, l.sendToTarget, l.restart, l.sendToTarget); err != nil {
				return err
			}
		}
		return nil
	}
}

func restartsBeforeAnswer(l *live) error {
	if err := l.open(initiates); err != nil {
		return err
	}
	one, err := l.fromTarget()
	if err != nil {
		return err
	}
	if err := l.restart(); err != nil {
		return err
	}
	other, err := l.fromTarget()
	if err != nil {
		return err
	}
	return first(func() error { return l.peerReads(other) }, func() error { return l.peerReads(one) }, l.sendToTarget, l.sendToPeer)
}

func readsLateAfterRestart(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	late, err := lateOfEarlierChain(l)
	if err != nil {
		return err
	}
	recent, err := skipped(l)
	if err != nil {
		return err
	}
	return first(l.restart, func() error { return l.read(late) }, l.restart, func() error { return l.read(recent) }, func() error { return l.turns(1) })
}

func replaysAfterRestart(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	late, err := lateOfEarlierChain(l)
	if err != nil {
		return err
	}
	recent, err := l.fromPeer()
	if err != nil {
		return err
	}
	return first(
		func() error { return l.read(late) }, func() error { return l.read(recent) }, l.restart,
		func() error { return l.refuses(late.envelope, "") }, func() error { return l.refuses(recent.envelope, "") },
		func() error { return l.turns(1) },
	)
}

// receivesDeterministically imports one state twice and reads one message under a new ratchet key in each.
func receivesDeterministically(l *live) error {
	if err := first(func() error { return l.opened(responds) }, l.sendToPeer); err != nil {
		return err
	}
	m, err := l.fromPeer()
	if err != nil {
		return err
	}
	before, err := l.export(shim.PartyExport, targetName)
	if err != nil {
		return err
	}
	var after [2][]byte
	for i := range after {
		if err := l.restore(before); err != nil {
			return err
		}
		if err := l.read(m); err != nil {
			return err
		}
		if after[i], err = l.export(shim.PartyExport, targetName); err != nil {
			return err
		}
	}
	if !bytes.Equal(after[0], after[1]) {
		return l.fail(Mismatch, "the same state and the same message give two states: a random value was drawn", "equal exports", fmt.Sprintf("exports of %d and %d bytes that differ", len(after[0]), len(after[1])))
	}
	return nil
}

// restore imports a state in the place of everything that the target has.
func (l *live) restore(state []byte) error {
	if err := reset(l.tester); err != nil {
		return err
	}
	_, err := l.must(shim.PartyImport, shim.Params{Set: l.set.Name, Party: targetName, State: state})
	return err
}

// drawsFreshKeys lets the target take a turn twice from one state.
func drawsFreshKeys(l *live) error {
	if err := l.opened(responds); err != nil {
		return err
	}
	state, err := l.export(shim.PartyExport, targetName)
	if err != nil {
		return err
	}
	var keys [2]primitive.PublicKey
	for i := range keys {
		if err := l.restore(state); err != nil {
			return err
		}
		m, err := l.fromTarget()
		if err != nil {
			return err
		}
		h, err := l.header(m)
		if err != nil {
			return err
		}
		keys[i] = h.Key
	}
	if keys[0] == keys[1] {
		return l.fail(Mismatch, "two restores of one state take the same new ratchet key", "a fresh key each time", hex.EncodeToString(keys[0][:]))
	}
	return nil
}

// deletesClosedChain knows the chain key from the peer's sending chain.
func deletesClosedChain(l *live) error {
	if err := first(func() error { return l.opened(responds) }, l.controlled); err != nil {
		return err
	}
	before, err := l.peerState()
	if err != nil {
		return err
	}
	if err := l.turns(1); err != nil {
		return err
	}
	return l.gone("the key of a closed chain", before.CKs)
}

// encodedInText is where the forms for use inside another form start in encodings.
const encodedInText = 5

// encodings are the forms in which a secret may stand in an export.
func encodings(secret []byte) [][]byte {
	e := [][]byte{secret, []byte(hex.EncodeToString(secret)), bytes.ToUpper([]byte(hex.EncodeToString(secret)))}
	e = append(e, jsonLatin1(secret, false), jsonLatin1(secret, true))
	for shift := range 3 { // base64 of the secret at every offset in a longer string
		padded := append(make([]byte, shift), secret...)
		encoded := base64.RawStdEncoding.EncodeToString(padded)
		inside := encoded[(shift*8+5)/6 : len(padded)*8/6]
		e = append(e, []byte(inside), []byte(base64.URLEncoding.EncodeToString(padded)[(shift*8+5)/6:len(padded)*8/6]))
	}
	return e
}

// jsonLatin1 gives bytes as a JSON text in which each stands for the character of its number, as libraries write them that
// have no other form for bytes; in ASCII only, or with the characters above it as they are.
func jsonLatin1(b []byte, ascii bool) []byte {
	short := map[byte]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	var out []byte
	for _, c := range b {
		switch {
		case short[c] != "":
			out = append(out, short[c]...)
		case c < 0x20 || ascii && c > 0x7e:
			out = fmt.Appendf(out, `\u%04x`, c)
		default:
			out = utf8.AppendRune(out, rune(c))
		}
	}
	return out
}

// holds tells whether an export holds a secret, in an encoding or in an encoding of an encoding (hexadecimal in JSON in
// base64, say).
func holds(export, secret []byte) bool {
	for _, outer := range encodings(secret) {
		if bytes.Contains(export, outer) || bytes.Contains(export, []byte(hex.EncodeToString(outer))) {
			return true
		}
		for _, inner := range encodings(outer)[encodedInText:] {
			if bytes.Contains(export, inner) {
				return true
			}
		}
	}
	return false
}

// notSearchable ends a test that would prove nothing: the export does not show what it must hold, so that it is encrypted,
// or in a form that is not known here.
func (l *live) notSearchable() error {
	return &verdict{status: Skipped, reason: Unsupported, message: "the target does not offer an export that can be searched: it hides even keys that it must hold"}
}

// controlled looks for a key that the state must hold: that of a message which is still to come.
func (l *live) controlled() error {
	state, err := l.peerState()
	if err != nil {
		return err
	}
	_, pending := primitive.KDFCK(state.CKs)
	if err := first(func() error { return l.skip(1) }, l.sendToTarget); err != nil {
		return err
	}
	export, err := l.export(shim.PartyExport, targetName)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(messageKeys(l.set, pending), func(k []byte) bool { return holds(export, k) }) {
		return l.notSearchable()
	}
	return nil
}

// gone fails if the target's state holds a secret that must be deleted.
func (l *live) gone(what string, secrets ...[]byte) error {
	state, err := l.export(shim.PartyExport, targetName)
	if err != nil {
		return err
	}
	for _, s := range secrets {
		if holds(state, s) {
			return l.fail(Mismatch, what+" is still in the exported state", "deleted", hex.EncodeToString(s))
		}
	}
	return nil
}

// messageKeys gives the message key and the keys that follow from it.
func messageKeys(set *params.Set, mk []byte) [][]byte {
	if set == params.AmbassadorV1 {
		return [][]byte{mk, primitive.HKDF(make([]byte, primitive.KeySize), mk, set.MessageInfo, 44)[:32]}
	}
	k := primitive.DeriveCBC(mk, set.MessageInfo)
	return [][]byte{mk, k.Encryption, k.MAC}
}

// deletesMessageKeys knows the keys of both directions from the peer's state.
func deletesMessageKeys(l *live) error {
	if err := first(func() error { return l.opened(responds) }, l.controlled); err != nil {
		return err
	}
	state, err := l.peerState()
	if err != nil {
		return err
	}
	_, read := primitive.KDFCK(state.CKs)
	if err := l.sendToTarget(); err != nil {
		return err
	}
	if err := l.gone("the key of a message that was read, or the chain key before it,", append(messageKeys(l.set, read), state.CKs)...); err != nil {
		return err
	}
	if state, err = l.peerState(); err != nil {
		return err
	}
	_, late := primitive.KDFCK(state.CKs)
	m, err := skipped(l)
	if err != nil {
		return err
	}
	if err := first(func() error { return l.read(m) }, func() error { return l.gone("the key of a message that was read late", messageKeys(l.set, late)...) }); err != nil {
		return err
	}
	if err := l.sendToPeer(); err != nil {
		return err
	}
	if m, err = l.fromTarget(); err != nil {
		return err
	}
	if state, err = l.peerState(); err != nil {
		return err
	}
	ck := state.Chains[len(state.Chains)-1].CK
	_, sent := primitive.KDFCK(ck)
	if err := l.peerReads(m); err != nil {
		return err
	}
	return l.gone("the key of a message that was sent, or the chain key before it,", append(messageKeys(l.set, sent), ck)...)
}

// newTargetWith makes the target's party with an injected key, and looks for it in the state, where it must be.
func (l *live) newTargetWith(p shim.Params, held []byte) error {
	p.Set, p.Party, p.RegistrationID = l.set.Name, targetName, l.registrationID()
	r, err := l.must(shim.PartyNew, p)
	if err != nil {
		return err
	}
	l.bundle = adapter.FromShim(r.Bundle)
	state, err := l.export(shim.PartyExport, targetName)
	if err != nil {
		return err
	}
	if !holds(state, held) {
		return l.notSearchable()
	}
	return nil
}

// deletesEphemeral injects the ephemeral key and looks for it.
func deletesEphemeral(l *live) error {
	if err := l.newPeer(initiates); err != nil {
		return err
	}
	identity, err := primitive.GeneratePrivate(l.random)
	if err != nil {
		return err
	}
	if err := l.newTargetWith(shim.Params{IdentityPrivate: identity.Bytes()}, identity.Bytes()); err != nil {
		return err
	}
	ek, err := primitive.GeneratePrivate(l.random)
	if err != nil {
		return err
	}
	b := l.peer.Bundle()
	p := shim.Params{Party: targetName, Peer: peerName, Bundle: adapter.ToShim(b), EphemeralPrivate: ek.Bytes()}
	if _, err := l.must(shim.SessionInitiate, p); err != nil {
		return err
	}
	l.started = true
	secrets := [][]byte{ek.Bytes()}
	for _, encoded := range [][]byte{b.SignedPrekey, b.OneTimePrekey} {
		if encoded == nil {
			continue
		}
		k, err := l.set.Decode(encoded)
		if err != nil {
			return err
		}
		dh, err := primitive.DH(ek, k)
		if err != nil {
			return err
		}
		secrets = append(secrets, dh)
	}
	m, err := l.fromTarget()
	if err != nil {
		return err
	}
	if err := l.wasInjected(m, ek.PublicKey().Bytes()); err != nil {
		return err
	}
	return first(func() error { return l.gone("the ephemeral key or a DH output", secrets...) }, func() error { return l.peerReads(m) })
}

// wasInjected makes sure that the target used the key that it was given: otherwise its absence would prove nothing.
func (l *live) wasInjected(m mail, ephemeral []byte) error {
	initial, err := wire.ParseInitial(l.set, m.envelope.Body)
	if err != nil {
		return l.fail(Mismatch, "the first message of the target cannot be parsed", "SPEC.md 6.1", err.Error())
	}
	return l.equal("ephemeral key that was injected", ephemeral, initial.Ephemeral[len(l.set.KeyPrefix):])
}

// deletesOneTimePrekey injects a one-time prekey, sees that the state holds it, uses it, and looks for it.
func deletesOneTimePrekey(l *live) error {
	if err := l.newPeer(responds); err != nil {
		return err
	}
	opk, err := primitive.GeneratePrivate(l.random)
	if err != nil {
		return err
	}
	if err := l.newTargetWith(shim.Params{OneTimePrekeys: []shim.Bytes{opk.Bytes()}}, opk.Bytes()); err != nil {
		return err
	}
	if err := l.equal("one-time prekey that was injected", l.set.Encode(primitive.Public(opk)), l.bundle.OneTimePrekey); err != nil {
		return err
	}
	if err := l.peer.Initiate(targetName, l.bundle, l.random); err != nil {
		return err
	}
	return first(l.sendToTarget, func() error { return l.gone("the one-time prekey that was used", opk.Bytes()) }, l.sendToPeer)
}

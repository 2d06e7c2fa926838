package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"strings"

	"credence/internal/malicious"
	"credence/reference/account"
	"credence/reference/channel"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/shim"
	"credence/shims/reference/adapter"
	"credence/spec/refusal"
	"credence/vectors"
)

// ambassadorFile holds the tests of SPEC.md 7 to 12: encodings, signatures, the transcript hash, and scenarios.
func ambassadorFile() (*vectors.File, error) {
	f := newFile(
		"Ambassador",
		"Structures of the Ambassador protocol and their malformed neighbours, signatures, the transcript hash "+
			"(SPEC.md 7 to 12),",
		"and scenarios: every byte that devices send, every mail, and the digests after it, with the randomness of "+
			"each device.")
	samples, err := makeSamples()
	if err != nil {
		return nil, err
	}
	decode := newGroup(f, "ambassador", account.Set, shim.AmbassadorDecode)
	for _, s := range samples {
		decode.encodings(s)
	}
	cut := map[codec.Type]bool{}
	for _, s := range samples {
		decode.numberedStructures(s)
		if !cut[s.kind] || s.name == "record-rotate-commit" {
			decode.borders(s)
		}
		cut[s.kind] = true
		if s.kind == codec.TypeMessageEntry || s.kind == codec.TypeStartEntry {
			decode.sizedEntries(s)
		}
	}
	if err := decode.done(); err != nil {
		return nil, err
	}
	for _, group := range []func(*vectors.File, map[string]sample) error{verifyGroup, logGroups} {
		byName := map[string]sample{}
		for _, s := range samples {
			byName[s.name] = s
		}
		if err := group(f, byName); err != nil {
			return nil, err
		}
	}
	for _, s := range samples {
		if s.kind == codec.TypeMessageEntry {
			if err := alikeLogs(f, s); err != nil {
				return nil, err
			}
		}
	}
	if err := scenarios(f); err != nil {
		return nil, err
	}
	if err := channelScenarios(f); err != nil {
		return nil, err
	}
	return f, officeScenarios(f)
}

// sample is an encoded structure.
type sample struct {
	name    string
	kind    codec.Type
	encoded []byte
}

// makeSamples lets two accounts talk and keeps one structure of each kind.
func makeSamples() ([]sample, error) {
	s := newScene("samples", "", nil)
	bob := s.other()
	b := bob.Device.Account()
	s.register("phone")
	s.do(shim.DeviceNew, shim.Params{Party: "laptop"})
	offer := s.do(shim.DeviceOffer, shim.Params{Party: "phone"}).Message
	request := s.do(shim.DeviceRequest, shim.Params{Party: "laptop", Message: offer}).Message
	rotation := s.do(shim.DeviceRotate, shim.Params{Party: "phone", Message: request}).Message
	s.append(rotation)
	s.deliver("phone", "laptop")
	bundle, err := s.office.Bundle(b)
	s.fail(err)
	start := s.tentative("laptop", b, "first")
	s.append(start)
	s.deliver("laptop", "phone")
	entry := s.tentative("phone", b, "second")
	s.append(entry)
	mail := s.last("laptop")
	records := s.do(shim.DeviceAck, shim.Params{Party: "phone"}).Message
	s.deliver("laptop", "phone")
	s.do(shim.DeviceNew, shim.Params{Party: "tablet"})
	second := s.do(
		shim.DeviceRequest,
		shim.Params{Party: "tablet", Message: s.do(shim.DeviceOffer, shim.Params{Party: "phone"}).Message},
	).Message
	s.rotate("phone", shim.Params{Message: second})
	s.deliver("phone", "laptop", "tablet")
	both := s.do(shim.DeviceAck, shim.Params{Party: "phone"}).Message
	c := &postoffice.Commit{}
	s.fail(codec.Decode(rotation, c))
	startCommit, entryCommit := &postoffice.Commit{}, &postoffice.Commit{}
	s.fail(codec.Decode(start, startCommit))
	s.fail(codec.Decode(entry, entryCommit))
	if s.err != nil {
		return nil, s.err
	}
	samples := []sample{
		{"epoch-statement", codec.TypeEpochStatement, codec.MustEncode(&c.Rotation.Statement)},
		{"device-list", codec.TypeDeviceList, codec.MustEncode(&c.Rotation.List)},
		{"bundle", codec.TypeBundle, bundle},
		{"bundle-without-one-time-prekey", codec.TypeBundle, withoutOneTimePrekey(bundle)},
		{"publication", codec.TypePublication, codec.MustEncode(&c.Rotation.Publication)},
		{"start-entry", codec.TypeStartEntry, startCommit.Entry},
		{"message-entry", codec.TypeMessageEntry, entryCommit.Entry},
		{"commit-rotate", codec.TypeCommit, rotation},
		{"commit-entry", codec.TypeCommit, entry},
		{"commit-records", codec.TypeCommit, records},
		{"commit-records-two", codec.TypeCommit, both},
		{"link-request-two", codec.TypeLinkRequest, second},
		{"link-offer", codec.TypeLinkOffer, offer},
		{"link-request", codec.TypeLinkRequest, request},
		{"mail", codec.TypeMail, mail},
		{"mail-rotation", codec.TypeMail, rotationMail(mail)},
	}
	return append(samples, recordSamples(s, c, bundle)...), nil
}

func withoutOneTimePrekey(bundle []byte) []byte {
	return append(bytes.Clone(bundle[:len(bundle)-36]), make([]byte, 36)...)
}

// rotationMail returns a mail with two cuts and no entry.
func rotationMail(mail []byte) []byte {
	m := &postoffice.Mail{}
	if err := codec.Decode(mail, m); err != nil {
		panic(err) // it is genuine
	}
	m.Entry = nil
	m.Cuts = []channel.Head{
		{Peer: account.ID(secret("peer")), Seq: 7, Head: [32]byte(secret("head"))},
		{Peer: account.ID(bytes.Repeat([]byte{0xee}, 32)), Seq: 1, Head: [32]byte(secret("another head"))},
	}
	return codec.MustEncode(m)
}

// recordSamples returns a record of each kind.
func recordSamples(s *scene, c *postoffice.Commit, bundle []byte) []sample {
	head := channel.Head{Peer: account.ID(secret("peer")), Seq: 7, Head: [32]byte(secret("head"))}
	later := channel.Head{
		Peer: account.ID(bytes.Repeat([]byte{0xee}, 32)), Seq: 1, Head: [32]byte(secret("another head")),
	}
	claim := channel.Claim{Head: head, Digest: [32]byte(secret("digest"))}
	prekey := c.Rotation.List.Devices[0].Prekey
	sent := channel.Sent{
		Peer: head.Peer, Seq: 7, Head: head.Head, Digest: claim.Digest, RatchetPrivate: [32]byte(key("ratchet")),
	}
	started := sent
	started.Secret, started.Bundle = secret("SK"), bundle
	private := channel.Prekeys{SignedPrekeyID: 2, SignedPrekeyPrivate: [32]byte(key("spk")), FirstOneTimeID: 21}
	for i := range private.OneTimePrivates {
		private.OneTimePrivates[i] = [32]byte(key(fmt.Sprintf("opk %d", i)))
	}
	rotate := &channel.Rotate{
		List: c.Rotation.List, Statement: c.Rotation.Statement, AmbassadorPrivate: [32]byte(key("ambassador")),
		Prekeys: private, Unread: []channel.Unread{
			{Peer: head.Peer, Ranges: []channel.Range{{First: 3, Last: 3}, {First: 5, Last: 7}}},
			{Peer: later.Peer, Ranges: []channel.Range{{First: 1, Last: 1}}},
		},
	}
	var samples []sample
	for _, r := range []struct {
		name string
		channel.Record
	}{
		{"sent", channel.Record{Kind: channel.KindSent, Sent: &sent}},
		{"sent-start", channel.Record{Kind: channel.KindSent, Sent: &started}},
		{"ack", channel.Record{
			Kind: channel.KindAck, Ack: &channel.Ack{Claims: []channel.Claim{claim, {Head: later}}, Prekey: prekey},
		}},
		{"ack-without-claims", channel.Record{Kind: channel.KindAck, Ack: &channel.Ack{Prekey: prekey}}},
		{"prekeys", channel.Record{Kind: channel.KindPrekeys, Prekeys: &private}},
		{"list", channel.Record{Kind: channel.KindList, List: &c.Rotation.List}},
		{"rotate-prepare",
			channel.Record{Kind: channel.KindPrepare, Prepare: &channel.Prepare{Nonce: [32]byte(secret("nonce"))}}},
		{"rotate-ready",
			channel.Record{
				Kind: channel.KindReady, Ready: &channel.Ready{Nonce: [32]byte(secret("nonce")), Prekey: prekey},
			}},
		{"rotate-commit", channel.Record{Kind: channel.KindRotate, Rotate: rotate}},
		{"resend-request",
			channel.Record{Kind: channel.KindResendRequest, Resend: &channel.ResendRequest{Peer: head.Peer, Seq: 7}}},
	} {
		r.Account, r.Epoch = s.id("phone"), 2
		r.Sender, r.Receiver = account.DeviceID(s.device("phone")), account.DeviceID(s.device("laptop"))
		samples = append(samples, sample{"record-" + r.name, codec.TypeRecord, codec.MustEncode(&r.Record)})
	}
	return samples
}

// encodings adds a structure and its malformed neighbours.
func (g *group) encodings(s sample) {
	input := func(b []byte) shim.Params { return shim.Params{Type: int(s.kind), Message: b} }
	g.valid(test{s.name, "a genuine structure", nil, []string{"AMB-ENC-01"}, input(s.encoded)})
	bad := func(what, comment string, b []byte) {
		g.invalid(refusal.Malformed,
			test{s.name + "-" + what, comment, []string{"Encoding"}, []string{"AMB-ENC-02"}, input(b)})
	}
	changed := func(at int, v byte) []byte {
		b := bytes.Clone(s.encoded)
		b[at] = v
		return b
	}
	bad("empty", "no bytes", []byte{})
	bad("truncated", "the last byte is missing", s.encoded[:len(s.encoded)-1])
	bad("half", "the second half is missing", s.encoded[:len(s.encoded)/2])
	bad("longer", "one byte more", append(bytes.Clone(s.encoded), 0))
	bad("version-0", "version 0", changed(0, 0))
	bad("version-2", "version 2", changed(0, 2))
	bad("type", "the type of another structure", changed(1, s.encoded[1]%13+1))
	for _, n := range neighbours(s) {
		bad(n.name, n.comment, n.encoded)
	}
}

// neighbour is a structure that breaks one rule.
type neighbour struct {
	name, comment string
	encoded       []byte
}

// neighbours returns what breaks a rule of the structure itself. Fields are found by their names, so that the offsets
// follow the structure.
func neighbours(s sample) []neighbour {
	f := layout(s)
	var all []neighbour
	add := func(field, name, comment string, value ...byte) {
		at, ok := f[field]
		if !ok {
			panic("no field " + field + " in " + s.name) // a fault of this program
		}
		b := bytes.Clone(s.encoded)
		copy(b[at:], value)
		all = append(all, neighbour{name, comment, b})
	}
	zero := func(n int) []byte { return make([]byte, n) }
	switch {
	case s.name == "epoch-statement":
		add("epoch", "epoch-0", "epoch 0", zero(4)...)
	case s.name == "device-list":
		add("epoch", "epoch-0", "epoch 0", zero(4)...)
		add("leader", "leader-unknown", "the leader is not on the list", secret("nobody")...)
		add("devices[0].device", "order", "devices in descending order", bytes.Repeat([]byte{0xff}, 32)...)
		add("devices[0].device", "twice", "a device twice", s.encoded[f["devices[1].device"]:][:32]...)
		add("devices[0].status", "status-0", "status 0", 0)
		add("devices[0].status", "status-3", "status 3", 3)
		add("devices[0].prekey_id", "prekey-0", "prekey id 0", zero(4)...)
		leader := 0
		if bytes.Equal(s.encoded[f["leader"]:][:32], s.encoded[f["devices[1].device"]:][:32]) {
			leader = 1
		}
		add(fmt.Sprintf("devices[%d].status", leader), "leader-pending", "the leader is pending", 2)
	case s.name == "bundle":
		add("signed_prekey_id", "signed-prekey-0", "signed prekey id 0", zero(4)...)
		add("one_time_prekey_id", "one-time-prekey-0", "a one-time prekey with id 0", zero(4)...)
		add("one_time_prekey", "one-time-prekey-absent", "an id with a zero key", zero(32)...)
		add("statement.epoch", "epoch-0", "epoch 0", zero(4)...)
		add("statement.type", "inner-type", "the statement is of another type", 6)
	case s.name == "publication":
		add("signed_prekey_id", "signed-prekey-0", "signed prekey id 0", zero(4)...)
		add("first_one_time_prekey_id", "one-time-prekey-0", "first one-time prekey id 0", zero(4)...)
		add("first_one_time_prekey_id", "one-time-prekey-end", "ids that pass the end of the counter", 0xff,
			0xff, 0xff,
			0xf0)
	case strings.HasSuffix(s.name, "-entry") && s.kind != codec.TypeCommit:
		add("seq", "seq-0", "seq 0", zero(8)...)
		add("recipient", "to-itself", "sender and recipient are the same", s.encoded[f["sender"]:][:32]...)
		add("message", "message-length", "a length of the message above what is left", 0xff)
		if s.kind == codec.TypeStartEntry {
			add("statement.account", "statement-account", "the statement of another account", secret("nobody")...)
			add("statement.epoch", "statement-epoch", "a statement of another epoch", 0, 0, 0, 9)
			add("signed_prekey_id", "signed-prekey-0", "signed prekey id 0", zero(4)...)
		}
	case s.kind == codec.TypeCommit:
		add("kind", "kind-0", "kind 0", 0)
		add("kind", "kind-6", "kind 6", 6)
		add("number", "number-0", "number 0", zero(8)...)
		add("parcels[0].body", "parcel-length", "a parcel longer than the list", 0xff)
	case s.kind == codec.TypeRecord:
		add("kind", "kind-0", "kind 0", 0)
		add("kind", "kind-9", "kind 9", 9)
	}
	if s.kind == codec.TypeRecord {
		bare := bytes.Clone(s.encoded[:f["receiver"]+32])
		bare[2] = 9
		all = append(all, neighbour{"kind-9-bare", "kind 9 without a body", bare})
	}
	for name, first := range map[string]string{
		"record-ack": "claims[0].peer", "record-rotate-commit": "unread[0].peer",
	} {
		if s.name == name {
			add(first, "order", "peers in descending order", bytes.Repeat([]byte{0xff}, 32)...)
		}
	}
	for name, runs := range map[string]string{"record-rotate-commit": "unread[0].ranges"} {
		if s.name == name {
			add(runs+"[0].first", "run-0", "a run that begins at place 0", zero(8)...)
			add(runs+"[0].last", "run-backwards", "a run that ends before it begins", 0, 0, 0, 0, 0, 0, 0, 2)
			add(runs+"[0].last", "runs-overlap", "two runs with a place in common", 0, 0, 0, 0, 0, 0, 0, 5)
		}
	}
	if s.name == "mail-rotation" {
		add("cuts[0].peer", "order", "peers in descending order", bytes.Repeat([]byte{0xff}, 32)...)
		add("cuts[0].seq", "cut-0", "a cut before the first entry", zero(8)...)
	}
	for name, list := range map[string]string{"commit-records-two": "parcels", "link-request-two": "introductions"} {
		if s.name == name {
			add(list+"[0].device", "order", "devices in descending order", bytes.Repeat([]byte{0xff}, 32)...)
			add(list+"[0].device", "twice", "a device twice", s.encoded[f[list+"[1].device"]:][:32]...)
		}
	}
	for name, path := range map[string]string{"record-prekeys": "", "record-rotate-commit": "prekeys."} {
		if s.name == name {
			add(path+"signed_prekey_id", "signed-prekey-0", "signed prekey id 0", zero(4)...)
			add(path+"first_one_time_prekey_id", "one-time-prekey-0", "first one-time prekey id 0", zero(4)...)
			add(path+"first_one_time_prekey_id", "one-time-prekey-end", "ids that pass the end of the counter", 0xff,
				0xff, 0xff, 0xf0)
		}
	}
	if s.name == "link-offer" {
		b := append(bytes.Clone(s.encoded), 0)
		binary.BigEndian.PutUint16(b[3:], uint16(len(b)-5))
		all = append(all, neighbour{"inner-longer", "one byte more inside the length of the list", b})
	}
	if s.name == "record-sent" {
		b := bytes.Clone(s.encoded[:len(s.encoded)-3])
		all = append(
			all, neighbour{
				"secret-alone", "a secret without a bundle", append(append(append(b, 32), secret("SK")...), 0, 0),
			},
		)
		all = append(
			all, neighbour{
				"secret-short", "a secret of 31 bytes",
				append(append(append(bytes.Clone(b), 31), secret("SK")[:31]...), 0, 0),
			},
		)
	}
	return all
}

// layout returns the offset of each field; of one behind a length, the offset of the length's last byte but the
// field's first is told by the name alone: the length stands directly before.
func layout(s sample) map[string]int {
	at := map[string]int{}
	rest := 0
	for _, field := range fieldsOf(s) {
		i := bytes.Index(s.encoded[rest:], field.Value)
		if len(field.Value) == 0 || i < 0 {
			continue
		}
		at[field.Name] = rest + i
		rest += i + len(field.Value)
	}
	for name, back := range map[string]int{"message": 3, "parcels[0].body": 3} {
		if offset, ok := at[name]; ok {
			at[name] = offset - back // its length
		}
	}
	return at
}

func fieldsOf(s sample) []codec.Field {
	v := adapter.Structure(s.kind)
	if err := codec.Decode(s.encoded, v); err != nil {
		panic(err) // the samples are genuine
	}
	return codec.Dump(v)
}

// verifyGroup adds the signatures with the account key.
func verifyGroup(f *vectors.File, samples map[string]sample) error {
	g := newGroup(f, "ambassador", account.Set, shim.AmbassadorVerify)
	for _, v := range []struct{ name, requirement, domain, other string }{
		{"device-list", "AMB-ACC-01", "ambassador-v1 device list", "ambassador-v1 epoch statement"},
		{"epoch-statement", "AMB-ACC-02", "ambassador-v1 epoch statement", "ambassador-v1 device list"},
	} {
		s := samples[v.name]
		input := func(b []byte) shim.Params { return shim.Params{Type: int(s.kind), Message: b} }
		account := ed25519.NewKeyFromSeed(secret("account of " + v.name))
		// again signs the structure anew as another account, over any domain and any part of it.
		again := func(domain string, cut int) []byte {
			b := bytes.Clone(s.encoded)
			copy(b[2:34], account.Public().(ed25519.PublicKey))
			copy(b[len(b)-64:], ed25519.Sign(account, append([]byte(domain), b[:len(b)-cut]...)))
			return b
		}
		g.valid(test{v.name, "a genuine signature", nil, []string{v.requirement}, input(s.encoded)})
		g.valid(test{
			v.name + "-again", "a signature made by this program without the reference", nil, []string{v.requirement},
			input(again(v.domain, 64)),
		})
		bad := func(id, comment string, b []byte) {
			g.invalid(refusal.BadSignature,
				test{v.name + "-" + id, comment, []string{"ForgedSignature"}, []string{"AMB-ACC-03"}, input(b)})
		}
		bad("domain", "signed under the domain of the other structure", again(v.other, 64))
		bad("no-domain", "signed without a domain", again("", 64))
		another := bytes.Clone(s.encoded)
		copy(another[2:34], account.Public().(ed25519.PublicKey))
		bad("account", "the account is another one", another)
		for _, at := range []int{len(s.encoded) - 64, len(s.encoded) - 1, len(s.encoded) - 65, 37} {
			b := bytes.Clone(s.encoded)
			b[at] ^= 1
			bad(fmt.Sprintf("bit-%d", at), "one bit is changed", b)
		}
		signature := len(s.encoded) - ed25519.SignatureSize
		b := again(v.domain, 64)
		scalar := littleEndian(b[signature+32:])
		putLittleEndian(b[signature+32:], scalar.Add(scalar, groupOrder))
		g.invalid(refusal.BadSignature,
			test{v.name + "-s-plus-q", "s + q in the place of s", []string{"MalleableSignature"},
				[]string{"AMB-ACC-03"}, input(b)})
		b = again(v.domain, 64)
		copy(b[signature:], malicious.AccountSigner(account).Sign(
			append([]byte(v.domain), b[:signature]...), malicious.WithTorsion,
		))
		bad("torsion", "a point of order 2 is added to R: only a verification with the cofactor accepts", b)
		for i, id := range malicious.LowOrderAccounts { // AMB-ACC-12
			b := bytes.Clone(s.encoded)
			copy(b[2:34], id[:])
			signed := malicious.SignAsLowOrder(id, v.domain, b)
			copy(b[signature:], signed[:])
			g.invalid(refusal.BadSignature,
				test{fmt.Sprintf("%s-low-order-%d", v.name, i),
					"a signature that verifies under an account key of low order", []string{"ForgedSignature"},
					[]string{"AMB-ACC-12"}, input(b)})
		}
	}
	g.bundleSignatures(samples["bundle"])
	return g.done()
}

func (g *group) bundleSignatures(s sample) {
	input := func(b []byte) shim.Params { return shim.Params{Type: int(s.kind), Message: b} }
	g.valid(test{"bundle", "a genuine bundle", nil, []string{"AMB-ACC-02"}, input(s.encoded)})
	for _, at := range []int{7, 60, 80, 145, 190} {
		b := bytes.Clone(s.encoded)
		b[at] ^= 1
		g.invalid(refusal.BadSignature,
			test{fmt.Sprintf("bundle-bit-%d", at), "one bit of statement or prekey is changed",
				[]string{"ForgedSignature"}, []string{"AMB-ACC-03"}, input(b)})
	}
}

// logGroups adds the transcript hash.
func logGroups(f *vectors.File, samples map[string]sample) error {
	a, b := secret("account a"), secret("account b")
	g := newGroup(f, "ambassador", account.Set, shim.LogFirst)
	one := g.valid(test{
		"one-way", "the first head of a log", nil, []string{"AMB-LOG-01"}, shim.Params{Account: a, PeerAccount: b},
	})
	other := g.valid(test{
		"other-way", "the same, seen from the other side", nil, []string{"AMB-LOG-01"},
		shim.Params{Account: b, PeerAccount: a},
	})
	if !bytes.Equal(one.Digest, other.Digest) {
		return fmt.Errorf("h_0 differs by side")
	}
	if err := g.done(); err != nil {
		return err
	}
	g = newGroup(f, "ambassador", account.Set, shim.LogNext)
	head := one.Digest
	for _, name := range []string{"start-entry", "message-entry"} {
		head = g.valid(test{
			name, "the next head of a log", nil, []string{"AMB-LOG-02"},
			shim.Params{Previous: head, Message: samples[name].encoded},
		}).Digest
	}
	return g.done()
}

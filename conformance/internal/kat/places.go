package kat

import (
	"regexp"
	"slices"

	"credence/conformance/verdict"
	"credence/vectors"
)

// exercised says in which places of the grid (package spec/grid) vectors exercise the requirements that they name. A
// vector itself names requirements only, and a published one does not change.
type exercised struct {
	requirements *regexp.Regexp
	vectors      *regexp.Regexp // by what stands in their ids behind the set
	places       []string
}

func in(requirements, vectors string, places ...string) exercised {
	return exercised{
		regexp.MustCompile("^AMB-(" + requirements + ")$"),
		regexp.MustCompile("^[a-z0-9]+/[a-z0-9-]+/" + vectors), places,
	}
}

var places = []exercised{
	in("CNV-01",
		"(session/(chain|turn|late|answer|replay|reflected|other-session|several|bad-p)|follower)",
		"ratchet-message"),
	in("CNV-01",
		"session/(initial|unknown|opk|other-(ephemeral|identity)|low-order-(ephemeral|identity)|foreign|no-opk)",
		"initial-message"),
	in("CNV-01", "scenario/out-of-place", "entry"),
	in("CNV-01", "scenario/(refused|leader-only)", "record"),

	in("KEY-0[123]", "initiate/([a-z-]*-)?identity", "bundle-identity"),
	in("KEY-0[123]", "initiate/([a-z-]*-)?spk", "bundle-signed-prekey"),
	in("KEY-0[123]", "initiate/([a-z-]*-)?opk", "bundle-one-time-prekey"),
	in("KEY-0[123]", "(respond|session)/([a-z-]*-)?identity", "initial-identity"),
	in("KEY-0[123]", "(respond|session)/([a-z-]*-)?ephemeral", "initial-ephemeral"),
	in("KEY-0[123]", "(root/|session/([a-z-]*-)?ratchet-key)", "ratchet-key"),
	in("XED-08", "initiate/", "bundle"),
	in("XED-08", "(respond|session)/", "initial-message"),

	in("AEA-02", "(open/padding|session/bad-padding)", "padding"),
	in("AEA-02", "open/ciphertext", "length"),
	in("WIR-02", "(open|session)/([a-z]+-)?(flip-(version|type)|version)", "start"),
	in("WIR-02", "(open|session)/([a-z]+-)?(truncate|empty|one-byte|extend)", "length"),
	in("WIR-02", "open/no-", "missing-field"),
	in("WIR-02", "open/(number|previous)-too-large", "number"),
	in("WIR-03", "open/(long-varint|tag-of)", "long-number"),
	in("WIR-03", "open/unknown-field", "unknown-field"),

	in("XED-04", "verify/(flip-([0-9]|[12][0-9]|3[01])(-|$)|r-)", "R"),
	in("XED-04", "verify/(flip-(3[2-9]|[456][0-9])(-|$)|s-)", "s"),
	in("XED-04", "verify/(wrong|longer|shorter|empty)-message", "message"),
	in("XED-04", "verify/wrong-key", "key"),
	in("XED-04", "verify/length", "length"),

	in("X3D-02", "initiate/", "bundle"),
	in("X3D-03", "initiate/no-identity", "identity"),
	in("X3D-03", "initiate/no-signed-prekey", "signed-prekey"),
	in("X3D-03", "initiate/no-signature", "signature"),
	in("X3D-03", "initiate/no-opk", "one-time-prekey"),
	in("X3D-0[47]", "(initiate|session/initiate)", "initiator"),
	in("X3D-0[47]", "(respond|session/respond)", "responder"),
	in("X3D-09", "session/unknown-spk", "signed-prekey"),
	in("X3D-09", "session/(unknown-o|opk)", "one-time-prekey"),
	in("X3D-12", "session/(opk-reused|initial-again-other)", "other-initiator"),
	in("X3D-13", "session/(initial|no-opk)-again$", "same-peer"),
	in("X3D-13", "session/(initial|no-opk)-again-other-peer", "other-peer"),

	in("RAT-0[457]", "session/(initiate|one-way|ping-pong)", "initiator"),
	in("RAT-0[457]", "session/respond", "responder"),
	in("RAT-07", "scenario/(started|answered)", "responder"),
	in("RAT-08", "session/per-message-initiate", "initiator"),
	in("RAT-08", "session/per-message-respond", "responder"),
	in("RAT-10", "(follower|session)/", "responder"),
	in("RAT-11", "(follower|session/replay-(at-once|later|late|initial)$)", "running-chain"),
	in("RAT-11", "session/replay-(late-)?after", "earlier-chain"),
	in("RAT-15", "session/(chain|initial)", "running-chain"),
	in("RAT-15", "session/(turn|answer)", "new-key"),
	in("RAT-15", "session/late", "late"),
	in("RAT-16", "(open|session)/", "running-chain"),
	in("RAT-17", "session/turn", "responder"),
	in("RAT-17", "session/answer", "initiator"),
	in("RAT-18", "session/late", "earlier-chain"),
	in("RAT-20", "session/skip-over-limit", "just-above"),
	in("RAT-20", "session/number", "far"),
	in("RAT-21", "session/stored-dropped", "one-chain"),
	in("SES-06", "session/reflected", "reflected"),
	in("SES-06", "session/other-session", "other-session"),
	in("SES-08", "session/foreign-initial", "ephemeral"),
	in("SES-09", "session/", "ratchet-message"),
	in("SES-09", "session/(both-start|start-anew)", "initial-message"),
	in("SES-15", "session/other-session-stays", "read"),
	in("SES-15", "session/several-forged", "refused"),
	in("STA-01", "session/canonical-state", "responder"),

	in("ENC-01", "(decode/(epoch|device|bundle|publication|link)|scenario/(register|link))", "account"),
	in("ENC-01", "(decode/(start|message)-entry|scenario/no-one-time)", "entry"),
	in("ENC-01", "(decode/record|scenario/(started|answered))", "record"),
	in("ACC-03", "verify/device-list", "list"),
	in("ACC-03", "verify/(epoch-statement|bundle)", "statement"),
	in("LOG-02", "next/start", "start"),
	in("LOG-02", "next/message", "message"),
	in("LOG-03", "scenario/(start-|crossing)", "first"),
	in("LOG-03", "scenario/rotate-", "own-rotation"),
	in("LOG-03", "scenario/peer-rotates", "peer-rotation"),
	in("LOG-07", "scenario/out-of-place", "earlier", "later", "other-history", "other-accounts"),
	in("ACC-05", "scenario/bundles", "other-account", "signature"),
	in("ACC-06", "scenario/bundles", "epoch", "signed-prekey"),
	in("ACC-0[78]|CHN-09|ROT-05", "scenario/(start-received|replenish|one-time-prekey-twice|rotate-)", "leader",
		"companion"),
	in("LOG-04", "scenario/per-message", "leader", "companion"),
	in("CHN-0[34]", "scenario/refused", "channel"),
	in("CHN-08", "scenario/refused", "earlier", "later"),
	in("PST-04", "scenario/story", "recipient", "sender"),
	in("PST-10", "scenario/epochs", "sender", "recipient"),
	in("PST-03", "scenario/prekeys", "once", "ascending", "none-left"),
	in("PST-14", "scenario/conflict", "lost-race"),
	in("PST-14", "scenario/places-free", "siblings", "stale"),
	in("ROT-01", "scenario/companion-leads", "offer", "prepare", "rotate"),
	in("ROT-09", "scenario/stale-link-request", "epoch"),
	in("ROT-16", "scenario/linked-twice", "active", "pending"),
	in("CHN-10", "scenario/link-request-prekey", "link-request"),
	in("SYN-01", "scenario/start-sent", "start"),
	in("SYN-10", "scenario/restart", "imported"),
	in("SYN-11", "scenario/set-back", "mailbox-end"),
	in("SYN-19", "scenario/dropped", "mailbox-end"),
	in("SYN-0[29]|LOG-09", "scenario/(restart-|racing|crossing)", "entry"),
}

// structures are the structures of the vectors for ambassador.decode, each of which is a place of AMB-ENC-02.
var structures = regexp.MustCompile(
	`^ambassador/[a-z0-9-]+/decode/(device-list|epoch-statement|bundle|publication|record|commit|mail|message-entry|` +
		`start-entry|link-offer|link-request)`,
)

// addPlaces says in which places a vector exercises its requirements.
func addPlaces(t *verdict.TestInfo, v *vectors.Test) {
	for _, p := range places {
		if !p.vectors.MatchString(v.ID) {
			continue
		}
		for _, r := range v.Requirements {
			if p.requirements.MatchString(r) {
				t.AddPlaces(r, p.places...)
			}
		}
	}
	const decoding = "AMB-ENC-02"
	if m := structures.FindStringSubmatch(v.ID); m != nil && slices.Contains(v.Requirements, decoding) {
		t.AddPlaces(decoding, m[1])
	}
}

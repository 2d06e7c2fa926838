// Package hostile has the live tests of devices in which somebody breaks the rules: the post office, a companion, the
// leader, or the counterparty. Devices of the target must not be misled, and must not keep what they have to forget.
package hostile

import (
	"slices"

	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
	"credence/shim"
)

// Tests returns the tests in the order in which they run.
func Tests() []suite.Test {
	return slices.Concat(
		tests, sending, owing, linking, crossingTests, questionTests, againTests, conversationTests, recordTests,
		valueTests, farTests, bitTests, placeTests, underWayTests, causeTests,
	)
}

func test(name, comment string, requirements []string, run func(w *world.World)) suite.Test {
	return world.Test("ambassador", name, comment, requirements, run)
}

var reqs = world.Requirements

var tests = []suite.Test{
	test("record-lost", "a sent record is lost: the entry waits, nothing is sent, the sibling is asked "+
		"and its answer puts the device in step",
		reqs("AMB-SYN-07 entries", "AMB-SYN-08", "AMB-SYN-10 waiting", "AMB-SYN-30", "AMB-SYN-22 newest"), recordLost),
	test("record-late", "the sent record comes in a later mail than its entry",
		reqs("AMB-SYN-05 sent", "AMB-SYN-07 records"), recordLate),
	test("mail-twice", "a mail is delivered twice: the second changes nothing",
		reqs("AMB-SYN-05 sent", "AMB-LOG-07 earlier", "AMB-CNV-01 mail", "AMB-LOG-11 own sibling peer"), mailTwice),
	test("mail-malformed", "truncated and damaged mails are refused and change nothing",
		reqs("AMB-ENC-02 mail", "AMB-CNV-01 mail"), mailMalformed),
	test("sibling-digest", "a sibling's sent record has another digest: the conversation freezes until a rotation",
		reqs("AMB-SYN-06", "AMB-SYN-18 not-followed", "AMB-SYN-27"), unfollowableEntry),
	test("sibling-own-entry", "a sibling sends an entry as it should be and says another digest or head of it: "+
		"the conversation freezes",
		reqs("AMB-SYN-06 sent-head sent-digest leader", "AMB-SYN-18 sent", "AMB-LOG-25 start"), falseSent),
	test("asked-once", "entries come while the record of one is awaited",
		reqs("AMB-SYN-03", "AMB-SYN-08", "AMB-SYN-30"), askedOnce),
	test("sibling-place", "a sibling says that it has sent the entry that was the other side's: "+
		"the histories differ, and the conversation freezes",
		reqs("AMB-SYN-06 sent-head", "AMB-PRV-02"), claimedPlace),
	test("record-again", "the record of a start comes once more, when the conversation has gone on: "+
		"nothing of it is kept",
		reqs("AMB-SYN-05 sent", "AMB-SYN-13 sibling"), recordAgain),
	test("sibling-far", "a sent record for an entry that is out of reach",
		reqs("AMB-SYN-07 records", "AMB-CNV-01 record"), recordOutOfReach),
	test("waiting-bounded", "entries that wait are bounded",
		reqs("AMB-SYN-07 entries"), waitingBounded),
	test("start-secret", "the secret of a start is in no device's state afterwards",
		reqs("AMB-SYN-13 sender sibling leader companion"), startSecretDeleted),
	test("device-prekey", "the prekey of a device that was used is replaced, and deleted with the next list",
		reqs("AMB-CHN-09 companion", "AMB-CNV-01 record", "AMB-CHN-11 companion"), usedPrekeyReplaced),
	test("false-echo", "the post office says that a commit was accepted and delivers another entry with it, "+
		"one that is refused and one that is genuine",
		reqs("AMB-LOG-09 entry", "AMB-LOG-11 peer", "AMB-SYN-15"), falseReturn),
	test("record-as-text", "a counterparty sends the bytes of records as texts, and channel messages as a device: "+
		"nothing of it is taken for a record",
		reqs("AMB-CHN-01 stranger", "AMB-CHN-03", "AMB-LOG-11 peer", "AMB-CNV-01 record",
			"AMB-CHN-14 entry channel-message"), recordAsText),
	test("fresh-epochs", "ambassador keys and prekeys of four epochs are all different",
		reqs("AMB-ROT-13"), epochKeysFresh),
	test("sibling-claims", "a sibling acknowledges another head, or another digest: the conversation freezes",
		reqs("AMB-SYN-06 claim-head claim-digest leader", "AMB-SYN-25"), falseClaims),
	test("late-claims", "claims about places that were passed: what differs freezes the conversation, however late",
		reqs("AMB-SYN-17 sent claim", "AMB-SYN-18 claim sent", "AMB-INV-22", "AMB-SYN-27"), lateClaims),
	test("forgotten-place", "a claim about a place that is a thousand entries away freezes the conversation",
		reqs("AMB-SYN-17 claim", "AMB-SYN-28", "AMB-SYN-29 thousand"), forgottenPlace),
	test("claimed-once", "a claim about a place before one that its sender has claimed says nothing new",
		reqs("AMB-SYN-17 claim", "AMB-SYN-05 ack", "AMB-SYN-29 every-sibling"), claimedOnce),
	test("slow-sibling", "one sibling claims a place, and another one then the place before it",
		reqs("AMB-SYN-17 claim", "AMB-SYN-29 every-sibling"), slowSibling),
	test("claimed-cut", "a sibling claims the place at which the epoch has begun",
		reqs("AMB-SYN-17 cut"), claimedCut),
	test("restart-late-claims", "the same as late-claims, with restarts",
		reqs("AMB-SYN-03", "AMB-SYN-17 sent claim", "AMB-SYN-18 claim sent"), lateClaimsRestarted),
	test("claims-of-two",
		"two siblings claim two other states after the next entry: what a device makes of it depends on its "+
			"state and the mails alone", reqs("AMB-SYN-06 claim-digest", "AMB-INV-04", "AMB-SYN-25"), claimsOfTwo),
	test("sibling-leads", "a companion sends the leader's records",
		reqs("AMB-CHN-06 list rotate-prepare rotate-commit", "AMB-CNV-01 record"), leaderRecordsOfCompanion),
	test("sibling-lies", "records that name another account, sender, receiver, or epoch",
		reqs("AMB-CHN-03 leader", "AMB-CHN-04 leader", "AMB-CHN-05 leader", "AMB-CHN-08 earlier later",
			"AMB-CNV-01 record", "AMB-CNV-03"), wrongEnvelopes),
	test("sibling-prekeys", "prekeys that do not continue the batch",
		reqs("AMB-SYN-12", "AMB-CNV-01 record"), wrongBatches),
	test("device-prekeys", "prekeys of devices that have not signed them",
		reqs("AMB-CHN-10 ack-to-leader ack-to-companion rotate-ready", "AMB-CNV-01 record"), wrongPrekeys),
	test("sibling-ready", "answers to a question that was not asked, and one that does not open a chain",
		reqs("AMB-ROT-07 unknown-nonce not-first", "AMB-CNV-01 record"), wrongAnswers),
	test("stranger", "channel messages of a device that is not on the list, and of a removed one",
		reqs("AMB-CHN-01 stranger removed", "AMB-ROT-10 leader", "AMB-CNV-01 record"), unlistedDevices),
	test("leader-lies", "rotations with a list of another epoch, unsigned, without the device, "+
		"with a statement or key that does not fit",
		reqs("AMB-ROT-02 signature status", "AMB-ROT-15 same earlier", "AMB-ROT-03 statement key", "AMB-CNV-01 record",
			"AMB-CNV-03"), wrongRotations),
	test("leader-rollback", "an earlier rotation comes again after a later one",
		reqs("AMB-ROT-15 earlier", "AMB-CHN-08 earlier", "AMB-CNV-01 record"), earlierRotation),
	test("cut", "a cut at another head freezes, a later cut is adopted",
		reqs("AMB-ROT-04 other-head longer shorter companion"), cuts),
	test("rotation-drops", "a rotation comes while a commit is under way",
		reqs("AMB-SYN-19 rotation"), rotationDrops),
	test("unread-of-others", "a rotation brings a device that is not new what the leader has to report",
		reqs("AMB-ROT-11 unread", "AMB-LOG-16 user", "AMB-ROT-25"), unreadOfOthers),
	test("new-device-told", "the other side names places from before a device was linked",
		reqs("AMB-ROT-11 unread", "AMB-LOG-17 new-device", "AMB-ROT-28"), newDeviceIsTold),
	test("secrets-of-the-epoch", "after a rotation nothing of the old epoch is in the export, "+
		"and a new device has nothing older",
		reqs("AMB-ROT-05 companion", "AMB-ROT-11 secrets"), epochSecretsDeleted),
	test("waiting-records", "records that wait for an entry of the old epoch are destroyed with it",
		reqs("AMB-ROT-05 leader"), waitingRecordsDeleted),
	test("secrets-pending", "a pending device has no secret of either epoch",
		reqs("AMB-ROT-12"), pendingWithoutSecrets),
	test("equivocation", "the post office gives one device another entry than its siblings: "+
		"it is noticed at the first word between them",
		reqs("AMB-PRV-02", "AMB-SYN-06 claim-head"), forkedLog),
	test("bundle-key", "a second ambassador key for a known epoch is refused",
		reqs("AMB-ACC-09 companion", "AMB-CNV-01 send", "AMB-ACC-14 companion"), secondKeyOfEpoch),
	test("bundles-in-session", "bundles that are wrong in one thing, where no start is due",
		reqs("AMB-ACC-11", "AMB-CNV-01 send bundle"), bundlesInSession),
	test("first-epochs", "the first epochs of eight accounts",
		reqs("AMB-ACC-10"), firstEpochs),
	test("weak-accounts", "bundles, starts and link offers of accounts whose key is of low order",
		reqs("AMB-ACC-12 bundle start link-offer", "AMB-CNV-01 send link-request"), accountsOfLowOrder),
	test("void-epochs", "starts to an epoch that is over, and to one that has not come, "+
		"encrypted to the current one: void; then a genuine one",
		reqs("AMB-LOG-08 recipient-epoch leader"), startsToOtherEpochs),
	test("void-start-prekey", "a start that cannot be read, and a genuine one with the same one-time prekey",
		reqs("AMB-LOG-08 authentication leader", "AMB-ACC-08 leader"), damagedStart),
	test("frozen-first", "a conversation that froze at its first entry goes on from the cut of a rotation",
		reqs("AMB-SYN-06 sent-digest", "AMB-ROT-04 longer"), frozenAtFirstEntry),
	test("without-account", "a device without an account is asked for everything that needs one",
		reqs("AMB-SYN-10 leader", "AMB-ROT-01 offer prepare rotate", "AMB-CNV-01 send"), withoutAccount),
	test("restart-asked", "a leader that was restarted still knows whom it has asked to heal",
		reqs("AMB-SYN-03 leader", "AMB-ROT-06", "AMB-ROT-22 active pending"), askedBeforeRestart),
	test("restart-prekeys", "a leader that was restarted still knows the newest prekey of a device",
		reqs("AMB-SYN-03 leader", "AMB-CHN-09 leader", "AMB-CHN-12"), prekeyBeforeRestart),
	test("restart-signed", "a leader that is restarted after a rotation that did not come signs no epoch twice",
		reqs("AMB-ROT-14 lost restart", "AMB-SYN-03 leader"), signedBeforeRestart),
	test("restart-rotating", "a leader that is restarted while its rotation is under way opens the epoch "+
		"when it comes back",
		reqs("AMB-SYN-02 rotate", "AMB-SYN-03 leader"), restartUnderWay(shim.DeviceRotate)),
	test("restart-replenishing", "a device that is restarted while its publication is under way has the prekeys "+
		"when it comes back",
		reqs("AMB-SYN-02 prekeys", "AMB-SYN-03 leader"), restartUnderWay(shim.DeviceReplenish)),
	test("restart-owed", "a device that was restarted still owes its answer to the leader",
		reqs("AMB-SYN-03 companion", "AMB-ROT-07 not-first"), answerOwedBeforeRestart),
	test("answer-overtaken", "a device begins a chain between the leader's question and its answer",
		reqs("AMB-ROT-08", "AMB-ROT-06"), answerOvertaken),
	test("restart-owed-ack",
		"a device that was restarted still owes the leader the ack for a question that it could not answer",
		reqs("AMB-SYN-02 entry", "AMB-SYN-03 companion", "AMB-ROT-08"), ackOwedBeforeRestart),
	test("restart-claims", "a device that was restarted still knows what a sibling has claimed of an entry to come",
		reqs("AMB-SYN-03 leader", "AMB-SYN-06 claim-head"), claimBeforeRestart),
	test("introduction-kind", "a link request whose introduction is no acknowledgement",
		reqs("AMB-ROT-09 introduction", "AMB-ROT-18 no-ack"), wrongIntroduction),
	test("acks-unanswered", "sixty acknowledgements of a sibling make no acknowledgement due",
		reqs("AMB-SYN-04"), acksUnanswered),
	test("doubt", "starts of the other side that cannot be read, and one that can",
		reqs("AMB-LOG-14", "AMB-LOG-15", "AMB-LOG-16 user leader", "AMB-LOG-18 leader", "AMB-LOG-21",
			"AMB-LOG-27"), startsInDoubt),
	test("doubt-settled", "entries that cannot be read in a session that is settled: it goes on, and they are named "+
		"until the other side has read of it",
		reqs("AMB-LOG-04 leader", "AMB-LOG-13", "AMB-LOG-15", "AMB-LOG-16 user", "AMB-LOG-18 leader",
			"AMB-LOG-27"), doubtSettled),
	test("new-starts", "the other side begins anew in sessions that are settled, and in others",
		reqs("AMB-LOG-13", "AMB-LOG-14"), newStartInSession),
	test("answers", "an answer is given once, and once more after a rotation of either side",
		reqs("AMB-LOG-09 entry", "AMB-LOG-15", "AMB-LOG-16 answer user", "AMB-LOG-18 leader",
			"AMB-LOG-21"), answersOnce),
	test("told", "the other side names the same own places again and again: each is reported once",
		reqs("AMB-LOG-17 leader"), toldOnce),
	test("unread-bounded", "more than a hundred runs of places that could not be read",
		reqs("AMB-LOG-16 user", "AMB-LOG-28 unread"), unreadBounded),
	test("bad-contents", "contents that break the rules, of the other side and of a sibling",
		reqs("AMB-LOG-16 user", "AMB-LOG-20 peer sibling"), badContents),
	test("sibling-names", "a sibling names a place that the leader has read",
		reqs("AMB-LOG-16 user leader", "AMB-LOG-26"), siblingNames),
	test("sibling-answers", "a sibling answers, and does not name what the leader could not read",
		reqs("AMB-LOG-18 leader"), siblingAnswers),
	test("frozen-owes", "an answer is put off while the conversation is frozen",
		reqs("AMB-LOG-18 leader", "AMB-SYN-06 claim-digest"), frozenOwesNothing),
	test("given-up", "entries that a rotation gives up are named",
		reqs("AMB-LOG-16 user", "AMB-ROT-04 shorter", "AMB-ROT-24 not-read"), givenUp),
	test("restart-doubt", "the same as doubt, with a restart at each step",
		reqs("AMB-SYN-03 leader", "AMB-LOG-15", "AMB-LOG-16 user", "AMB-LOG-18 leader",
			"AMB-LOG-21"), startsInDoubtRestarted),
	test("restart-doubt-settled", "the same as doubt-settled, with a restart at each step",
		reqs("AMB-SYN-03 leader", "AMB-LOG-13", "AMB-LOG-16 user"), doubtSettledRestarted),
	test("restart-answers", "the same as answers, with a restart at each step",
		reqs("AMB-SYN-03 leader", "AMB-LOG-18 leader"), answersOnceRestarted),
	test("restart-told", "the same as told, with a restart at each step",
		reqs("AMB-SYN-03 leader", "AMB-LOG-17 leader"), toldOnceRestarted),
	test("void-flood", "a counterparty that sends many unreadable entries stops nobody",
		reqs("AMB-LOG-08 authentication companion"), manyVoidEntries),
}

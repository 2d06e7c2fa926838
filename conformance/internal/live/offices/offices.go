// Package offices has the live tests in which the target is the post office and the reference plays every device.
package offices

import (
	"credence/conformance/internal/live/devices"
	"credence/conformance/internal/suite"
	"credence/conformance/internal/world"
)

// Tests returns the tests in the order in which they run.
func Tests() []suite.Test { return append(conversations(), crowds()...) }

// conversations are the tests whose devices are the reference's.
func conversations() []suite.Test {
	reqs := world.Requirements
	return []suite.Test{
		test("story", "the whole story over the target's post office",
			reqs("AMB-PST-01 register entry rotate", "AMB-PST-04 recipient sender", "AMB-PST-12",
				"AMB-PST-36"), played(devices.Story)),
		test("schedule", "a long conversation under a random schedule",
			reqs("AMB-PST-01 entry", "AMB-PST-05 place head", "AMB-PST-12"), played(devices.Schedule)),
		test("racing", "commits for one place: one is taken, the others are refused and leave nothing in a mailbox",
			reqs("AMB-PST-01 entry", "AMB-PST-05 place head"), played(devices.Racing)),
		test("fan-out", "every device of the recipient gets the identical bytes, in the same order",
			reqs("AMB-PST-04 recipient sender", "AMB-PST-12", "AMB-PST-34"), begun(fanOut)),
		test("one-time-prekeys",
			"each one-time prekey is handed out once; then bundles come without; all have one size; "+
				"a new batch is served",
			reqs("AMB-PST-03 once none-left", "AMB-ACC-04 bundle"), begun(handsOutOnce)),
		test("numbers", "a commit whose number was seen is refused, after acceptance and after refusal",
			reqs("AMB-PST-02 accepted refused", "AMB-PST-01 entry"), begun(refusesNumbers)),
		test("order", "entries that do not continue the log",
			reqs("AMB-PST-05 place head", "AMB-PST-22 sender sender-epoch", "AMB-PST-23",
				"AMB-PST-01 entry"), begun(refusesOrder)),
		test("places", "after a lost race the next place belongs to the side that lost, and nobody has two in a row "+
			"while the other waits",
			reqs("AMB-PST-14 lost-race", "AMB-INV-21 entry"), begun(keepsPlace)),
		test("places-free", "races of siblings, and commits that are stale, early or void on purpose, keep no place",
			reqs("AMB-PST-14 siblings stale", "AMB-INV-21 entry", "AMB-INV-23"), begun(keepsNothing)),
		test("place-once", "who does not take the place that is kept for him is not kept it again",
			reqs("AMB-PST-14 lost-race"), begun(keepsOnce)),
		test("place-overtaken", "who was overtaken twice has lost a place too",
			reqs("AMB-PST-14 lost-race", "AMB-INV-21 entry"), begun(keepsForOvertaken)),
		test("cuts-elsewhere", "no other mail than that of a rotation to an active device has cuts",
			reqs("AMB-PST-18 other-mails"), begun(cutsNowhereElse)),
		test("stale-starts", "starts under prekeys that the devices do not hold any more, or that were used",
			reqs("AMB-PST-13 signed-prekey one-time-prekey used", "AMB-PST-01 entry"), begun(refusesStaleStarts)),
		test("announcements", "numbers that were announced, and commits that come after the mailbox was read",
			reqs("AMB-PST-16", "AMB-PST-17", "AMB-PST-32", "AMB-PST-37 numbers"), begun(hearsAnnouncements)),
		test("moved-logs",
			"logs move, and strangers open new ones, before a rotation comes: it is taken, and cuts them "+
				"where they are",
			reqs("AMB-PST-15", "AMB-PST-18 rotation", "AMB-INV-21 rotation"), begun(rotatesOverMovedLogs)),
		test("rotation-kept-place", "a rotation comes while the next place is kept for the other account",
			reqs("AMB-PST-15", "AMB-INV-21 rotation"), begun(rotatesOverKeptPlace)),
		test("devices", "parcels that do not go to exactly the active devices",
			reqs("AMB-PST-07 entry records", "AMB-PST-01 entry"), begun(refusesDevices)),
		test("epochs",
			"after a rotation the old bundle is gone, and entries that name an old epoch of either side are refused",
			reqs("AMB-PST-10 bundle sender recipient", "AMB-PST-24 entry", "AMB-PST-25 earlier",
				"AMB-PST-01 entry"), begun(refusesEpochs)),
		test("rotations", "rotations that are forged, of another epoch, or not the leader's",
			reqs("AMB-PST-19 list statement publication epoch", "AMB-PST-11 companion new-leader", "AMB-PST-24 rotate",
				"AMB-PST-26", "AMB-PST-27 signed-prekey one-time-prekeys", "AMB-PST-29 none-added",
				"AMB-PST-01 rotate prekeys"),
			begun(refusesRotations)),
		test("empty-log", "an entry was refused before any was taken: a rotation need not name the log",
			reqs("AMB-PST-05 place", "AMB-PST-15", "AMB-PST-18 rotation"), rotatesOverEmptyLog),
		test("removed", "a removed device gets nothing and may commit nothing; a pending one gets no entries",
			reqs("AMB-PST-09 fetch commit", "AMB-PST-21 entry"), begun(excludes)),
		test("malformed", "commits that are no commits",
			reqs("AMB-ENC-02 commit", "AMB-PST-01 entry"), begun(refusesMalformed)),
		test("own-mails", "a commit of each kind: one mail for each device that has part in it, "+
			"which names who committed",
			reqs("AMB-PST-33 entry prekeys records", "AMB-PST-35 own-account other-account"), begun(ownMails)),
		test("prekeys-left", "what a device is told of the prekeys that are left",
			reqs("AMB-PST-37 prekeys"), begun(prekeysLeft)),
		test("unknown", "commits and announcements of accounts and devices that are not there",
			reqs("AMB-PST-20 account device", "AMB-PST-32", "AMB-PST-01 entry"), begun(refusesUnknown)),
		test("rotations-unfit", "rotations whose parts do not belong together, or with introductions of nobody",
			reqs("AMB-PST-28 rotate", "AMB-PST-29 none-added", "AMB-PST-01 rotate"), begun(refusesUnfit)),
		test("registration", "an account is registered once, with one device",
			reqs("AMB-PST-19 list statement", "AMB-PST-28 register", "AMB-PST-30", "AMB-PST-31 epoch number parcels",
				"AMB-PST-01 register", "AMB-ACC-12 registration"),
			begun(refusesRegistrations)),
	}
}

// crowds are the tests in which everything that a device can commit is tried.
func crowds() []suite.Test {
	reqs := world.Requirements
	return []suite.Test{
		test("every-mail",
			"every mail of every device: of each kind of commit and of device, to accounts of one device and "+
				"of five, also over 64 KiB, and read from any position on",
			reqs("AMB-PST-01 entry prekeys rotate register", "AMB-PST-04 recipient sender", "AMB-PST-12",
				"AMB-PST-18 rotation other-mails", "AMB-PST-33 entry prekeys records", "AMB-PST-34",
				"AMB-PST-35 own-account other-account", "AMB-PST-36"), gathered(delivers)),
		test("one-time-prekeys-in-order",
			"bundles are of the newest publication and name its one-time prekeys in order, over many publications "+
				"and epochs, whatever is left of earlier ones, for two accounts by turns",
			reqs("AMB-PST-03 once ascending none-left", "AMB-PST-10 bundle", "AMB-PST-37 prekeys"),
			gathered(servesInOrder)),
		test("publications", "publications whose ids do not continue, or that are forged",
			reqs("AMB-PST-26", "AMB-PST-27 signed-prekey one-time-prekeys", "AMB-PST-03 once", "AMB-PST-01 prekeys"),
			gathered(wrongBatches)),
		test("starts", "starts under each prekey that is held, or is not",
			reqs("AMB-PST-13 signed-prekey one-time-prekey used", "AMB-PST-01 entry"), gathered(namesPrekeys)),
		test("receivers", "entries, publications and records to other devices than those that they have to go to",
			reqs("AMB-PST-07 entry prekeys records", "AMB-PST-01 entry prekeys"), gathered(receives)),
		test("answers",
			"what two accounts are answered is the same, in class, text and size, whether the account that they talk "+
				"to has one device or four, which race",
			reqs("AMB-INV-23"), answersTellNothing),
		test("log-positions",
			"entries with another place, head, account or epoch, in a log of more than 256 entries beside others",
			reqs("AMB-PST-05 place head", "AMB-PST-22 sender sender-epoch", "AMB-PST-23", "AMB-PST-25 earlier later",
				"AMB-PST-01 entry"), gathered(continuesLogs)),
		test("counts", "numbers of each device: taken once, spent by every refusal, over 255, 65535 and 2^32 - 1",
			reqs("AMB-PST-02 accepted refused", "AMB-PST-01 entry prekeys"), gathered(countsCommits)),
		test("announced", "announced numbers of each kind of device, read from every position, over rotations",
			reqs("AMB-PST-16", "AMB-PST-17", "AMB-PST-32", "AMB-PST-37 numbers", "AMB-PST-09 fetch announce"),
			gathered(announcesNumbers)),
		test("place-ten-seconds",
			"a place is kept for ten seconds, no less and no more, and not again for who does not come; who waits "+
				"behind another account has ten of his own",
			reqs("AMB-PST-14 ten-seconds"), gathered(keepsInTime)),
		test("places-kept",
			"courses after which a place is kept: in one log of several, in the first place, over rotations",
			reqs("AMB-PST-14 lost-race", "AMB-INV-21 entry"), gathered(queues(keptPlaces))),
		test("places-not-kept",
			"courses after which none is: after refusals for another reason, in other logs, after a place of one's own",
			reqs("AMB-PST-14 siblings stale", "AMB-INV-21 entry", "AMB-INV-23"), gathered(queues(freePlaces))),
		test("openings",
			"rotations of which one signature, part, epoch, receiver or leader is wrong; the bundle stays what it was",
			reqs("AMB-PST-19 list statement publication epoch", "AMB-PST-11 companion new-leader", "AMB-PST-07 rotate",
				"AMB-PST-28 rotate", "AMB-PST-29 none-added one-added two-added", "AMB-PST-01 rotate",
				"AMB-ACC-13 list statement"), gathered(opensEpochs)),
		test("higher-epochs", "rotations to any higher epoch are taken, and end every one before",
			reqs("AMB-PST-19 epoch", "AMB-PST-10 bundle sender recipient", "AMB-PST-24 records", "AMB-PST-25 earlier"),
			gathered(higherEpochs)),
		test("registrations", "registrations of which one thing is wrong, and then the one that they were made of",
			reqs("AMB-PST-19 list statement publication", "AMB-PST-28 register", "AMB-PST-30",
				"AMB-PST-31 devices leader epoch number parcels introductions", "AMB-PST-01 register",
				"AMB-ACC-13 registration"), gathered(registers)),
		test("kinds",
			"every kind of commit by every kind of device, in its epoch and in others: the leader, a companion, a "+
				"pending device, one that was removed, one of another account",
			reqs("AMB-PST-20 account device", "AMB-PST-21 entry prekeys", "AMB-PST-24 entry prekeys rotate records",
				"AMB-PST-09 commit", "AMB-PST-11 companion", "AMB-PST-01 entry prekeys rotate"), gathered(commitsOf)),
	}
}

// test returns a test in a world around the post office of the target.
func test(name, comment string, requirements []string, run func(w *world.World)) suite.Test {
	return world.Test("postoffice", name, comment, requirements, func(w *world.World) {
		w.Office = office{w.T}
		run(w)
	})
}

// played returns a test of devices, run with three devices of the reference.
func played(run func(w *world.World, c world.Cast)) func(w *world.World) {
	return func(w *world.World) { run(w, world.Cast{Target: make([]bool, 3)}) }
}

// begun returns a test that starts from a conversation.
func begun(run func(s *stage)) func(w *world.World) {
	return func(w *world.World) { run(begin(w)) }
}

package shim

// Op names an operation.
type Op string

// The operations. The table below has an entry for each.
const (
	Hello Op = "hello"
	Reset Op = "reset"

	XeddsaSign   Op = "xeddsa.sign"
	XeddsaVerify Op = "xeddsa.verify"

	X3dhInitiate Op = "x3dh.initiate"
	X3dhRespond  Op = "x3dh.respond"

	RatchetRoot       Op = "ratchet.root"
	RatchetChain      Op = "ratchet.chain"
	RatchetSeal       Op = "ratchet.seal"
	RatchetOpen       Op = "ratchet.open"
	RatchetAccumulate Op = "ratchet.accumulate"

	PartyNew        Op = "party.new"
	PartyExport     Op = "party.export"
	PartyImport     Op = "party.import"
	SessionInitiate Op = "session.initiate"
	SessionRespond  Op = "session.respond"
	SessionStart    Op = "session.start"
	SessionEncrypt  Op = "session.encrypt"
	SessionDecrypt  Op = "session.decrypt"
	SessionDigest   Op = "session.digest"
	SessionLoad     Op = "session.load"

	AmbassadorDecode Op = "ambassador.decode"
	AmbassadorVerify Op = "ambassador.verify"
	LogFirst         Op = "log.first"
	LogNext          Op = "log.next"

	ChannelNew     Op = "channel.new"
	ChannelConnect Op = "channel.connect"
	ChannelSeal    Op = "channel.seal"
	ChannelOpen    Op = "channel.open"
	ChannelExport  Op = "channel.export"
	ChannelImport  Op = "channel.import"

	DeviceRegister  Op = "device.register"
	DeviceNew       Op = "device.new"
	DeviceOffer     Op = "device.offer"
	DeviceRequest   Op = "device.request"
	DeviceSend      Op = "device.send"
	DeviceReceive   Op = "device.receive"
	DeviceRefused   Op = "device.refused"
	DeviceCaughtUp  Op = "device.caught_up"
	DeviceOwes      Op = "device.owes"
	DeviceUpkeep    Op = "device.upkeep"
	DeviceAck       Op = "device.ack"
	DeviceReplenish Op = "device.replenish"
	DevicePrepare   Op = "device.prepare"
	DeviceRotate    Op = "device.rotate"
	DeviceStatus    Op = "device.status"
	DeviceExport    Op = "device.export"
	DeviceImport    Op = "device.import"

	OfficeAppend Op = "office.append"
	OfficeBundle Op = "office.bundle"
	OfficeFetch  Op = "office.fetch"

	OfficeAnnounce Op = "office.announce"
)

// Operation is an entry of the table of operations, from which follow the JSON Schema of the protocol, its reference,
// what a profile needs, and what is masked, completed and compared.
type Operation struct {
	Op       Op
	Does     string   // a sentence
	Params   []Member // in the order of the schema
	Result   []Member
	NeededBy []Way // the ways to a profile that it belongs to
	State    Op    // exports the state of the party on which the operation works; "" if it works on none
	Changes  bool  // it changes the state of the target
	Imports  bool  // its state parameter is what the operation State has given
	Patience int   // how many times longer than others it may take; 0 is once
}

// Way is one of the ways to have a profile: the operations that belong to it, all of them. hello and reset are needed
// in any case.
type Way struct {
	Profile string
	By      string // what sets it apart, if the profile has several
}

// The ways to a session.
var (
	ByHandshake = Way{Profile: "ratchet", By: "a handshake"}
	BySecret    = Way{Profile: "ratchet", By: "a shared secret"}
)

// The other ways.
var (
	forSignatures = Way{Profile: "xeddsa"}
	forAgreement  = Way{Profile: "x3dh", By: "the agreement alone"}
	forStart      = Way{Profile: "x3dh", By: "the start of a session"}
	forChannels   = Way{Profile: "channel"}
	forDevice     = Way{Profile: "ambassador"}
	forOffice     = Way{Profile: "postoffice"}
)

// ways lists the ways: the profiles in their order, and of each the easiest way first.
var ways = []Way{
	forSignatures, forAgreement, forStart, ByHandshake, BySecret, forChannels, forDevice, forOffice,
}

// Part is a part of the table of operations.
type Part struct {
	Types      []Type // that the schema defines for it
	Operations []Operation
}

// table is the table of operations, in its two parts: sessions, and the Ambassador protocol (docs/shim-protocol.md).
var table = []Part{
	{
		Types:      []Type{hexType, keyType, publicKeyType, signatureType, idType, envelopeType, bundleType},
		Operations: sessionOperations,
	},
	{
		Types:      []Type{fieldType, eventType},
		Operations: ambassadorOperations,
	},
}

var sessionOperations = []Operation{
	{
		Op: Hello, Does: "says what the target is and has",
		Result: []Member{
			protocolField, textField.as("name"), textField.as("version"), textField.as("language"),
			distinctTexts.as("profiles"), distinctTexts.as("parameter_sets"), distinctTexts.as("operations"),
			injectsField.optional(), cadencesField.optional(),
		},
	},
	{
		Op: Reset, Does: "forgets every party, device and account",
		Changes: true,
	},
	{
		Op: XeddsaSign, Does: "signs a message",
		Params:   []Member{setField, privateKey, messageField.orEmpty(), randomBytes.of(randomType).random()},
		Result:   []Member{signatureField.of(signatureType)},
		NeededBy: []Way{forSignatures},
	},
	{
		Op: XeddsaVerify, Does: "verifies a signature",
		Params:   []Member{setField, publicKey, messageField.orEmpty(), signatureField.orEmpty()},
		NeededBy: []Way{forSignatures},
	},
	{
		Op: X3dhInitiate, Does: "computes the agreement of the initiator, without a session",
		Params:   []Member{setField, identityPrivate, bundleField, ephemeralPrivate.random()},
		Result:   []Member{sharedSecret, ephemeralKey.of(publicKeyType), associatedData.optional()},
		NeededBy: []Way{forAgreement},
	},
	{
		Op: X3dhRespond, Does: "computes the agreement of the responder, without a session",
		Params: []Member{
			setField, identityPrivate, initiatorIdentity, ephemeralKey, signedPrekeyPrivate.optional(),
			oneTimePrivate.optional(),
		},
		Result:   []Member{sharedSecret, associatedData.optional()},
		NeededBy: []Way{forAgreement},
	},
	{
		Op: RatchetRoot, Does: "performs DH and KDF_RK",
		Params: []Member{setField, rootKey, ratchetPrivate, ratchetPublic},
		Result: []Member{rootKey, chainKey},
	},
	{
		Op: RatchetChain, Does: "performs KDF_CK",
		Params: []Member{setField, chainKey},
		Result: []Member{chainKey, messageKey},
	},
	{
		Op: RatchetSeal, Does: "seals a message with a given message key",
		Params: []Member{
			setField, messageKey, ratchetKey, associatedData.orEmpty(), previousLength.optional(),
			numberField.optional(), plaintextField.orEmpty(),
		},
		Result: []Member{messageField},
	},
	{
		Op: RatchetOpen, Does: "opens a message with a given message key",
		Params: []Member{setField, messageKey, associatedData.orEmpty(), messageField.orEmpty()},
		Result: []Member{plaintextField},
	},
	{
		Op: RatchetAccumulate, Does: "performs KDF_CK many times",
		Params:   []Member{setField, chainKey, stepsField},
		Result:   []Member{chainKey, digestField},
		Patience: 12,
	},
	{
		Op: PartyNew, Does: "makes a party",
		Params: []Member{
			setField, partyField, identityPrivate.random(), signedPrekeyPrivate.random(),
			signedPrekeyID.optional(), randomBytes.of(randomType).random(), oneTimePrivates.random(),
			oneTimeCount.optional(), registrationID.optional(), cadenceField.optional(),
		},
		Result:   []Member{bundleField},
		NeededBy: []Way{forStart, ByHandshake}, State: PartyExport, Changes: true,
	},
	{
		Op: PartyExport, Does: "exports what a party stores",
		Params: []Member{partyField},
		Result: []Member{stateField},
		State:  PartyExport,
	},
	{
		Op: PartyImport, Does: "makes a party of an export",
		Params: []Member{setField, partyField, stateField.orEmpty()},
		State:  PartyExport, Changes: true, Imports: true,
	},
	{
		Op: SessionInitiate, Does: "starts a session with the bundle of a peer",
		Params:   []Member{partyField, peerField, bundleField, ephemeralPrivate.random(), ratchetPrivate.random()},
		NeededBy: []Way{forStart, ByHandshake}, State: PartyExport, Changes: true,
	},
	{
		Op: SessionRespond, Does: "reads an initial message and starts its session",
		Params:   []Member{partyField, peerField, envelopeField, ratchetPrivate.random()},
		Result:   []Member{plaintextField},
		NeededBy: []Way{forStart, ByHandshake}, State: PartyExport, Changes: true,
	},
	{
		Op: SessionStart, Does: "starts a session from a shared secret",
		Params: []Member{
			setField, partyField, peerField, roleField, sharedSecret, associatedData.orEmpty(),
			ratchetPublic.optional(), ratchetPrivate.randomOf(Initiator), cadenceField.optional(),
		},
		NeededBy: []Way{BySecret}, State: PartyExport, Changes: true,
	},
	{
		Op: SessionEncrypt, Does: "encrypts a message of a session",
		Params:   []Member{partyField, peerField, plaintextField.orEmpty(), ratchetPrivate.random()},
		Result:   []Member{envelopeField},
		NeededBy: []Way{ByHandshake, BySecret}, State: PartyExport, Changes: true,
	},
	{
		Op: SessionDecrypt, Does: "decrypts a message of a session",
		Params:   []Member{partyField, peerField, envelopeField, ratchetPrivate.random()},
		Result:   []Member{plaintextField},
		NeededBy: []Way{ByHandshake, BySecret}, State: PartyExport, Changes: true,
	},
	{
		Op: SessionDigest, Does: "computes the state digest of a session",
		Params: []Member{partyField, peerField},
		Result: []Member{digestField},
		State:  PartyExport,
	},
	{
		Op: SessionLoad, Does: "makes a session of its canonical state",
		Params: []Member{setField, partyField, peerField, stateField.orEmpty()},
		State:  PartyExport, Changes: true,
	},
}

var ambassadorOperations = []Operation{
	{
		Op: AmbassadorDecode, Does: "decodes a structure",
		Params: []Member{structureField, messageField.orEmpty()},
		Result: []Member{fieldsField},
	},
	{
		Op: AmbassadorVerify, Does: "verifies the signatures of a structure",
		Params: []Member{structureField, messageField.orEmpty()},
	},
	{
		Op: LogFirst, Does: "computes the first head of a conversation",
		Params: []Member{accountField, peerAccount},
		Result: []Member{digestField},
	},
	{
		Op: LogNext, Does: "computes the head after an entry",
		Params: []Member{previousHead, messageField.orEmpty()},
		Result: []Member{digestField},
	},
	{
		Op: ChannelNew, Does: "makes a device that has channels and no account",
		Params:   []Member{partyField, randomBytes.random()},
		Result:   []Member{deviceStructure},
		NeededBy: []Way{forChannels}, State: ChannelExport, Changes: true,
	},
	{
		Op: ChannelConnect, Does: "starts the channel to a device",
		Params:   []Member{partyField, deviceStructure, randomBytes.random()},
		NeededBy: []Way{forChannels}, State: ChannelExport, Changes: true,
	},
	{
		Op: ChannelSeal, Does: "seals a record",
		Params:   []Member{partyField, recordField, randomBytes.random()},
		Result:   []Member{messageField},
		NeededBy: []Way{forChannels}, State: ChannelExport, Changes: true,
	},
	{
		Op: ChannelOpen, Does: "opens a message and checks its record",
		Params:   []Member{partyField, listField, deviceKey, messageField.orEmpty()},
		Result:   []Member{recordField},
		NeededBy: []Way{forChannels}, State: ChannelExport, Changes: true,
	},
	{
		Op: ChannelExport, Does: "exports what a device with channels stores",
		Params: []Member{partyField},
		Result: []Member{stateField},
		State:  ChannelExport,
	},
	{
		Op: ChannelImport, Does: "makes a device with channels of an export",
		Params: []Member{partyField, stateField.orEmpty()},
		State:  ChannelExport, Changes: true, Imports: true,
	},
	{
		Op: DeviceRegister, Does: "makes the leader of a new account",
		Params:   []Member{partyField, randomBytes.random()},
		Result:   []Member{messageField},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true,
	},
	{
		Op: DeviceNew, Does: "makes a device without an account",
		Params:   []Member{partyField, randomBytes.random()},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true,
	},
	{
		Op: DeviceOffer, Does: "makes a link offer",
		Params:   []Member{partyField},
		Result:   []Member{messageField},
		NeededBy: []Way{forDevice}, State: DeviceExport,
	},
	{
		Op: DeviceRequest, Does: "answers a link offer",
		Params:   []Member{partyField, messageField.orEmpty(), randomBytes.random()},
		Result:   []Member{messageField},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true,
	},
	{
		Op: DeviceSend, Does: "sends to an account",
		Params: []Member{
			partyField, accountField, plaintextField.orEmpty(), peerBundle.optional(), randomBytes.random(),
		},
		Result:   []Member{messageField},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true,
	},
	{
		Op: DeviceReceive, Does: "takes in a mail",
		Params:   []Member{partyField, messageField.orEmpty()},
		Result:   []Member{eventsField},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true,
	},
	{
		Op: DeviceRefused, Does: "learns that the post office has refused its commit",
		Params:   []Member{partyField},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true,
	},
	{
		Op: DeviceCaughtUp, Does: "learns that it has read its mailbox to the end",
		Params:   []Member{partyField, commitsField.optional()},
		Result:   []Member{eventsField},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true,
	},
	{
		Op: DeviceOwes, Does: "says to whom an answer is due",
		Params:   []Member{partyField},
		Result:   []Member{accountsField},
		NeededBy: []Way{forDevice}, State: DeviceExport,
	},
	{
		Op: DeviceUpkeep, Does: "makes the commit of the records that are owed",
		Params:   []Member{partyField, randomBytes.random()},
		Result:   []Member{messageField.optional()},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true,
	},
	{
		Op: DeviceAck, Does: "acknowledges what it has read",
		Params:   []Member{partyField, randomBytes.random()},
		Result:   []Member{messageField},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true,
	},
	{
		Op: DeviceReplenish, Does: "publishes prekeys anew",
		Params:   []Member{partyField, randomBytes.random()},
		Result:   []Member{messageField},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true,
	},
	{
		Op: DevicePrepare, Does: "prepares a rotation",
		Params:   []Member{partyField, devicesField.optional(), randomBytes.random()},
		Result:   []Member{messageField},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true,
	},
	{
		Op: DeviceRotate, Does: "rotates the epoch",
		Params:   []Member{partyField, messageField.optional(), devicesField.optional(), randomBytes.random()},
		Result:   []Member{messageField},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true,
	},
	{
		Op: DeviceStatus, Does: "says what the device knows",
		Params: []Member{partyField, accountField.optional()},
		Result: []Member{
			deviceKey, accountField.optional(), epochField.optional(), activeField.optional(),
			listField.optional(), seqField.optional(), headField.optional(), digestField.optional(),
			problemField.optional(),
		},
		NeededBy: []Way{forDevice}, State: DeviceExport,
	},
	{
		Op: DeviceExport, Does: "exports what a device stores",
		Params:   []Member{partyField},
		Result:   []Member{stateField},
		NeededBy: []Way{forDevice}, State: DeviceExport,
	},
	{
		Op: DeviceImport, Does: "makes a device of an export",
		Params:   []Member{partyField, stateField.orEmpty()},
		NeededBy: []Way{forDevice}, State: DeviceExport, Changes: true, Imports: true,
	},
	{
		Op: OfficeAppend, Does: "takes in a commit",
		Params:   []Member{messageField.orEmpty()},
		NeededBy: []Way{forOffice}, Changes: true,
	},
	{
		Op: OfficeBundle, Does: "gives out a bundle of an account",
		Params:   []Member{accountField},
		Result:   []Member{messageField},
		NeededBy: []Way{forOffice}, Changes: true,
	},
	{
		Op: OfficeFetch, Does: "gives out the mails of a device",
		Params:   []Member{accountField, deviceKey, positionField.optional()},
		Result:   []Member{mailsField, commitsField.optional(), prekeysField.optional()},
		NeededBy: []Way{forOffice}, Changes: true,
	},
	{
		Op: OfficeAnnounce, Does: "learns the number of a commit that will follow",
		Params:   []Member{accountField, deviceKey, commitsField},
		Result:   []Member{commitsField.optional()},
		NeededBy: []Way{forOffice}, Changes: true,
	},
}

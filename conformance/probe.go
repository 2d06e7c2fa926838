package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"credence/reference/params"
	"credence/shim"
)

// shimProfile is the profile of the tests of the shim itself. They always run.
const shimProfile = "shim"

// inventedOp is an operation that no target has: a target that does not refuse it would not refuse anything.
const inventedOp shim.Op = "credence.invented"

// probes are the tests of the shim itself.
func probes() []testCase {
	probe := func(id, comment string, run func(*tester) error) testCase {
		return testCase{TestInfo: TestInfo{ID: "shim/" + id, Profile: shimProfile, Comment: comment, Requirements: []string{}}, run: run}
	}
	return []testCase{
		probe("hello", "hello names the target, known profiles, known parameter sets and known operations", checkHello),
		probe("invented-operation", "an invented operation is refused as unsupported", refusesInvented),
		probe("operations", "every claimed profile has the operations that it needs", checkOperations),
	}
}

func checkHello(t *tester) error {
	h := t.hello
	if h.Protocol != shim.Version {
		return t.fail(Protocol, "hello: protocol version", fmt.Sprint(shim.Version), fmt.Sprint(h.Protocol))
	}
	if h.Name == "" || h.Version == "" || h.Language == "" {
		return t.fail(Protocol, "hello: name, version and language must be set", "three texts", describeResult(h.Result))
	}
	for _, p := range h.Profiles {
		if !slices.Contains(Profiles, p) {
			return t.fail(Protocol, fmt.Sprintf("hello: profile %q is unknown", p), strings.Join(Profiles, ", "), p)
		}
	}
	for _, s := range h.ParameterSets {
		if _, err := params.Lookup(s); err != nil {
			return t.fail(Protocol, "hello: "+err.Error(), "a parameter set of SPEC.md 2.4", s)
		}
	}
	for _, op := range h.Operations {
		if !slices.Contains(shim.Ops, op) {
			return t.fail(Protocol, fmt.Sprintf("hello: operation %q is unknown", op), "an operation of the shim protocol", string(op))
		}
	}
	return nil
}

func refusesInvented(t *tester) error {
	r, err := t.call(inventedOp, shim.Params{})
	var e *shim.Error
	if errors.As(err, &e) && e.Code == shim.Unsupported {
		return nil
	}
	if err != nil && !errors.As(err, &e) {
		return err
	}
	got := describeResult(r)
	if err != nil {
		got = err.Error()
	}
	return t.fail(Protocol, "an invented operation must be refused as unsupported", "unsupported", got)
}

func checkOperations(t *tester) error {
	h := t.hello
	for _, p := range h.Profiles {
		var missing []string // of each way to have the profile
		for _, ops := range needs[p] {
			lacks := slices.DeleteFunc(slices.Clone(ops), func(op shim.Op) bool { return h.offers(op) })
			missing = append(missing, fmt.Sprint(lacks))
		}
		if !slices.Contains(missing, "[]") {
			return t.fail(Unsupported, fmt.Sprintf("profile %s is claimed without the operations that it needs", p), "also "+strings.Join(missing, " or "), fmt.Sprint(h.Operations))
		}
	}
	if !h.offers(shim.Reset) {
		return t.fail(Unsupported, "reset is needed by every profile", "reset", fmt.Sprint(h.Operations))
	}
	return nil
}

// The operations that go together.
var (
	startOps     = []shim.Op{shim.SessionStart, shim.SessionEncrypt, shim.SessionDecrypt}
	handshakeOps = []shim.Op{shim.PartyNew, shim.SessionInitiate, shim.SessionRespond, shim.SessionEncrypt, shim.SessionDecrypt}
	deviceOps    = []shim.Op{
		shim.DeviceRegister, shim.DeviceNew, shim.DeviceOffer, shim.DeviceRequest, shim.DeviceSend, shim.DeviceReceive,
		shim.DeviceRefused, shim.DeviceCaughtUp, shim.DeviceUpkeep, shim.DeviceAck, shim.DeviceReplenish, shim.DevicePrepare,
		shim.DeviceRotate, shim.DeviceStatus, shim.DeviceExport, shim.DeviceImport,
	}
)

// needs are the operations of a profile: one of these lists, the easiest first (docs/shim-protocol.md).
var needs = map[string][][]shim.Op{
	"xeddsa":     {{shim.XeddsaSign, shim.XeddsaVerify}},
	"x3dh":       {{shim.X3dhInitiate, shim.X3dhRespond}, {shim.PartyNew, shim.SessionInitiate, shim.SessionRespond}},
	"ratchet":    {handshakeOps, startOps},
	"channel":    {{shim.ChannelNew, shim.ChannelConnect, shim.ChannelSeal, shim.ChannelOpen}},
	"ambassador": {deviceOps},
	"postoffice": {{shim.OfficeAppend, shim.OfficeBundle, shim.OfficeFetch}},
}

// cadence tells whether the target has a cadence.
func (h hello) cadence(name string) bool { return slices.Contains(h.Cadences, name) }

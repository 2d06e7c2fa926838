// Package adapter presents the reference as a target of the suite, like any other implementation.
package adapter

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"credence/reference/ambassador"
	"credence/reference/channel"
	"credence/reference/params"
	"credence/reference/postoffice"
	"credence/reference/primitive"
	"credence/reference/session"
	"credence/reference/wire"
	"credence/reference/x3dh"
	"credence/reference/xeddsa"
	"credence/shim"
	"credence/spec"
	"credence/spec/refusal"
)

// Adapter is the reference as a shim.Target. It is for one goroutine at a time.
type Adapter struct {
	parties  map[string]*session.Party
	sets     map[string]*params.Set // of each party
	channels map[string]*channel.Channels
	devices  map[string]*ambassador.Device
	office   *postoffice.Office
	extra    []*params.Set
	rand     io.Reader // of what a request does not give; only for devices and channels
}

// New returns an adapter without parties. It offers the published parameter sets, and extra ones under their names.
func New(extra ...*params.Set) *Adapter {
	a := NewRandom(rand.Reader)
	a.extra = extra
	return a
}

// NewRandom returns an adapter whose devices and channels draw from r what a request does not give, for tools that
// write vectors.
func NewRandom(r io.Reader) *Adapter {
	a := &Adapter{rand: r}
	a.reset()
	return a
}

func (a *Adapter) reset() {
	a.parties, a.sets = map[string]*session.Party{}, map[string]*params.Set{}
	a.channels, a.devices = map[string]*channel.Channels{}, map[string]*ambassador.Device{}
	a.office = postoffice.New(time.Now)
}

// Close does nothing.
func (a *Adapter) Close() error { return nil }

type operation func(*Adapter, *params.Set, *shim.Params) (*shim.Result, error)

// operations holds the code of each operation of the table (shim.Operations).
var operations = map[shim.Op]operation{
	shim.Hello: hello, shim.Reset: reset,
	shim.XeddsaSign: xeddsaSign, shim.XeddsaVerify: xeddsaVerify,
	shim.X3dhInitiate: x3dhInitiate, shim.X3dhRespond: x3dhRespond,
	shim.RatchetRoot: ratchetRoot, shim.RatchetChain: ratchetChain, shim.RatchetSeal: ratchetSeal,
	shim.RatchetOpen: ratchetOpen, shim.RatchetAccumulate: ratchetAccumulate,
	shim.PartyNew: partyNew, shim.PartyExport: partyExport, shim.PartyImport: partyImport,
	shim.SessionInitiate: sessionInitiate, shim.SessionRespond: sessionRespond, shim.SessionStart: sessionStart,
	shim.SessionEncrypt: sessionEncrypt, shim.SessionDecrypt: sessionDecrypt, shim.SessionDigest: sessionDigest,
	shim.SessionLoad:      sessionLoad,
	shim.AmbassadorDecode: ambassadorDecode, shim.AmbassadorVerify: ambassadorVerify, shim.LogFirst: logFirst,
	shim.LogNext:    logNext,
	shim.ChannelNew: channelNew, shim.ChannelConnect: channelConnect, shim.ChannelSeal: channelSeal,
	shim.ChannelOpen:   channelOpen,
	shim.ChannelExport: channelExport, shim.ChannelImport: channelImport,
	shim.DeviceRegister: deviceRegister, shim.DeviceNew: deviceNew, shim.DeviceOffer: deviceOffer,
	shim.DeviceRequest: deviceRequest,
	shim.DeviceSend:    deviceSend, shim.DeviceReceive: deviceReceive, shim.DeviceRefused: deviceRefused,
	shim.DeviceCaughtUp: deviceCaughtUp,
	shim.DeviceOwes:     deviceOwes,
	shim.DeviceUpkeep:   deviceUpkeep, shim.DeviceAck: deviceAck, shim.DeviceReplenish: deviceReplenish,
	shim.DevicePrepare: devicePrepare,
	shim.DeviceRotate:  deviceRotate, shim.DeviceStatus: deviceStatus, shim.DeviceExport: deviceExport,
	shim.DeviceImport: deviceImport,
	shim.OfficeAppend: officeAppend, shim.OfficeBundle: officeBundle, shim.OfficeFetch: officeFetch,
	shim.OfficeAnnounce: officeAnnounce,
}

// Call performs an operation. Refusals of the reference become errors with code rejected and their class.
func (a *Adapter) Call(_ context.Context, op shim.Op, p *shim.Params) (*shim.Result, error) {
	run, ok := operations[op]
	if !ok {
		return nil, &shim.Error{Code: shim.Unsupported, Message: fmt.Sprintf("operation %q", op)}
	}
	set, err := a.set(p)
	if err != nil {
		return nil, err
	}
	result, err := run(a, set, p)
	return result, protocolError(err)
}

// set finds the parameter set of the request: named, or the one of its party, or none.
func (a *Adapter) set(p *shim.Params) (*params.Set, error) {
	if p.Set == "" {
		return a.sets[p.Party], nil
	}
	set, err := params.Lookup(p.Set, a.extra...)
	if err != nil {
		return nil, &shim.Error{Code: shim.Unsupported, Message: err.Error()}
	}
	return set, nil
}

func protocolError(err error) error {
	var e *shim.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	if class := refusal.Of(err); class != "" {
		return &shim.Error{Code: shim.Rejected, Class: class, Message: err.Error()}
	}
	return &shim.Error{Code: shim.InvalidRequest, Message: err.Error()}
}

// draw returns a value of the request, or size fresh random bytes if it is absent.
func draw(size int64, value shim.Bytes) io.Reader {
	if value == nil {
		return io.LimitReader(rand.Reader, size)
	}
	return bytes.NewReader(value)
}

// draws returns private keys in the order of SPEC.md 1.3.
func draws(keys ...shim.Bytes) io.Reader {
	var d []io.Reader
	for _, k := range keys {
		d = append(d, draw(primitive.KeySize, k))
	}
	return io.MultiReader(append(d, rand.Reader)...)
}

func private(name string, b shim.Bytes) (*ecdh.PrivateKey, error) {
	k, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return k, nil
}

func plaintextResult(plaintext []byte, err error) (*shim.Result, error) {
	if err != nil {
		return nil, err
	}
	b := shim.Bytes(plaintext)
	return &shim.Result{Plaintext: &b}, nil
}

func hello(a *Adapter, _ *params.Set, _ *shim.Params) (*shim.Result, error) {
	r := &shim.Result{
		Protocol: shim.Version, Name: "Credence reference", Version: Version, Language: "Go",
		Profiles: shim.Profiles(), Injects: true, Cadences: spec.Cadences(), Operations: shim.Ops,
	}
	for _, s := range append(params.Sets(), a.extra...) {
		r.ParameterSets = append(r.ParameterSets, s.Name)
	}
	return r, nil
}

// Version is the version of the reference.
const Version = "0.1.0"

func reset(a *Adapter, _ *params.Set, _ *shim.Params) (*shim.Result, error) {
	a.reset()
	return &shim.Result{}, nil
}

func needSet(set *params.Set) error {
	if set == nil {
		return errors.New("set: missing, and the party is unknown")
	}
	return nil
}

func needSignatures(set *params.Set) error {
	if err := needSet(set); err != nil {
		return err
	}
	if set.Signature == params.NoSignature {
		return &shim.Error{Code: shim.Unsupported, Message: set.Name + " has no signatures"}
	}
	return nil
}

func xeddsaSign(_ *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	if err := needSignatures(set); err != nil {
		return nil, err
	}
	k, err := private("private_key", p.PrivateKey)
	if err != nil {
		return nil, err
	}
	signature, err := xeddsa.Sign(set.Signature, k, p.Message, draw(xeddsa.RandomSize, p.Random))
	return &shim.Result{Signature: signature}, err
}

func xeddsaVerify(_ *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	if err := needSignatures(set); err != nil {
		return nil, err
	}
	return &shim.Result{}, x3dh.VerifySignature(set, p.PublicKey, p.Message, p.Signature)
}

// FromShim returns a bundle of the shim protocol as the reference has it.
func FromShim(b *shim.Bundle) x3dh.Bundle {
	return x3dh.Bundle{
		Identity: b.Identity, SignedPrekey: b.SignedPrekey, SignedPrekeyID: b.SignedPrekeyID, Signature: b.Signature,
		OneTimePrekey: b.OneTimePrekey, OneTimePrekeyID: b.OneTimePrekeyID,
	}
}

// ToShim returns a bundle of the reference as the shim protocol has it.
func ToShim(b x3dh.Bundle) *shim.Bundle {
	return &shim.Bundle{
		Identity: b.Identity, SignedPrekey: b.SignedPrekey, SignedPrekeyID: b.SignedPrekeyID, Signature: b.Signature,
		OneTimePrekey: b.OneTimePrekey, OneTimePrekeyID: b.OneTimePrekeyID,
	}
}

// bundle returns the bundle of a request.
func bundle(p *shim.Params) (x3dh.Bundle, error) {
	if p.Bundle == nil {
		return x3dh.Bundle{}, errors.New("bundle: missing")
	}
	return FromShim(p.Bundle), nil
}

func x3dhInitiate(_ *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	if err := needSet(set); err != nil {
		return nil, err
	}
	identity, err := private("identity_private", p.IdentityPrivate)
	if err != nil {
		return nil, err
	}
	ek, err := primitive.GeneratePrivate(draw(primitive.KeySize, p.EphemeralPrivate))
	if err != nil {
		return nil, err
	}
	b, err := bundle(p)
	if err != nil {
		return nil, err
	}
	agreement, err := x3dh.Initiate(set, identity, ek, b)
	if err != nil {
		return nil, err
	}
	return &shim.Result{
		SharedSecret: agreement.Secret, AssociatedData: agreement.AD, EphemeralKey: set.Encode(primitive.Public(ek)),
	}, nil
}

func x3dhRespond(_ *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	if err := needSet(set); err != nil {
		return nil, err
	}
	identity, err := private("identity_private", p.IdentityPrivate)
	if err != nil {
		return nil, err
	}
	spkBytes, opkBytes := p.SignedPrekeyPrivate, p.OneTimePrekeyPrivate
	if !set.SignedPrekey {
		spkBytes, opkBytes = opkBytes, nil // SPEC.md 4.1
	}
	spk, err := private("signed_prekey_private", spkBytes)
	if err != nil {
		return nil, err
	}
	var opk *ecdh.PrivateKey
	if opkBytes != nil {
		if opk, err = private("one_time_prekey_private", opkBytes); err != nil {
			return nil, err
		}
	}
	agreement, err := x3dh.Respond(set, identity, spk, opk, p.InitiatorIdentity, p.EphemeralKey)
	return &shim.Result{SharedSecret: agreement.Secret, AssociatedData: agreement.AD}, err
}

func ratchetRoot(_ *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	if err := needSet(set); err != nil {
		return nil, err
	}
	k, err := private("ratchet_private", p.RatchetPrivate)
	if err != nil {
		return nil, err
	}
	remote, err := set.Decode(p.RatchetPublic)
	if err != nil {
		return nil, err
	}
	dh, err := primitive.DH(k, remote)
	if err != nil {
		return nil, err
	}
	root, chain := primitive.KDFRK(p.RootKey, dh, set.RootInfo)
	return &shim.Result{RootKey: root, ChainKey: chain}, nil
}

func ratchetChain(_ *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	if err := needSet(set); err != nil {
		return nil, err
	}
	next, mk := primitive.KDFCK(p.ChainKey)
	return &shim.Result{ChainKey: next, MessageKey: mk}, nil
}

func ratchetSeal(_ *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	if err := needSet(set); err != nil {
		return nil, err
	}
	key, err := set.Decode(p.RatchetKey)
	if err != nil {
		return nil, err
	}
	h := wire.Header{Key: key, PN: uint64(p.PreviousLength), N: uint64(p.Number)}
	return &shim.Result{Message: wire.Seal(set, p.MessageKey, p.AssociatedData, h, p.Plaintext)}, nil
}

func ratchetOpen(_ *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	if err := needSet(set); err != nil {
		return nil, err
	}
	m, err := wire.Parse(set, p.Message)
	if err != nil {
		return nil, err
	}
	return plaintextResult(m.Open(p.MessageKey, p.AssociatedData))
}

func ratchetAccumulate(_ *Adapter, set *params.Set, p *shim.Params) (*shim.Result, error) {
	if err := needSet(set); err != nil {
		return nil, err
	}
	ck, h := []byte(p.ChainKey), sha256.New()
	for range p.Steps {
		var mk []byte
		ck, mk = primitive.KDFCK(ck)
		h.Write(mk)
	}
	return &shim.Result{ChainKey: ck, Digest: h.Sum(nil)}, nil
}

package main

/*
#cgo LDFLAGS: -lolm
#include <olm/olm.h>
#include <stdlib.h>
*/
import "C"

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"unsafe"

	"credence/shim"
	"credence/spec/refusal"
)

// The library's types of messages.
const (
	initial C.size_t = 0
	ratchet C.size_t = 1
)

// party is what an application of the library keeps. The Matrix specification has it keep several sessions with a peer,
// at least four: it reads with any of them, and sends in the one that it used last, which is the first here.
type party struct {
	account  *C.OlmAccount
	sessions map[string][]*C.OlmSession
}

// kept is the number of sessions with a peer.
const kept = 4

var memory []unsafe.Pointer // of every account and session, refused ones too, until freeAll

func allocate(n C.size_t) unsafe.Pointer {
	memory = append(memory, C.malloc(n))
	return memory[len(memory)-1]
}

func freeAll() {
	for _, p := range memory {
		C.free(p)
	}
	memory = nil
}

func newParty() *party {
	return &party{C.olm_account(allocate(C.olm_account_size())), map[string][]*C.OlmSession{}}
}

func newSession() *C.OlmSession { return C.olm_session(allocate(C.olm_session_size())) }

func (own *party) held(peer string) []*C.OlmSession {
	if own.sessions[peer] == nil { // libolm, which has no store, cannot be asked
		panic(&shim.Error{Code: shim.Rejected, Class: refusal.NotReady, Message: "no session"})
	}
	return own.sessions[peer]
}

// use puts a session in front of the others with the peer.
func (own *party) use(peer string, used *C.OlmSession) {
	sessions := []*C.OlmSession{used}
	for _, s := range own.sessions[peer] {
		if s != used && len(sessions) < kept {
			sessions = append(sessions, s)
		}
	}
	own.sessions[peer] = sessions
}

func check(rc C.size_t, lastError *C.char) C.size_t {
	if rc == C.olm_error() {
		panic(reply(C.GoString(lastError)))
	}
	return rc
}

func ofAccount(a *C.OlmAccount, rc C.size_t) C.size_t { return check(rc, C.olm_account_last_error(a)) }
func ofSession(s *C.OlmSession, rc C.size_t) C.size_t { return check(rc, C.olm_session_last_error(s)) }

// encoded makes the base64 of the library, which destroys it while it reads: every call needs its own.
func encoded(b []byte) []byte     { return base64.RawStdEncoding.AppendEncode(nil, b) }
func decoded(s string) []byte     { return try(base64.RawStdEncoding.DecodeString(s)) }
func ptr(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }
func size(b []byte) C.size_t      { return C.size_t(len(b)) }

// draw returns n random bytes, in which each injected key that is not empty takes its place of 32 bytes.
func draw(n C.size_t, injected ...shim.Bytes) []byte {
	b := make([]byte, n)
	rand.Read(b)
	for i, key := range injected {
		if n > 0 { // otherwise the library draws nothing and the key is void
			copy(b[32*i:32*(i+1)], key)
		}
	}
	return b
}

func version() string {
	var major, minor, patch C.uint8_t
	C.olm_get_library_version(&major, &minor, &patch)
	return fmt.Sprintf("%d.%d.%d", major, minor, patch)
}

// create draws the Ed25519 seed, the Curve25519 key and the one-time keys.
func (own *party) create(p *shim.Params) *shim.Result {
	a, n := own.account, C.size_t(max(len(p.OneTimePrekeys), p.OneTimePrekeyCount))
	r := draw(C.olm_create_account_random_length(a), nil, p.IdentityPrivate)
	ofAccount(a, C.olm_create_account(a, ptr(r), size(r)))
	r = draw(C.olm_account_generate_one_time_keys_random_length(a, n), p.OneTimePrekeys...)
	ofAccount(a, C.olm_account_generate_one_time_keys(a, n, ptr(r), size(r)))
	return &shim.Result{Bundle: own.bundle()}
}

// bundle has the one-time key with the lowest id: the library numbers them from 1, in four bytes, big-endian.
func (own *party) bundle() *shim.Bundle {
	identity := make([]byte, C.olm_account_identity_keys_length(own.account))
	ofAccount(own.account, C.olm_account_identity_keys(own.account, ptr(identity), size(identity)))
	b := &shim.Bundle{Identity: decoded(curve25519[string](identity))}
	oneTime := make([]byte, C.olm_account_one_time_keys_length(own.account))
	ofAccount(own.account, C.olm_account_one_time_keys(own.account, ptr(oneTime), size(oneTime)))
	for name, key := range curve25519[map[string]string](oneTime) {
		if id := binary.BigEndian.Uint32(decoded(name)); b.OneTimePrekeyID == 0 || id < b.OneTimePrekeyID {
			b.OneTimePrekeyID, b.OneTimePrekey = id, decoded(key)
		}
	}
	return b
}

func curve25519[T any](text []byte) T {
	var keys struct{ Curve25519 T }
	err := json.Unmarshal(text, &keys)
	return try(keys.Curve25519, err)
}

// pickles is an export. Its JSON has one order.
type pickles struct {
	Account  string
	Sessions map[string][]string
}

var pickleKey = []byte("credence")

func (own *party) export(*shim.Params) *shim.Result {
	b := make([]byte, C.olm_pickle_account_length(own.account))
	ofAccount(own.account, C.olm_pickle_account(own.account, ptr(pickleKey), size(pickleKey), ptr(b), size(b)))
	state := pickles{string(b), map[string][]string{}}
	for peer, sessions := range own.sessions {
		for _, s := range sessions {
			b = make([]byte, C.olm_pickle_session_length(s))
			ofSession(s, C.olm_pickle_session(s, ptr(pickleKey), size(pickleKey), ptr(b), size(b)))
			state.Sessions[peer] = append(state.Sessions[peer], string(b))
		}
	}
	return &shim.Result{State: try(json.Marshal(state))}
}

func (own *party) restore(p *shim.Params) *shim.Result {
	var state pickles
	if json.Unmarshal(p.State, &state) != nil {
		fail(shim.InvalidRequest, "the state is not an export")
	}
	b := []byte(state.Account)
	ofAccount(own.account, C.olm_unpickle_account(own.account, ptr(pickleKey), size(pickleKey), ptr(b), size(b)))
	for peer, pickles := range state.Sessions {
		for _, pickle := range pickles {
			s, b := newSession(), []byte(pickle)
			ofSession(s, C.olm_unpickle_session(s, ptr(pickleKey), size(pickleKey), ptr(b), size(b)))
			own.sessions[peer] = append(own.sessions[peer], s)
		}
	}
	return &shim.Result{}
}

// initiate draws the base key, then the ratchet key.
func (own *party) initiate(p *shim.Params) *shim.Result {
	s, i, o := newSession(), encoded(p.Bundle.Identity), encoded(p.Bundle.OneTimePrekey)
	r := draw(C.olm_create_outbound_session_random_length(s), p.EphemeralPrivate, p.RatchetPrivate)
	ofSession(s, C.olm_create_outbound_session(s, own.account, ptr(i), size(i), ptr(o), size(o), ptr(r), size(r)))
	own.use(p.Peer, s)
	return &shim.Result{}
}

// respond discards the session and keeps the one-time key if the message inside does not decrypt.
func (own *party) respond(p *shim.Params) *shim.Result {
	s, b := newSession(), encoded(p.Envelope.Body)
	ofSession(s, C.olm_create_inbound_session(s, own.account, ptr(b), size(b)))
	result := read(s, initial, p.Envelope.Body)
	ofAccount(own.account, C.olm_remove_one_time_keys(own.account, s))
	own.use(p.Peer, s)
	return result
}

func (own *party) encrypt(p *shim.Params) *shim.Result {
	s := own.held(p.Peer)[0]
	kind := map[C.size_t]shim.MessageKind{
		initial: shim.InitialMessage, ratchet: shim.RatchetMessage,
	}[C.olm_encrypt_message_type(s)]
	r := draw(C.olm_encrypt_random_length(s), p.RatchetPrivate)
	b := make([]byte, C.olm_encrypt_message_length(s, size(p.Plaintext)))
	n := ofSession(s, C.olm_encrypt(s, ptr(p.Plaintext), size(p.Plaintext), ptr(r), size(r), ptr(b), size(b)))
	return &shim.Result{Envelope: &shim.Message{Kind: kind, Body: decoded(string(b[:n]))}}
}

// decrypt tries each session. If none reads the message, the refusal of the current one counts.
func (own *party) decrypt(p *shim.Params) *shim.Result {
	var refused any
	for _, s := range own.held(p.Peer) {
		result, reason := attempt(s, p.Envelope)
		if result != nil {
			own.use(p.Peer, s)
			return result
		}
		if refused == nil {
			refused = reason
		}
	}
	panic(refused)
}

// attempt asks the library first whether an initial message is of the session, as its documentation tells applications.
func attempt(s *C.OlmSession, e *shim.Message) (result *shim.Result, refused any) {
	defer func() { refused = recover() }()
	if e.Kind != shim.InitialMessage {
		return read(s, ratchet, e.Body), nil
	}
	b := encoded(e.Body)
	if ofSession(s, C.olm_matches_inbound_session(s, ptr(b), size(b))) == 0 {
		fail(shim.Rejected, "the message does not match the session")
	}
	return read(s, initial, e.Body), nil
}

func read(s *C.OlmSession, kind C.size_t, body []byte) *shim.Result {
	b := encoded(body)
	plaintext := make(shim.Bytes, ofSession(s, C.olm_decrypt_max_plaintext_length(s, kind, ptr(b), size(b))))
	b = encoded(body)
	plaintext = plaintext[:ofSession(s, C.olm_decrypt(s, kind, ptr(b), size(b), ptr(plaintext), size(plaintext)))]
	return &shim.Result{Plaintext: &plaintext}
}

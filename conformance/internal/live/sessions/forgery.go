package sessions

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"fmt"
	"strings"

	"credence/conformance/internal/pair"
	"credence/conformance/internal/suite"
	"credence/conformance/verdict"
	"credence/internal/malicious"
	"credence/reference/params"
	"credence/reference/primitive"
	"credence/reference/wire"
	"credence/shim"
	"credence/spec/refusal"
)

// forgeries are the tests of profile ratchet with forged messages, and with a malicious peer.
func forgeries(set *params.Set) []suite.Test {
	test := func(name, comment string, requirements []string, run func(p *pair.Pair)) suite.Test {
		return pair.Test("ratchet", set, name, comment, requirements, suite.NeedsSession, run)
	}
	tests := []suite.Test{
		test("forged-chain",
			"every change of a message of the running chain is refused; the genuine one is read then",
			[]string{"AMB-RAT-15 running-chain",
				"AMB-CNV-01 ratchet-message"}, forged(pair.Responds, (*pair.Pair).FromPeer)),
		test("forged-turn", "every change of a message under a new ratchet key is refused; the genuine one is read "+
			"then, and the peer reads the target's next message",
			[]string{"AMB-RAT-15 new-key", "AMB-RAT-17 responder",
				"AMB-CNV-01 ratchet-message"}, forged(pair.Responds, underNewKey)),
		test("forged-turn-initiator", "the same, as initiator",
			[]string{"AMB-RAT-15 new-key", "AMB-RAT-17 initiator",
				"AMB-CNV-01 ratchet-message"}, forged(pair.Initiates, underNewKey)),
		test("forged-skipped",
			"every change of a skipped message of the running chain is refused; the genuine one is read then",
			[]string{"AMB-RAT-15 skipped", "AMB-RAT-18 running-chain",
				"AMB-CNV-01 ratchet-message"}, forged(pair.Responds, skipped)),
		test("forged-late",
			"every change of a late message of an earlier chain is refused; the genuine one is read then",
			[]string{"AMB-RAT-15 late", "AMB-RAT-18 earlier-chain",
				"AMB-CNV-01 ratchet-message"}, forged(pair.Responds, skippedBefore)),
		test("forged-new-key", "forgeries under a fresh ratchet key; the conversation goes on",
			[]string{"AMB-RAT-17 responder", "AMB-CNV-01 ratchet-message"}, forgedUnderNewKey),
		test("far-number", "forged numbers up to 2^32 - 1 are refused",
			[]string{"AMB-RAT-20 far", "AMB-CNV-03"}, farNumbers),
		test("no-plaintext", "the refusal of a forged message tells nothing of the plaintext",
			[]string{"AMB-CNV-02"}, refusalWithoutPlaintext),
		test("reflected", "a message of the target comes back to it", []string{"AMB-SES-06 reflected"}, reflected),
		test("low-order-ratchet-key", "a malicious peer's ratchet keys of low order are refused",
			[]string{"AMB-KEY-01 ratchet-key", "AMB-CNV-03"}, triesAll(lowOrderRatchetKeys)),
	}
	if set.ClosesChains {
		tests = append(tests, test("closed-chain", "a malicious peer goes on with a chain that it has closed",
			[]string{"AMB-RAT-13"}, closedChain))
	}
	if set.Cipher == params.AESCBC {
		tests = append(tests, test("bad-padding", "a malicious peer's messages with a right tag, and wrong padding of "+
			"every length or a ciphertext that is none", []string{"AMB-AEA-02 padding length"}, triesAll(badPadding)))
	}
	return tests
}

// forged brings every change of a genuine message to the target, then the genuine one.
func forged(s pair.Setup, genuine func(p *pair.Pair) pair.Mail) func(p *pair.Pair) {
	return func(p *pair.Pair) {
		p.TryAll(func() (trials []suite.Trial) {
			p.OpenBoth(s)
			m := genuine(p)
			for _, mutation := range malicious.Mutations(p.Set, m.Envelope.Body) {
				trials = append(trials, p.Refusal(mutation.Name, pair.Raw(mutation.Message), ""))
			}
			return append(trials, goesOn(p, m))
		})
	}
}

// goesOn reads a genuine message after what was refused, and converses.
func goesOn(p *pair.Pair, m pair.Mail) suite.Trial {
	return suite.Trial{Name: "the genuine message", Try: func() {
		p.Read(m)
		p.SendToPeer()
		p.SendToTarget()
	}}
}

// triesAll makes a test of the trials on a stage.
func triesAll(stage func(p *pair.Pair) []suite.Trial) func(p *pair.Pair) {
	return func(p *pair.Pair) { p.TryAll(func() []suite.Trial { return stage(p) }) }
}

// underNewKey returns a message under a new ratchet key of the peer.
func underNewKey(p *pair.Pair) pair.Mail {
	p.SendToPeer()
	return p.FromPeer()
}

// forgedUnderNewKey lets a stranger send well-formed messages under ratchet keys of his own.
func forgedUnderNewKey(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	for range 3 {
		k, err := primitive.GeneratePrivate(p.Random)
		p.NoFault(err)
		mk := make([]byte, primitive.KeySize)
		p.Random.Read(mk)
		header := wire.Header{Key: primitive.Public(k)}
		p.Refuses(pair.Raw(wire.Seal(p.Set, mk, nil, header, []byte("from a stranger"))), "")
		p.Turns(1)
	}
}

func farNumbers(p *pair.Pair) {
	p.TryAll(func() (trials []suite.Trial) {
		p.OpenBoth(pair.Responds)
		m := p.FromPeer()
		next := p.Header(m).N
		for _, n := range []uint64{
			next + p.Set.MaxSkip + 1, 1<<16 - 1, 1 << 16, 1<<16 + next, 1 << 20, 1<<31 - 1, 1 << 31, 1<<32 - 2,
			1<<32 - 1,
		} {
			forged := malicious.SetNumber(p.Set, m.Envelope.Body, uint32(n))
			trials = append(trials, p.Refusal(fmt.Sprint("n = ", n), pair.Raw(forged), refusal.SkipLimit)) // AMB-RAT-20
		}
		return append(trials, goesOn(p, m))
	})
}

// refusalWithoutPlaintext looks for the plaintext in the refusal of a message whose tag is wrong (AMB-CNV-02).
func refusalWithoutPlaintext(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	plaintext := []byte("q7Zk-x0Wd-Hs93-vTbn-51Lc-Rm8e-Jy2g-Uf6p-aK4o-Ei1t")
	e, err := p.Peer.Encrypt(pair.Target, plaintext, p.Random)
	p.NoFault(err)
	e.Body[len(e.Body)-1] ^= 1
	_, refused := p.Call(shim.SessionDecrypt,
		shim.Params{Party: pair.Target, Peer: pair.Peer, Envelope: pair.Raw(e.Body)})
	if refused == nil {
		p.Violation(verdict.AcceptedInvalid, "a message with a wrong tag must be refused", "rejected", "a result")
	}
	if said := refused.Error(); quotes(said, plaintext) {
		p.Violation(verdict.Mismatch, "the refusal holds plaintext", "no plaintext", said)
	}
}

// quotes reports whether a text holds eight bytes of a plaintext in a row, as they are or in hexadecimal.
func quotes(text string, plaintext []byte) bool {
	const length = 8
	for at := range len(plaintext) - length + 1 {
		part := plaintext[at : at+length]
		if strings.Contains(text, string(part)) || strings.Contains(strings.ToLower(text), hex.EncodeToString(part)) {
			return true
		}
	}
	return false
}

func reflected(p *pair.Pair) {
	p.OpenBoth(pair.Initiates)
	own := p.FromTarget()
	p.Refuses(pair.Raw(own.Envelope.Body), "") // AMB-SES-06
	p.PeerReads(own)
	p.SendToTarget()
}

func lowOrderRatchetKeys(p *pair.Pair) (trials []suite.Trial) {
	p.OpenBoth(pair.Responds)
	before := p.PeerState()
	answer := p.FromTarget()
	h := p.Header(answer)
	if h.Key == *before.DHr { // the target is still in the turn that the peer has read
		p.Violation(verdict.Mismatch, "no new ratchet key after a turn", "a fresh ratchet key",
			hex.EncodeToString(h.Key[:]))
	}
	p.PeerReads(answer)
	for _, u := range malicious.LowOrderKeys(p.Set) {
		message, err := malicious.NewChain(before, h.Key, u, make([]byte, primitive.KeySize), []byte("evil"))
		p.NoFault(err)
		name := fmt.Sprintf("%x..", u[:4])
		trials = append(trials, p.Refusal(name, pair.Raw(message), refusal.LowOrderKey)) // AMB-KEY-01
	}
	return append(trials, goesOn(p, p.FromPeer()))
}

func closedChain(p *pair.Pair) {
	p.OpenBoth(pair.Responds)
	old := p.PeerState()
	p.Turns(1)
	beyond, err := old.Encrypt(p.Random, []byte("beyond pn"))
	p.NoFault(err)
	p.Refuses(pair.Raw(beyond), "") // AMB-RAT-13
	p.SendToTarget()
	p.SendToPeer()
}

func badPadding(p *pair.Pair) (trials []suite.Trial) {
	p.OpenBoth(pair.Responds)
	try := func(name string, ciphertext func(keys primitive.CBCKeys) []byte) {
		bad, err := malicious.Rewrapped(p.PeerState(), []byte("padded"),
			func(m *wire.Parts, keys primitive.CBCKeys) { m.Set("ciphertext", ciphertext(keys)) })
		p.NoFault(err)
		trials = append(trials, p.Refusal(name, pair.Raw(bad), refusal.Authentication)) // AMB-AEA-02
	}
	block := func(name string, change func(block []byte)) {
		try(name, func(keys primitive.CBCKeys) []byte {
			last := bytes.Repeat([]byte{'x'}, aes.BlockSize)
			change(last)
			return malicious.EncryptBlock(keys, string(last))
		})
	}
	block("padding of 0", func(b []byte) { b[len(b)-1] = 0 })
	block("padding of 17", func(b []byte) { copy(b, bytes.Repeat([]byte{17}, len(b))) })
	block("padding of 255", func(b []byte) { copy(b, bytes.Repeat([]byte{255}, len(b))) })
	for n := 2; n <= aes.BlockSize; n++ {
		for _, wrong := range []int{n, 2} { // counted from the end
			block(fmt.Sprintf("padding of %d, of which byte %d from the end is wrong", n, wrong), func(b []byte) {
				copy(b[len(b)-n:], bytes.Repeat([]byte{byte(n)}, n))
				b[len(b)-wrong] ^= 0x10
			})
		}
	}
	for _, n := range []int{0, 1, 15, 17} {
		try(fmt.Sprint("ciphertext of ", n, " bytes"), func(keys primitive.CBCKeys) []byte {
			return keys.Encrypt(make([]byte, aes.BlockSize))[:n]
		})
	}
	return append(trials, goesOn(p, p.FromPeer()))
}

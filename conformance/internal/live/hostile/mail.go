package hostile

import (
	"credence/reference/channel"
	"fmt"

	"credence/conformance/internal/world"
	"credence/conformance/verdict"
	"credence/reference/account"
	"credence/reference/codec"
	"credence/reference/postoffice"
	"credence/shim"
)

// entryMail returns the mail of an entry that another account has sent.
func entryMail(entry []byte) []byte {
	return codec.MustEncode(&postoffice.Mail{Position: 1, Entry: entry})
}

// withEntry returns a mail of records with an entry in it.
func withEntry(w *world.World, mail, entry []byte) []byte {
	m := parseMail(w, mail)
	m.Entry = entry
	return codec.MustEncode(m)
}

// parseMail decodes a mail that the suite or the post office of the reference has made.
func parseMail(w *world.World, mail []byte) *postoffice.Mail {
	m := &postoffice.Mail{}
	w.NoFault(codec.Decode(mail, m))
	return m
}

// newest returns the last of the mails that a device has got.
func newest(w *world.World, mails [][]byte) []byte {
	if len(mails) == 0 {
		w.Violation(verdict.Mismatch, "a device of the account has got no mail", "a mail", "none")
	}
	return mails[len(mails)-1]
}

// commitOf lets the target make a commit, and decodes it.
func commitOf(w *world.World, op shim.Op, p shim.Params) *postoffice.Commit {
	c, err := parseCommit(w.Must(op, p).Message)
	if err != nil {
		w.Violation(verdict.Mismatch, string(op)+" gives no commit", "a Commit", err.Error())
	}
	return c
}

func parseCommit(commit []byte) (*postoffice.Commit, error) {
	c := &postoffice.Commit{}
	return c, codec.Decode(commit, c)
}

// parcelCommitOf is commitOf for an account of two devices: the commit has one parcel. what is for people.
func parcelCommitOf(w *world.World, what string, op shim.Op, p shim.Params) *postoffice.Commit {
	c, err := parseCommit(w.Must(op, p).Message)
	if err != nil || len(c.Parcels) != 1 {
		w.Violation(verdict.Mismatch, "the commit of "+what+" of two devices", "one parcel",
			fmt.Sprintf("%d parcels, %v", len(c.Parcels), err))
	}
	return c
}

// bundleOf returns a bundle that the post office hands out for an account of the target.
func bundleOf(w *world.World, id account.ID) *account.Bundle {
	encoded, err := w.Office.Bundle(id)
	w.Understood(err)
	b := &account.Bundle{}
	w.Understood(codec.Decode(encoded, b))
	return b
}

// withCuts returns the mail of a rotation with the cuts of the post office.
func withCuts(w *world.World, mail []byte, cuts []channel.Head) []byte {
	m := parseMail(w, mail)
	m.Cuts = cuts
	return codec.MustEncode(m)
}

package offices

import (
	"credence/conformance/internal/suite"
	"credence/reference/account"
	"credence/reference/postoffice"
	"credence/shim"
)

// office is the post office of the target, as a postoffice.Service. It returns a refusal as an error that keeps its
// class; a target that breaks stops the test.
type office struct{ *suite.T }

func (o office) Append(commit []byte) error {
	_, err := o.Try(shim.OfficeAppend, shim.Params{Message: commit})
	return err
}

func (o office) Bundle(id account.ID) ([]byte, error) {
	r, err := o.Try(shim.OfficeBundle, shim.Params{Account: id[:]})
	if err != nil {
		return nil, err
	}
	return r.Message, nil
}

func (o office) Fetch(id account.ID, device account.DeviceID, from uint64) (postoffice.Mailbox, error) {
	r, err := o.Try(shim.OfficeFetch, shim.Params{Account: id[:], Device: device[:], Position: from})
	if err != nil {
		return postoffice.Mailbox{}, err
	}
	box := postoffice.Mailbox{Commits: r.Commits, Prekeys: r.Prekeys}
	for _, m := range r.Mails {
		box.Mails = append(box.Mails, m)
	}
	return box, nil
}

func (o office) Announce(id account.ID, device account.DeviceID, number uint64) (uint64, error) {
	r, err := o.Try(shim.OfficeAnnounce, shim.Params{Account: id[:], Device: device[:], Commits: number})
	if err != nil {
		return 0, err
	}
	return r.Commits, nil
}

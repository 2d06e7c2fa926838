package suite

import (
	"errors"
	"fmt"
	"slices"

	"credence/shim"
)

// Why a run cannot begin.
var (
	ErrTarget         = errors.New("target could not be run") // wraps the reason why it could not be run at all
	ErrNoMatch        = errors.New("no test matches")         // of what was asked for nothing is there
	ErrUnknownProfile = errors.New("unknown profile")
)

// CheckProfiles returns ErrUnknownProfile unless all of these are profiles.
func CheckProfiles(profiles []string) error {
	for _, p := range profiles {
		if !slices.Contains(shim.Profiles(), p) {
			return fmt.Errorf("%w %q (there are %v)", ErrUnknownProfile, p, shim.Profiles())
		}
	}
	return nil
}

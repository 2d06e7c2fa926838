// Package schema is the JSON Schema of the shim protocol: it makes its text from the table of operations, checks
// requests and replies against it, and says in one line what a schema refuses.
package schema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// FirstCause turns an error of validation into one that names the first field and what is wrong with it, such as
// `field "events.0.do": value must be one of ...`. Any other error, and nil, stays as it is.
func FirstCause(err error) error {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return err
	}
	for len(v.Causes) > 0 {
		v = v.Causes[0]
	}
	lines := strings.Split(v.Error(), "\n")
	reason := lines[len(lines)-1]
	if _, after, ok := strings.Cut(reason, "': "); ok {
		reason = after
	}
	return fmt.Errorf("field %q: %s", strings.Join(v.InstanceLocation, "."), reason)
}

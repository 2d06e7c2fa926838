//go:build !unix

package active

// mapped returns nil: changes can be judged, and it is not known which tests reach them.
func mapped(string) []byte { return nil }

package adversary

import "fmt"

// Term names a secret.
type Term string

// The terms. Keys and sessions are named, chain keys and message keys counted.
func private(key string) Term       { return Term("private " + key) }
func root(session, key string) Term { return Term("root " + session + " " + key) }
func chainKey(session, key string, n uint64) Term {
	return Term(fmt.Sprint("chain ", session, " ", key, " ", n))
}
func messageKey(session, key string, n uint64) Term {
	return Term(fmt.Sprint("message ", session, " ", key, " ", n))
}
func agreed(session string) Term { return Term("secret " + session) }

// dh names a DH output; the order of the keys does not matter.
func dh(a, b string) Term {
	if b < a {
		a, b = b, a
	}
	return Term("dh " + a + " " + b)
}

// rule is one derivation of the specification: who knows all of from can compute to.
type rule struct {
	from []Term
	to   []Term
}

// closure returns everything that follows from what is known.
func closure(known []Term, rules []rule) map[Term]bool {
	waits := map[Term][]int{} // rules in which a term stands as a premise
	missing := make([]int, len(rules))
	for i, r := range rules {
		missing[i] = len(r.from)
		for _, t := range r.from {
			waits[t] = append(waits[t], i)
		}
	}
	knows := map[Term]bool{}
	next := append([]Term{}, known...)
	for len(next) > 0 {
		t := next[len(next)-1]
		next = next[:len(next)-1]
		if knows[t] {
			continue
		}
		knows[t] = true
		for _, i := range waits[t] {
			if missing[i]--; missing[i] == 0 {
				next = append(next, rules[i].to...)
			}
		}
	}
	return knows
}

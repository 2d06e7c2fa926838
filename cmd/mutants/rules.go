package main

import "slices"

// roles are the roles of a device (SPEC.md 9.1), "new" before it is on a list.
var roles = []string{"leader", "companion", "pending", "new"}

// judgeRules takes away, one at a time, what the reference does for a requirement that it cites: in each set whose
// tests reach it, and where devices work, in each role.
func (o options) judgeRules(j *judge, changes []*change, record *recorder) error {
	type cell struct {
		*change
		where
	}
	for _, role := range append([]string{""}, roles...) {
		if err := j.survey(role); err != nil {
			return err
		}
	}
	var cells []cell
	for _, c := range changes {
		if !c.removes || len(c.requirements) == 0 {
			continue
		}
		var wheres []where
		for _, t := range j.surveys[""] {
			wheres = append(wheres, where{Set: setOf(t.id)})
		}
		for _, role := range roles {
			wheres = append(wheres, where{Role: role})
		}
		for _, w := range wheres {
			if !slices.Contains(cells, cell{c, w}) && len(j.reaching(c, w)) > 0 {
				cells = append(cells, cell{c, w})
			}
		}
	}
	return forAll(o.jobs, cells, func(c cell) error {
		r, err := j.judge(c.change, c.where)
		if err == nil {
			record.add(r)
		}
		return err
	})
}

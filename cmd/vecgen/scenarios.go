package main

import (
	"fmt"

	"credence/reference/account"
	"credence/reference/client"
	"credence/vectors"
)

// scenarioList collects the scenario tests of a profile.
type scenarioList struct {
	group vectors.Group
	file  *vectors.File
	err   error
}

// run makes one scenario. Its story is told in terms of the target's devices; the rest of the world is made by the

// scene.
func (l *scenarioList) run(id, comment string, flags, requirements []string, story func(s *scene)) {
	s := newScene(fmt.Sprintf("%s/ambassador-v1/scenario/%s", l.group.Profile, id), comment, flags, requirements...)
	story(s)
	if s.err != nil && l.err == nil {
		l.err = s.err
	}
	for _, flag := range s.test.Flags {
		l.file.Notes[flag] = flagNotes[flag]
	}
	l.group.Tests = append(l.group.Tests, s.test)
}

func (l *scenarioList) done() error {
	l.file.TestGroups = append(l.file.TestGroups, l.group)
	return l.err
}

func newScenarios(f *vectors.File, profile string) *scenarioList {
	return &scenarioList{
		group: vectors.Group{Type: vectors.Scenario, Profile: profile, ParameterSet: account.Set.Name}, file: f,
	}
}

func reqs(ids ...string) []string { return ids }

// scenarios adds every scenario of the profile ambassador.
func scenarios(f *vectors.File) error {
	l := newScenarios(f, "ambassador")
	l.run("register", "an account with one device", nil, reqs("AMB-ENC-01", "AMB-ACC-01", "AMB-ACC-02", "AMB-ACC-04"),
		func(s *scene) { s.register("phone") })
	l.run("link", "two devices are linked, one after the other", nil, reqs("AMB-ROT-11", "AMB-ENC-01"), func(s *scene) {
		s.register("phone")
		s.link("phone", "laptop")
		s.link("phone", "tablet", "laptop")
	})
	l.conversations()
	l.races()
	l.delivery()
	l.reports()
	l.commits()
	l.records()
	l.losses()
	l.restarts()
	l.rotations()
	l.crossings()
	l.afterRotations()
	l.refusals()
	l.alike()
	l.freezes()
	l.cuts()
	l.handovers()
	return l.done()
}

// pair makes the target's phone and laptop, and another account.
func pair(s *scene) *client.Client {
	bob := s.other()
	s.register("phone")
	s.link("phone", "laptop")
	return bob
}

// says lets the other account send to the target's.
func (s *scene) says(c *client.Client, to, text string) { s.fail(c.Send(s.id(to), []byte(text))) }

package secretsmanager

import (
	"maps"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/secretsmanager"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// secret is a secret as it is stored; its id is its name. Its values are rows of their own.
type secret struct {
	Suffix      string             `json:"suffix"` // what the ARN has after the name
	Description string             `json:"description,omitzero"`
	KMSKey      string             `json:"kmsKeyId,omitzero"`
	Tags        map[string]string  `json:"tags,omitzero"`
	Created     time.Time          `json:"created"`
	Changed     time.Time          `json:"changed"`
	Accessed    time.Time          `json:"accessed,omitzero"` // a day
	Deletion    time.Time          `json:"deletion,omitzero"` // from then on it is gone; zero: it is not to be deleted
	Versions    map[string]version `json:"versions,omitzero"` // by id
}

// version is one of a secret's versions.
type version struct {
	Created time.Time `json:"created"`
	Stages  []string  `json:"stages,omitzero"`
}

// value is what a version holds; its id is valueID.
type value struct {
	Sealed []byte `json:"sealed"`
	Binary bool   `json:"binary,omitzero"`
}

// The stages that Secrets Manager itself gives.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

const (
	maxVersions = 100 // those without a stage are dropped beyond
	maxStages   = 20  // of a version
	maxTags     = 50
	maxBytes    = 65536
)

// copied is a secret that may be changed.
func (s *secret) copied() *secret {
	c := *s
	c.Tags, c.Versions = maps.Clone(s.Tags), maps.Clone(s.Versions)
	if c.Versions == nil {
		c.Versions = map[string]version{}
	}
	return &c
}

// staged is the version that has a stage; empty when none has.
func (s *secret) staged(stage string) string {
	for id, v := range s.Versions {
		if slices.Contains(v.Stages, stage) {
			return id
		}
	}
	return ""
}

// move gives a stage to a version, or to none where that is empty. The version that AWSCURRENT leaves becomes AWSPREVIOUS.
func (s *secret) move(stage, to string) {
	from := s.staged(stage)
	if from == to {
		return
	}
	if from != "" {
		v := s.Versions[from]
		v.Stages = slices.DeleteFunc(slices.Clone(v.Stages), func(has string) bool { return has == stage })
		s.Versions[from] = v
	}
	if to != "" {
		v := s.Versions[to]
		v.Stages = append(slices.Clone(v.Stages), stage)
		s.Versions[to] = v
	}
	if stage == current && from != "" && to != "" {
		s.drop(to, previous)
		s.move(previous, from)
	}
}

// drop takes a stage from a version.
func (s *secret) drop(id, stage string) {
	v := s.Versions[id]
	v.Stages = slices.DeleteFunc(slices.Clone(v.Stages), func(has string) bool { return has == stage })
	s.Versions[id] = v
}

// add adds a version with stages, AWSCURRENT where none are given, and returns the versions that are too many now.
func (s *secret) add(id string, stages []string, now time.Time) (dropped []string, err error) {
	if len(stages) == 0 || s.staged(current) == "" && !slices.Contains(stages, current) {
		stages = append([]string{current}, stages...)
	}
	s.Versions[id] = version{Created: now}
	for _, stage := range stages {
		s.move(stage, id)
	}
	for len(s.Versions) > maxVersions {
		oldest := ""
		for id, v := range s.Versions {
			if len(v.Stages) == 0 && (oldest == "" || v.Created.Before(s.Versions[oldest].Created)) {
				oldest = id
			}
		}
		if oldest == "" {
			return nil, wire.Errorf(api.LimitExceededException, "The secret has %d versions with staging labels, which is the most.", maxVersions)
		}
		delete(s.Versions, oldest)
		dropped = append(dropped, oldest)
	}
	return dropped, nil
}

// stages are those of each version that has any.
func (s *secret) stages() map[string][]string {
	all := map[string][]string{}
	for id, v := range s.Versions {
		if len(v.Stages) > 0 {
			all[id] = v.Stages
		}
	}
	return all
}

// gone says that the secret's time is over: the sweep has yet to remove it.
func (s *secret) gone(now time.Time) bool { return !s.Deletion.IsZero() && !now.Before(s.Deletion) }

// named is a secret that was found, with its name and scope.
type named struct {
	*secret
	scope store.Scope
	name  string
}

func (n named) arn() string { return arnOf(n.scope, n.name, n.Suffix) }

// valueID is the id of a version's row.
func (n named) valueID(version string) string { return n.name + n.Suffix + ":" + version }

// about ties a sealed value to its place.
func (n named) about(version string) string { return "secretsmanager " + n.arn() + " " + version }

package service

import (
	"regexp"
	"strings"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// Requests name services by name, by "cluster/name" or by ARN, and what belongs to a service by ARN or id.

var serviceName = regexp.MustCompile(`^[a-zA-Z0-9\-_]{1,255}$`)

// named reads the name of a service of a cluster.
func named(scope store.Scope, cluster, ref string) (string, error) {
	name, err := ecs.ServiceName(scope, cluster, ref)
	if err != nil {
		return "", err
	}
	if !serviceName.MatchString(name) {
		return "", invalidParameter("Service name must match %s, but was %s", serviceName, name)
	}
	return name, nil
}

// partOf reads the ARN of a service's revision or deployment: its id in the store.
func partOf(scope store.Scope, kind, ref string) (key string, err error) {
	got, path, isARN, err := ecs.Resource(scope, ref)
	switch {
	case err != nil:
		return "", err
	case !isARN:
		return "", invalidParameter("Invalid identifier: Invalid arn syntax.")
	case got != kind:
		return "", invalidParameter("Unsupported resource type: %s", got)
	case strings.Count(path, "/") != 2:
		return "", invalidParameter("Invalid identifier: %s names no %s.", ref, strings.ReplaceAll(kind, "-", " "))
	}
	return path, nil
}

// taskSetOf reads a task set's id or ARN: its id in the store.
func taskSetOf(scope store.Scope, v *Service, ref string) (key string, err error) {
	kind, path, isARN, err := ecs.Resource(scope, ref)
	switch {
	case err != nil:
		return "", err
	case !isARN:
		return PartKey(v.Cluster, v.Name, ref), nil
	case kind != "task-set":
		return "", invalidParameter("Unsupported resource type: %s", kind)
	}
	id, ok := strings.CutPrefix(path, v.Key()+"/")
	if !ok {
		return "", invalidParameter("Invalid identifier: the task set %s is not of the service %s.", ref, v.Name)
	}
	return PartKey(v.Cluster, v.Name, id), nil
}

// taskSetAt is the id in the store of the task set at the path of an ARN: "default/web/ecs-svc/1234567890123456789".
func taskSetAt(path string) (key string, ok bool) {
	parts := strings.Split(path, "/")
	if len(parts) != 4 {
		return "", false
	}
	return PartKey(parts[0], parts[1], parts[3]), true
}

// find is a service that a request names, of a cluster that must be there. v is nil when there is none of that name; arn is what
// it would have.
func (s *Scheduler) find(scope store.Scope, cluster, ref string) (v *Service, arn string, err error) {
	if cluster, err = s.ecs.KnownCluster(scope, cluster); err != nil {
		return nil, "", err
	}
	name, err := named(scope, cluster, ref)
	if err != nil {
		return nil, "", err
	}
	row, _ := s.Services.Get(scope, Key(cluster, name))
	return row.Value, ARN(scope, cluster, name), nil
}

// active is the key of a service that a request wants to change.
func (s *Scheduler) active(scope store.Scope, cluster, ref string) (key string, err error) {
	v, _, err := s.find(scope, cluster, ref)
	switch {
	case err != nil:
		return "", err
	case v == nil:
		return "", serviceNotFound()
	case v.Status != Active:
		return "", serviceNotActive()
	}
	return v.Key(), nil
}

// activeTx is the record of a service that must be there and ACTIVE, as part of the transaction. Copy it before you change it.
func (s *Scheduler) activeTx(tx *store.Tx, scope store.Scope, key string) (*Service, error) {
	v, ok := s.Services.GetTx(tx, scope, key)
	switch {
	case !ok:
		return nil, serviceNotFound()
	case v.Status != Active:
		return nil, serviceNotActive()
	}
	return v, nil
}

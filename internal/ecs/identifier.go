package ecs

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/internal/store"
)

// People and programs name things by short name or id, by "cluster/id" or by ARN. These functions make the ARNs and
// read every form; errors carry the texts that ECS answers.

// arn returns the ARN of one of the scope's resources: "task/default/0123...".
func arn(scope store.Scope, resource string) string {
	return "arn:" + partition(scope.Region) + ":ecs:" + scope.Region + ":" + scope.Account + ":" + resource
}

func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// ARN returns the ARN of one of a scope's resources of ECS, for packages that have some of their own: "service/default/web".
func ARN(scope store.Scope, path string) string { return arn(scope, path) }

// ClusterARN returns the ARN of a cluster.
func ClusterARN(scope store.Scope, name string) string { return arn(scope, "cluster/"+name) }

// TaskARN returns the ARN of a task.
func TaskARN(scope store.Scope, cluster, id string) string {
	return arn(scope, "task/"+cluster+"/"+id)
}

// InstanceARN returns the ARN of a container instance.
func InstanceARN(scope store.Scope, cluster, id string) string {
	return arn(scope, "container-instance/"+cluster+"/"+id)
}

// TaskDefinitionARN returns the ARN of a revision.
func TaskDefinitionARN(scope store.Scope, r Revision) string {
	return arn(scope, "task-definition/"+r.String())
}

// resource takes an ARN of the scope apart: "task/default/0123" has kind "task" and path "default/0123". ok is false
// when s is no ARN at all.
func resource(scope store.Scope, s string) (kind, path string, ok bool, err error) {
	if !strings.HasPrefix(s, "arn:") {
		return "", "", false, nil
	}
	f := strings.SplitN(s, ":", 6)
	if len(f) < 6 || f[2] != "ecs" {
		return "", "", true, invalidParameter("Invalid identifier: Invalid arn syntax.")
	}
	if f[3] != scope.Region {
		return "", "", true, invalidParameter("Invalid identifier: Unexpected region %s.", f[3])
	}
	if f[4] != scope.Account {
		return "", "", true, invalidParameter("Identifier is for %s. Your accountId is %s", f[4], scope.Account)
	}
	kind, path, _ = strings.Cut(f[5], "/")
	return kind, path, true, nil
}

var clusterName = regexp.MustCompile(`^[a-zA-Z0-9\-_]{1,255}$`)

// clusterFrom reads a cluster's name or ARN; none is "default".
func clusterFrom(scope store.Scope, s string) (string, error) {
	if s == "" {
		return "default", nil
	}
	kind, path, isARN, err := resource(scope, s)
	if err != nil {
		return "", err
	}
	if !isARN {
		kind, path = "cluster", s
	}
	if kind != "cluster" {
		return "", invalidParameter("Unsupported resource type: %s", kind)
	}
	if !clusterName.MatchString(path) {
		return "", invalidParameter("Cluster must match %s, but was %s", clusterName, path)
	}
	return path, nil
}

// taskFrom reads a task's id, "cluster/id" or ARN, which must be of the cluster.
func taskFrom(scope store.Scope, cluster, s string) (string, error) {
	return memberFrom(scope, cluster, "task", "taskId", s)
}

// instanceFrom reads a container instance's id, "cluster/id" or ARN, which must be of the cluster.
func instanceFrom(scope store.Scope, cluster, s string) (string, error) {
	return memberFrom(scope, cluster, "container-instance", "containerInstanceId", s)
}

func memberFrom(scope store.Scope, cluster, kind, what, s string) (string, error) {
	gotKind, path, isARN, err := resource(scope, s)
	if err != nil {
		return "", err
	}
	if isARN && gotKind != kind {
		return "", invalidParameter("Unsupported resource type: %s", gotKind)
	}
	if !isARN {
		path = s
	}
	of, id, qualified := strings.Cut(path, "/")
	if !qualified {
		of, id = cluster, path
	}
	if of != cluster {
		return "", invalidParameter("Invalid identifier: Identifier is for cluster %s. Your cluster is %s", of, cluster)
	}
	if len(id) != 32 && len(id) != 36 {
		return "", invalidParameter("%s length should be one of [32,36]", what)
	}
	return id, nil
}

var familyName = regexp.MustCompile(`^[a-zA-Z0-9\-_]{1,255}$`)

// revisionFrom reads a family, "family:revision" or an ARN. The Number of a bare family is 0.
func revisionFrom(scope store.Scope, s string) (Revision, error) {
	kind, path, isARN, err := resource(scope, s)
	if err != nil {
		return Revision{}, err
	}
	if !isARN {
		kind, path = "task-definition", s
	}
	family, number, numbered := strings.Cut(path, ":")
	if kind != "task-definition" || !familyName.MatchString(family) {
		return Revision{}, clientException("Invalid task definition: %s. Name it by family, family:revision or ARN.", s)
	}
	r := Revision{Family: family}
	if numbered {
		r.Number, err = strconv.Atoi(number)
		if err != nil || r.Number < 1 {
			return Revision{}, clientException("Invalid revision number. Number: %s", number)
		}
	}
	return r, nil
}

var idForm = regexp.MustCompile(`^[0-9a-f-]{32,36}$`)

// newID returns 32 random hexadecimal digits.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// newUUID returns a random UUID.
func newUUID() string { return uuid.NewString() }

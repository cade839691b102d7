package service

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// Key is a service's id in the store: "cluster/name".
func Key(cluster, name string) string { return cluster + "/" + name }

// PartKey is the id in the store of a revision, a deployment or a task set of a service: "cluster/name/id".
func PartKey(cluster, service, id string) string {
	return Key(cluster, service) + "/" + strings.TrimPrefix(id, rolloutPrefix)
}

// EventKey is the id in the store of a service's event: the keys of later ones sort after it.
func EventKey(cluster, service string, number int64) string {
	return fmt.Sprintf("%s/%019d", Key(cluster, service), number)
}

// Key is the service's id in the store.
func (s *Service) Key() string { return Key(s.Cluster, s.Name) }

// Key is the revision's id in the store.
func (r *Revision) Key() string { return PartKey(r.Cluster, r.Service, r.ID) }

// Key is the deployment's id in the store.
func (d *Deployment) Key() string { return PartKey(d.Cluster, d.Service, d.ID) }

// Key is the task set's id in the store.
func (t *TaskSet) Key() string { return PartKey(t.Cluster, t.Service, t.ID) }

// ARN returns the ARN of a service.
func ARN(scope store.Scope, cluster, name string) string {
	return ecs.ARN(scope, "service/"+Key(cluster, name))
}

// RevisionARN returns the ARN of a service revision.
func RevisionARN(scope store.Scope, cluster, service, id string) string {
	return ecs.ARN(scope, "service-revision/"+PartKey(cluster, service, id))
}

// DeploymentARN returns the ARN of a service deployment.
func DeploymentARN(scope store.Scope, cluster, service, id string) string {
	return ecs.ARN(scope, "service-deployment/"+PartKey(cluster, service, id))
}

// TaskSetARN returns the ARN of a task set: "...:task-set/default/web/ecs-svc/1234567890123456789".
func TaskSetARN(scope store.Scope, cluster, service, id string) string {
	return ecs.ARN(scope, "task-set/"+Key(cluster, service)+"/"+id)
}

// rolloutPrefix is what the ids of rollouts and task sets begin with.
const rolloutPrefix = "ecs-svc/"

// NewRolloutID returns the id of a rollout or a task set: "ecs-svc/1234567890123456789".
func NewRolloutID() string { return rolloutPrefix + digits() }

// NewRevisionID returns the id of a service revision.
func NewRevisionID() string { return digits() }

// NewDeploymentID returns the id of a service deployment: 21 characters that need no escape in a URL.
func NewDeploymentID() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var b [21]byte
	rand.Read(b[:])
	for i := range b {
		b[i] = alphabet[b[i]%byte(len(alphabet))]
	}
	return string(b[:])
}

// NewHookID returns the id of a call of a lifecycle hook.
func NewHookID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// digits are 19 random ones that fit 63 bits.
func digits() string {
	const lowest = 1_000_000_000_000_000_000
	n, err := rand.Int(rand.Reader, big.NewInt(8*lowest))
	if err != nil {
		panic(err) // the system's source of randomness does not fail
	}
	return strconv.FormatInt(lowest+n.Int64(), 10)
}

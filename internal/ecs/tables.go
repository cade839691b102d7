package ecs

import (
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// Tables are the service's tables. Package dispatch reads and watches them; what it has to say goes through [Service].
type Tables struct {
	Clusters        *store.Table[Cluster]
	TaskDefinitions *store.Table[TaskDefinition]
	Families        *store.Table[Family]
	Tasks           *store.Table[Task]
	Instances       *store.Table[Instance]

	CapacityProviders *store.Table[CapacityProvider]
	AccountSettings   *store.Table[AccountSetting]
}

// Indexes of the tables. A key with several parts joins them by slashes, which occur in none but the last. What tasks are
// listed by has their desired status in its key: whoever lists those that run walks past none that has stopped.
const (
	// Of Tasks.
	TasksByCluster   = "cluster"   // cluster/desiredStatus and cluster/desiredStatus/launchType
	TasksByInstance  = "instance"  // instance/desiredStatus
	TasksByFamily    = "family"    // cluster/desiredStatus/family
	TasksByStartedBy = "startedBy" // cluster/desiredStatus/startedBy
	TasksByStatus    = "status"    // lastStatus
	TasksByService   = "service"   // cluster/service, until it is STOPPED
	TasksUncounted   = "uncounted" // cluster/service, from the first sign of an end that the scheduler didn't order until [Service.CountTx]
	LiveByInstance   = "live"      // instance, while the task holds its share of the machine
	taskCounts       = "count"     // see countKeys

	// Of Instances.
	InstancesByCluster = "cluster" // cluster and cluster/status, of those that the API shows
	InstancesByPool    = "pool"    // pool, of those that are not INACTIVE
	InstancesByEC2     = "ec2"     // EC2 instance id, of those that are not INACTIVE

	// Of TaskDefinitions.
	definitionsByFamily = "family" // family/status
	definitionsByStatus = "status" // status

	// Of Clusters.
	clustersByStatus   = "status"   // status
	clustersByProvider = "provider" // capacity provider, of those that are ACTIVE

	// Of CapacityProviders.
	providersByGroup = "group" // Auto Scaling group, of those that are ACTIVE
)

func newTables(db *store.DB) Tables {
	return Tables{
		Clusters: store.NewTable(db, "ecs", "cluster",
			store.Index[Cluster]{Name: clustersByStatus, Keys: func(_ string, c *Cluster) []string { return []string{c.Status} }},
			store.Index[Cluster]{Name: clustersByProvider, Keys: func(_ string, c *Cluster) []string {
				if c.Status != clusterActive {
					return nil
				}
				return c.CapacityProviders
			}}),
		AccountSettings: store.NewTable[AccountSetting](db, "ecs", "account-setting"),
		CapacityProviders: store.NewTable(db, "ecs", "capacity-provider",
			store.Index[CapacityProvider]{Name: providersByGroup, Keys: func(_ string, p *CapacityProvider) []string {
				if p.Status != api.CapacityProviderStatusActive {
					return nil
				}
				return []string{p.AutoScalingGroup.AutoScalingGroupArn}
			}}),
		Families: store.NewTable[Family](db, "ecs", "family"),
		TaskDefinitions: store.NewTable(db, "ecs", "task-definition",
			store.Index[TaskDefinition]{Name: definitionsByFamily, Keys: func(_ string, d *TaskDefinition) []string {
				return []string{d.Definition.Family + "/" + string(d.Definition.Status)}
			}},
			store.Index[TaskDefinition]{Name: definitionsByStatus, Keys: func(_ string, d *TaskDefinition) []string {
				return []string{string(d.Definition.Status)}
			}}),
		Tasks: store.NewTable(db, "ecs", "task",
			store.Index[Task]{Name: TasksByCluster, Keys: func(_ string, t *Task) []string {
				return []string{listKey(t.Cluster, t.Desired()), listKey(t.Cluster, t.Desired(), string(t.LaunchType))}
			}},
			store.Index[Task]{Name: TasksByInstance, Keys: func(_ string, t *Task) []string {
				return []string{listKey(t.Instance, t.Desired())}
			}},
			store.Index[Task]{Name: TasksByFamily, Keys: func(_ string, t *Task) []string {
				return []string{listKey(t.Cluster, t.Desired(), t.Definition.Family)}
			}},
			store.Index[Task]{Name: TasksByStartedBy, Keys: func(_ string, t *Task) []string {
				if t.StartedBy == "" {
					return nil
				}
				return []string{listKey(t.Cluster, t.Desired(), t.StartedBy)}
			}},
			store.Index[Task]{Name: TasksByStatus, Keys: func(_ string, t *Task) []string { return []string{string(t.Status)} }},
			store.Index[Task]{Name: TasksByService, Keys: func(_ string, t *Task) []string {
				if t.Service == "" || t.Status == Stopped {
					return nil
				}
				return []string{t.Cluster + "/" + t.Service}
			}},
			store.Index[Task]{Name: TasksUncounted, Keys: func(_ string, t *Task) []string {
				if !t.Uncounted() {
					return nil
				}
				return []string{t.Cluster + "/" + t.Service}
			}},
			store.Index[Task]{Name: LiveByInstance, Keys: func(_ string, t *Task) []string {
				if !t.Status.Live() {
					return nil
				}
				return []string{t.Instance}
			}},
			store.Index[Task]{Name: taskCounts, Counted: true, Keys: countKeys}),
		Instances: store.NewTable(db, "ecs", "container-instance",
			store.Index[Instance]{Name: InstancesByCluster, Keys: func(_ string, i *Instance) []string {
				if !i.shown() {
					return nil
				}
				return []string{i.Cluster, i.Cluster + "/" + i.Status}
			}},
			store.Index[Instance]{Name: InstancesByPool, Keys: func(_ string, i *Instance) []string {
				if i.Status == instanceInactive {
					return nil
				}
				return []string{i.Pool}
			}},
			store.Index[Instance]{Name: InstancesByEC2, Keys: func(_ string, i *Instance) []string {
				if i.Status == instanceInactive {
					return nil
				}
				return []string{i.EC2InstanceID}
			}}),
	}
}

// listKey is the key of tasks of a cluster, or of an instance, by what they should be and one thing more.
func listKey(of string, desired api.DesiredStatus, more ...string) string {
	key := of + "/" + string(desired)
	for _, part := range more {
		key += "/" + part
	}
	return key
}

// What is counted of the tasks of a cluster and of an instance; of a revision it is those that have not stopped.
const (
	countActive  = "active" // not STOPPED yet
	countPending = "pending"
	countRunning = "running"
)

// countKeys are the keys under which a task is counted: "cluster/<name>/<what>", "cluster/<name>/<what>/<launch type>",
// "cluster/<name>/active/<capacity provider>", "instance/<id>/<what>", "definition/<family>:<revision>" and, of a service,
// "rollout/<startedBy>/<what>", where no task is running any more that is on its way to stop.
func countKeys(_ string, t *Task) []string {
	if t.Status == Stopped {
		return nil
	}
	keys := []string{clusterCount(t.Cluster, countActive), definitionCount(t.Definition)}
	if t.CapacityProvider != "" {
		keys = append(keys, clusterCount(t.Cluster, countActive+"/"+t.CapacityProvider))
	}
	what := countRunning
	switch t.Status {
	case Provisioning, Pending, Activating:
		what = countPending
		if t.Service != "" {
			keys = append(keys, rolloutCount(t.StartedBy, countPending))
		}
	case Running:
		if t.Service != "" {
			keys = append(keys, rolloutCount(t.StartedBy, countRunning))
		}
	case Deprovisioning:
		return keys
	}
	return append(keys, clusterCount(t.Cluster, what), clusterCount(t.Cluster, what+"/"+string(t.LaunchType)), instanceCount(t.Instance, what))
}

func clusterCount(name, what string) string { return "cluster/" + name + "/" + what }
func instanceCount(id, what string) string  { return "instance/" + id + "/" + what }
func rolloutCount(id, what string) string   { return "rollout/" + id + "/" + what }
func definitionCount(r Revision) string     { return "definition/" + r.String() }

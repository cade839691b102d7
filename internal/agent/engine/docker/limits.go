package docker

import "github.com/moby/moby/api/types/container"

// limits are those of a whole task.
type limits struct {
	shares int64 // ECS's units, 1024 a core
	hard   bool  // the shares are a ceiling too
	memory int64 // bytes
}

// makeGroup makes the control group above the task's containers, where there is one.
func (t *task) makeGroup() error {
	s := t.record.Spec
	if t.cgroup == nil {
		return nil
	}
	return t.cgroup.limit(t.id, limits{shares: s.CPU, hard: s.CPUHard, memory: s.Memory})
}

// bound puts a container below its task's limits. Where Docker has no place for those, which it has not in a virtual
// machine or under systemd, no container gets more than the whole task's by itself.
func (t *task) bound(host *container.HostConfig) {
	s := t.record.Spec
	if t.cgroup != nil {
		host.CgroupParent = t.cgroup.path(t.id)
		return
	}
	if s.Memory > 0 && (host.Memory == 0 || host.Memory > s.Memory) {
		host.Memory = s.Memory
	}
	if s.CPU > 0 && s.CPUHard && host.NanoCPUs == 0 && host.CPUQuota == 0 {
		host.NanoCPUs = s.CPU * 1e9 / 1024
	}
}

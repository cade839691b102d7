package metadata

import (
	"context"
	"sync"

	"github.com/berth-dev/berth/api/acs"
)

// Keyring holds the credentials that the control plane issued to the tasks of this machine. It lives in memory only:
// after a start the control plane sends them again. Its methods may be called at the same time.
type Keyring struct {
	mu      sync.Mutex
	tasks   map[string]*keys // by task id
	changed chan struct{}    // closed and replaced when credentials arrive
}

// keys are a task's credentials by role; nil when it has none, or none yet.
type keys struct {
	application, execution *acs.IAMRoleCredentials
	// before is the access key that the task's own replaced: a client may hold on to it until it expires.
	before string
}

// NewKeyring returns an empty keyring.
func NewKeyring() *Keyring {
	return &Keyring{tasks: map[string]*keys{}, changed: make(chan struct{})}
}

// Set keeps what a task was issued for a role, in place of what it had. Credentials without an access key, as a task
// read back from disk has them, are no credentials.
func (k *Keyring) Set(task string, role acs.RoleType, c *acs.IAMRoleCredentials) {
	if c == nil || c.AccessKeyId == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.tasks[task]
	if t == nil {
		t = &keys{}
		k.tasks[task] = t
	}
	if role == acs.RoleTypeTaskExecution {
		t.execution = c
	} else {
		if t.application != nil && t.application.AccessKeyId != c.AccessKeyId {
			t.before = t.application.AccessKeyId
		}
		t.application = c
	}
	close(k.changed)
	k.changed = make(chan struct{})
}

// Forget drops a task's credentials.
func (k *Keyring) Forget(task string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.tasks, task)
}

// Get returns what a task was issued for a role. ok is false when there is nothing, or nothing yet.
func (k *Keyring) Get(task string, role acs.RoleType) (c acs.IAMRoleCredentials, ok bool) {
	c, ok, _ = k.get(task, role)
	return c, ok
}

// Issued says that an access key is one that the task was issued for its task role: the present one or the one before.
func (k *Keyring) Issued(task, accessKey string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.tasks[task]
	return t != nil && accessKey != "" && (t.before == accessKey || t.application != nil && t.application.AccessKeyId == accessKey)
}

// Wait is Get that waits for the credentials to arrive, until ctx ends.
func (k *Keyring) Wait(ctx context.Context, task string, role acs.RoleType) (c acs.IAMRoleCredentials, ok bool) {
	for {
		c, ok, changed := k.get(task, role)
		if ok {
			return c, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return c, false
		}
	}
}

func (k *Keyring) get(task string, role acs.RoleType) (acs.IAMRoleCredentials, bool, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found *acs.IAMRoleCredentials
	if t := k.tasks[task]; t != nil {
		if found = t.application; role == acs.RoleTypeTaskExecution {
			found = t.execution
		}
	}
	if found == nil {
		return acs.IAMRoleCredentials{}, false, k.changed
	}
	return *found, true, nil
}

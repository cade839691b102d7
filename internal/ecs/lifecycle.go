package ecs

// Status is a task's lastStatus. A task passes them in this order, may leave some out, and never goes back.
type Status string

const (
	// NoStatus stands before the first status, and after the last, in [Moves].
	NoStatus       Status = ""
	Provisioning   Status = "PROVISIONING"   // its network interface is being made
	Pending        Status = "PENDING"        // its agent pulls and creates
	Activating     Status = "ACTIVATING"     // it runs, and is being registered with load balancers and registries
	Running        Status = "RUNNING"        //
	Deactivating   Status = "DEACTIVATING"   // it is being deregistered, connections drain
	Stopping       Status = "STOPPING"       // its containers are being stopped
	Deprovisioning Status = "DEPROVISIONING" // its containers are gone, its network interface is being removed
	Stopped        Status = "STOPPED"        //
)

// rank orders the statuses; a later one is larger.
var rank = map[Status]int{
	NoStatus: 0, Provisioning: 1, Pending: 2, Activating: 3, Running: 4, Deactivating: 5, Stopping: 6, Deprovisioning: 7, Stopped: 8,
}

// Before tells whether s comes before o in a task's life.
func (s Status) Before(o Status) bool { return rank[s] < rank[o] }

// Live tells whether a task in this status holds its share of its machine.
func (s Status) Live() bool { return s.Before(Deprovisioning) }

// Actor is who moves a task.
type Actor string

const (
	ByPlacer     Actor = "placer"          // on the leader: commits a task with the machine it runs on
	ByAgent      Actor = "agent"           // through the Submit operations and acknowledgements: what is
	ByReconciler Actor = "task reconciler" // on the leader: what no agent can report
	ByMover      Actor = "mover"           // on the leader: takes what has stopped out of the state
)

// Move is a step of a task's life that an actor may make.
type Move struct {
	From, To Status
	By       Actor
	When     string
}

// Moves are all steps of a task's life. docs/task-lifecycle.md shows the same table.
var Moves = []Move{
	{NoStatus, Provisioning, ByPlacer, "the task and its network interface are committed"},
	{NoStatus, Pending, ByPlacer, "a task without a network interface is committed"},
	{Provisioning, Pending, ByAgent, "first report of any kind"},
	{Pending, Running, ByAgent, "reported RUNNING"},
	{Pending, Activating, ByAgent, "reported RUNNING, and there is a load balancer or registry to register with"},
	{Activating, Running, ByReconciler, "registered"},
	{Running, Deactivating, ByReconciler, "ordered to stop, and there is something to deregister from"},
	{Deactivating, Stopping, ByReconciler, "drained, or in a hurry"},
	{Pending, Stopping, ByAgent, "acknowledged the order to stop, or reported the end of an essential container"},
	{Activating, Stopping, ByAgent, "as above"},
	{Running, Stopping, ByAgent, "as above"},
	{Deactivating, Stopping, ByAgent, "as above"},
	{Pending, Deprovisioning, ByAgent, "reported STOPPED, and there is a network interface to remove"},
	{Activating, Deprovisioning, ByAgent, "as above"},
	{Running, Deprovisioning, ByAgent, "as above"},
	{Deactivating, Deprovisioning, ByAgent, "as above"},
	{Stopping, Deprovisioning, ByAgent, "as above"},
	{Pending, Stopped, ByAgent, "reported STOPPED, and there is nothing to remove"},
	{Activating, Stopped, ByAgent, "as above"},
	{Running, Stopped, ByAgent, "as above"},
	{Deactivating, Stopped, ByAgent, "as above"},
	{Stopping, Stopped, ByAgent, "as above"},
	{Deprovisioning, Stopped, ByReconciler, "the network interface is removed"},
	{Provisioning, Stopped, ByReconciler, "no agent is left to report: never delivered, machine lost or deregistered"},
	{Pending, Stopped, ByReconciler, "as above"},
	{Activating, Stopped, ByReconciler, "as above"},
	{Running, Stopped, ByReconciler, "as above"},
	{Deactivating, Stopped, ByReconciler, "as above"},
	{Stopping, Stopped, ByReconciler, "as above"},
	{Stopped, NoStatus, ByMover, "moved to the history, or forgotten where there is none"},
}

// May tells whether an actor may move a task from one status to another.
func May(by Actor, from, to Status) bool {
	for _, m := range Moves {
		if m.From == from && m.To == to && m.By == by {
			return true
		}
	}
	return false
}

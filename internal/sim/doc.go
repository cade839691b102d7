// Package sim is thousands of agents in one process: hollow ones, which register, keep their sockets open, acknowledge,
// beat and report as a machine's agent does, over real connections, and whose containers exist in memory only. test/scale
// measures a control plane with them, the tests here have them misbehave.
//
// The protocol is the agent's own (internal/agent/session) and so are the containers' scripts (internal/agent/engine/fake).
// What is lean is between the two: a hollow agent has no disk, and no goroutine for a task that only runs.
package sim

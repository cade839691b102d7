// Package plan decides what the service scheduler does next: what should be and what is, at one moment, go in; which tasks
// to start and to stop, what the service's record says from now on, and when to look again come out ([Decide]). It is pure:
// no store, no clock, no network. The loop of package service calls it with all that it has read, commits what comes out
// and calls it again until there is nothing left to do.
//
// A deployment strategy decides how many tasks each rollout is to have, and in which company: a [pool] is a desired count
// with its bounds, the rollout that is to have it, and the tasks that this replaces. A rolling update is one pool of all
// tasks; strategies that run two revisions side by side have a pool for each. How a pool gets there is the same for all of
// them (scale.go): health, bounds, protected tasks, instances that drain, back-off.
//
// Two promises hold for whatever happens outside: of a pool's tasks no healthy one is told to stop while the healthy ones
// are its minimum or fewer, and none is started beyond its maximum.
package plan

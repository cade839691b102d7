// Package ecs is the ECS service: clusters, task definitions, tasks and container instances, the placer that decides
// where tasks run, and the reconciler that closes those that no agent can report any more. cmd/berth assembles it; its
// handlers answer through package wire; package dispatch, which speaks with the agents, reads what should be from its
// tables and reports what is through [Service.ApplyTaskReport] and its siblings.
//
// A task's record has two halves with different writers. What should be (the order to stop) is written by API handlers
// and reconcilers; what is (status, containers, attachments) by the reports of agents alone, except where no agent is
// left to report. docs/task-lifecycle.md says which actor makes which move; [Moves] is the same table in code.
package ecs

// Package service keeps services as they should be: the operations of ECS about services, their deployments, revisions and
// task sets, and the scheduler that starts, replaces and stops their tasks. cmd/berth and package server assemble it over
// package ecs, whose placer places the tasks and whose leader it shares.
//
// A service is what the API shows of it (Service); what its tasks are made of is a Revision, which never changes; what
// takes it from one revision to the next is a Deployment, of which the newest is under way or was the last. Its tasks are in
// ecs.Tables, by the index ecs.TasksByService; each names its rollout (startedBy) and its revision.
//
// The scheduler is a pure core, (what should be, what is, now) -> actions, in package service/plan, with a loop around it
// that works by level: one key a service, all that there is to know read anew, actions committed by fenced transactions
// that compare the service's record.
package service

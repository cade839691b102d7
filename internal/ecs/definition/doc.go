// Package definition is what ECS says of a task definition: whether it may be registered, and in which words not, what it
// is registered as, which launch types it fits and what a container instance must be able to do to run it. It is pure: no
// store, no clock, no network. Package ecs registers with it; whoever wants to know beforehand may ask it too.
//
// It knows AWS's rules alone. What AWS takes and Berth does not do yet is refused by package ecs, after this package has
// found nothing wrong. Texts are those that AWS answers, as far as they are known.
package definition

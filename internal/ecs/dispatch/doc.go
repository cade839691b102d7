// Package dispatch is the control plane's end of the agent protocol: ACS, the socket by which an agent learns which of
// its tasks should run, and TCS, the one by which it tells of their health and what they use. It serves Amazon's agent
// and Berth's own alike; frames whose type begins with Berth pass only between Berth's server and Berth's agents.
//
// It moves nothing by itself. What should be it reads from the tables of package ecs and sends until the agent has
// acknowledged it, however often that takes; what is it hands to [Observer]. An agent may be slow, deaf, talk nonsense,
// repeat itself or come back a hundred times a second: a session costs a bounded amount of memory and work, holds no
// other one up, and loses nothing that the next one does not make good.
//
// cmd/berth makes the one [Dispatcher] of a server and mounts its routes.
package dispatch

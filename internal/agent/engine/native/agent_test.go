package native

// agentMain is the agent that crash tests kill.
func agentMain() bool { return false }

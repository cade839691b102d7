package datachannel

import "github.com/go-json-experiment/json/jsontext"

// Opening is the first message of a client, as text: it says by its token whose session it wants.
type Opening struct {
	MessageSchemaVersion string
	RequestID            string `json:"RequestId"`
	TokenValue           string
	ClientID             string `json:"ClientId"`
	ClientVersion        string
}

// SessionType says what a session is.
type SessionType string

// The types of sessions.
const (
	StandardStream      SessionType = "Standard_Stream" // the shell of an instance
	InteractiveCommands SessionType = "InteractiveCommands"
	Port                SessionType = "Port" // connections, multiplexed by smux
)

// Request is the payload of a HandshakeRequest.
type Request struct {
	AgentVersion string
	Actions      []Action `json:"RequestedClientActions"`
}

// Action is what the client is to do in its handshake.
type Action struct {
	Type       string         `json:"ActionType"` // "SessionType"
	Parameters jsontext.Value `json:"ActionParameters"`
}

// SessionTypeParameters are those of the action "SessionType".
type SessionTypeParameters struct {
	SessionType SessionType
	Properties  any
}

// PortProperties are the properties of a session of type Port.
type PortProperties struct {
	PortNumber      string `json:"portNumber"`
	LocalPortNumber string `json:"localPortNumber,omitzero"`
	Host            string `json:"host,omitzero"`
	Type            string `json:"type"` // "LocalPortForwarding"
}

// Response is the payload of a HandshakeResponse.
type Response struct {
	ClientVersion string
	Processed     []Processed `json:"ProcessedClientActions"`
	Errors        []string
}

// Processed is what became of an Action.
type Processed struct {
	Type   string         `json:"ActionType"`
	Status int            `json:"ActionStatus"` // 1: success
	Result jsontext.Value `json:"ActionResult,omitzero"`
	Error  string
}

// Succeeded is the ActionStatus of an action that was done.
const Succeeded = 1

// Complete is the payload of a HandshakeComplete.
type Complete struct {
	HandshakeTimeToComplete int64 // nanoseconds
	CustomerMessage         string
}

// WindowSize is the payload of type Size.
type WindowSize struct {
	Cols uint32 `json:"cols"`
	Rows uint32 `json:"rows"`
}

package datachannel

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// acknowledgement is the payload of a message that says which one has come.
type acknowledgement struct {
	Kind       Kind      `json:"AcknowledgedMessageType"`
	ID         uuid.UUID `json:"AcknowledgedMessageId"`
	Sequence   int64     `json:"AcknowledgedMessageSequenceNumber"`
	Sequential bool      `json:"IsSequentialMessage"`
}

// acknowledge is the message that says that m has come.
func acknowledge(m Message, now time.Time) []byte {
	body, _ := json.Marshal(acknowledgement{m.Kind, m.ID, m.Sequence, true})
	return Message{Kind: Acknowledge, Flags: 3, ID: uuid.New(), Created: now, Payload: body}.Encode()
}

// closing is the payload of the message that ends a channel.
type closing struct {
	MessageID     uuid.UUID `json:"MessageId"`
	CreatedDate   string
	DestinationID string `json:"DestinationId"`
	SessionID     string `json:"SessionId"`
	MessageType   Kind
	SchemaVersion int
	Output        string
}

// CloseMessage is the message that ends a session's channel. The client prints output when it holds something.
func CloseMessage(session, output string, now time.Time) []byte {
	id := uuid.New()
	body, _ := json.Marshal(closing{id, now.UTC().Format(time.RFC3339), session, session, Closed, schemaVersion, output})
	return Message{Kind: Closed, Flags: 2, ID: id, Created: now, Payload: body}.Encode()
}

// closeOutput is what a message that ends a channel has to say.
func closeOutput(payload []byte) string {
	var c closing
	_ = json.Unmarshal(payload, &c) // one that can't be read ends it all the same
	return c.Output
}

package ssm

import (
	"net/http"

	"github.com/coder/websocket"

	"github.com/berth-dev/berth/internal/execstream"
	"github.com/berth-dev/berth/internal/wire"
)

// agentPath is where an agent opens its stream of a session: below the endpoint of the ACS socket.
const agentPath = "/acs/session/{session}"

// Routes mounts both sides' sockets. open lets requests through that are not signed, signed those alone that are.
func (s *Service) Routes(open, signed func(pattern string, h http.Handler)) {
	open("GET "+channelPath+"{session}", http.HandlerFunc(s.serveClient))
	signed("GET "+agentPath, http.HandlerFunc(s.serveAgent))
}

// serveAgent hands an agent's stream to its session, and keeps it until the session is over. Only the agent of the
// container's machine has it, and only one stream.
func (s *Service) serveAgent(w http.ResponseWriter, r *http.Request) {
	e := s.find(r.PathValue("session"))
	if e == nil || !s.Containers.SpeaksFor(wire.CallerOf(r.Context()), e.request.Target.Machine) {
		http.Error(w, "there is no such session for this agent", http.StatusNotFound)
		return
	}
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // signed: no browser's
	if err != nil {
		return
	}
	conn := execstream.New(socket)
	defer conn.Break()
	e.mu.Lock()
	first := e.agent == nil
	if first {
		e.agent = &conn
	}
	e.mu.Unlock()
	if !first {
		conn.Close("the session has a stream already")
		return
	}
	close(e.ready)
	<-e.life.Done()
	<-e.over
}

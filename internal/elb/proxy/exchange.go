package proxy

import (
	"context"
	"net/http"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

// exchange is one request and its answer.
type exchange struct {
	proxy *Proxy
	setup *setup
	at    balancer.Address // where the load balancer took it
	port  uint16           // that the client connected to
	req   request
	body  source
	sink  sink
	// client is the client's end when it speaks HTTP/1.1; otherwise ctx ends when the client has given up.
	client *end
	ctx    context.Context
	vigil  vigil

	rule  *rule
	group *target.Group
	kept  balancer.TargetKey // the target that the client's cookie names
	reply reply
	// out is where heads are written before they are sent.
	out []byte
	// spoiled says that the client's connection carries no further request: the body was not read, or what was sent is not
	// to be trusted.
	spoiled bool
	// facts are the fields that tell the target of the client's TLS.
	facts []byte
	// broken says that the answer has begun and will not be ended.
	broken bool
	record record
}

// source is the body of a request.
type source interface {
	// next returns the next piece, io.EOF after the last. A piece is good until the next call.
	next() ([]byte, error)
	// whole is whether it has been read already, so that it can be sent again. It is what content returns.
	whole() bool
	content() []byte
	// skip takes what content returned.
	skip()
	ended() bool
	// interrupt has a next that another goroutine is in end. No further request comes by this body's connection or stream.
	interrupt()
}

// sink takes what is answered to the client.
type sink interface {
	// interim sends a response before the final one: 100, 103.
	interim(a *head) error
	// begin begins the final response.
	begin(r *reply) error
	// data sends a piece of the body; flush has it arrive now.
	data(p []byte) error
	flush() error
	// finish ends the body.
	finish(trailers *head) error
	// end is where bytes may be sent that the kernel carries; nil: nowhere.
	end() *end
}

// reply is the final response, before it is written for the client.
type reply struct {
	status  int
	fields  *head       // of the target's response; nil: the load balancer's own, or by HTTP/2
	header  http.Header // of a target's response by HTTP/2
	framing framing
	added   []byte // whole lines that come on top
}

// begin makes the exchange ready for the next request.
func (x *exchange) begin(s *setup) {
	x.setup, x.rule, x.group, x.kept = s, nil, nil, balancer.TargetKey{}
	x.spoiled, x.broken = false, false
	x.reply = reply{added: x.reply.added[:0]}
	x.record = record{began: time.Now(), traceID: x.record.traceID[:0]}
	x.req.tier, x.req.strays = compliant, ""
}

// run answers the request.
func (x *exchange) run() {
	x.spoiled = x.req.tier >= ambiguous
	if x.setup.refuses(x) {
		return
	}
	x.rule = match(x.setup.rules, &x.req)
	if x.rule == nil {
		x.fail(503)
		return
	}
	switch a := &x.rule.Action; {
	case a.Forward != nil:
		x.forward(a.Forward)
	case a.Redirect != nil:
		x.redirect(a.Redirect)
	case a.Fixed != nil:
		x.fixed(a.Fixed)
	default:
		x.fail(503)
	}
}

// refuses answers what no rule is asked about.
func (s *setup) refuses(x *exchange) bool {
	switch {
	case x.req.tier >= acceptable && s.balancer.HTTP.DesyncMode == "strictest":
		x.spoiled = true
		x.fail(400)
	case string(x.req.method) == "TRACE":
		x.fail(405)
	case string(x.req.method) == "CONNECT":
		x.spoiled = true
		x.fail(400)
	case x.req.forwarders() > maxForwarders:
		x.fail(463)
	default:
		return false
	}
	return true
}

// maxForwarders is how many addresses X-Forwarded-For may have.
const maxForwarders = 30

func (x *exchange) idle() time.Duration { return x.setup.idle }

package wire

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/codec"
)

// exchange is one request on its way to an answer.
type exchange struct {
	*Server
	w    http.ResponseWriter
	r    *http.Request
	id   string
	sent []byte // the body as it came
	body []byte // and inflated

	to      destination
	caller  Caller
	status  int // of the answer
	codec   codec.Codec
	dialect *dialect
}

// ServeHTTP answers one request. Whatever a handler does, panics included, the
// caller gets an answer and the server goes on.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{Server: s, w: w, r: r, id: uuid.NewString(),
		codec: codec.For(schema.JSON11), dialect: jsonDialect}
	began := x.Now()
	w.Header()["X-Amzn-Requestid"] = []string{x.id}
	defer x.recover()
	if why, status := foreign(r); why != "" {
		http.Error(w, why, status)
		return
	}
	if r.URL.Path != "/" {
		if _, pattern := s.mux.Handler(r); pattern != "" {
			ctx := context.WithValue(r.Context(), identityKey{}, &identity{requestID: x.id})
			s.mux.ServeHTTP(w, r.WithContext(ctx))
			return
		}
	}
	if fault := x.serve(); fault != nil {
		x.fail(fault)
	}
	if ctx := r.Context(); s.Log.Enabled(ctx, slog.LevelDebug) {
		s.Log.DebugContext(ctx, "request", "id", x.id, "operation", x.to.operation, "account", x.caller.Account,
			"region", x.caller.Region, "status", x.status, "took", x.Now().Sub(began))
	}
}

// recover turns a panic into an internal failure. net/http's own way to give
// up a connection stays what it is.
func (x *exchange) recover() {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	x.Log.Error("a handler panicked", "request", x.id, "operation", x.to.operation, "panic", p, "stack", string(debug.Stack()))
	x.fail(x.internal())
}

// serve takes the request through to its answer, or returns the fault to
// answer with.
func (x *exchange) serve() *Error {
	if fault := x.read(); fault != nil {
		return fault
	}
	to, ok, err := x.routes.find(x.r, x.body)
	if !ok {
		return x.unrecognised()
	}
	x.to, x.codec, x.dialect = to, codec.For(to.protocol), dialects[to.protocol]
	if err != nil {
		return x.dialect.malformed.error("%v", err)
	}
	fault := x.authenticate()
	if fault != nil {
		return fault
	}
	op, fault := x.find()
	if fault != nil {
		return fault
	}
	if x.Admit != nil {
		if err := x.Admit(op.Decl); err != nil {
			return x.failure("%v", err)
		}
	}
	in := op.newIn()
	request := codec.Request{HTTP: x.r, Body: x.body, Form: to.form, Labels: to.labels}
	if err := x.codec.Decode(op.Operation, &request, in); err != nil {
		return x.dialect.malformed.error("%v", err)
	}
	if request.Unknown != nil {
		x.ignored(op, request.Unknown)
	}
	if found := op.In.Check(in); found != nil {
		x.violated(op, found)
		return x.dialect.invalid(x.to.service, op.Decl.Name, found)
	}
	if op.valid != nil {
		if err := op.valid(in); err != nil {
			return x.handlerFault(err)
		}
	}
	if refused := op.refusals(in); refused != nil {
		x.refused(op, refused)
		return refused[0].error(op)
	}
	ctx := context.WithValue(x.r.Context(), identityKey{}, &identity{x.caller, x.id})
	out, err := op.call(ctx, in)
	if err != nil {
		return x.handlerFault(err)
	}
	answer, err := x.codec.Encode(op.Operation, x.id, out)
	if err != nil {
		x.Log.Error("an answer could not be encoded", "request", x.id, "operation", x.to.operation, "error", err)
		return x.internal()
	}
	x.write(answer)
	return nil
}

// find is the registered operation, or why there is none.
func (x *exchange) find() (*operation, *Error) {
	svc, name := x.to.service, x.to.operation
	if svc == nil {
		x.unbuilt()
		return nil, x.dialect.unknownOperation.error(
			"Berth has no service for %s (asked for %s). docs/compatibility.md lists what it has.", quoteHost(x.to.named), quoteHost(name))
	}
	op, decl := svc.built[name], svc.known[name]
	if op == nil {
		x.unbuilt()
	}
	switch {
	case decl == nil && name == "":
		return nil, x.dialect.unknownOperation.error("%s has no operation for %s %s.", svc.api.ID, quoteHost(x.r.Method), quoteHost(x.to.named))
	case decl == nil:
		return nil, x.dialect.unknownOperation.error("%s has no operation %s.", svc.api.ID, quoteHost(name))
	case op == nil:
		return nil, x.dialect.unknownOperation.error(
			"The operation %s of %s is not supported by Berth yet: see docs/compatibility.md.", name, svc.api.ID)
	case !svc.speaks(x.to.protocol):
		return nil, x.dialect.unknownOperation.error("%s does not speak the protocol %s.", svc.api.ID, x.to.protocol)
	}
	rest := x.to.protocol == schema.RESTJSON || x.to.protocol == schema.RESTXML
	if !rest && x.r.Method != http.MethodPost && !(decl.ReadOnly && x.r.Method == http.MethodGet && x.to.form != nil) {
		return nil, x.dialect.unknownOperation.error("%s is asked by POST, not by %s.", name, quoteHost(x.r.Method))
	}
	return op, nil
}

// unrecognised is the answer to a request that names no AWS operation.
func (x *exchange) unrecognised() *Error {
	x.dialect = restDialect
	if service := scopeOf(x.r); service != "" { // signed for a service whose operations are methods and paths
		if service == "s3" || service == "route53" {
			x.codec = codec.For(schema.RESTXML)
		}
		if x.prove(scopeRules{}) == nil {
			x.unbuilt()
		}
		return jsonDialect.unknownOperation.error("Berth has no service for %s (asked for %s %s). docs/compatibility.md lists what it has.",
			quoteHost(service), quoteHost(x.r.Method), quoteHost(x.r.URL.Path))
	}
	return x.dialect.unknownOperation.error(
		"This is Berth, which answers AWS APIs. The request (%s %s) names no operation: no X-Amz-Target, no Action, no known path.",
		quoteHost(x.r.Method), quoteHost(x.r.URL.Path))
}

// handlerFault is the answer to an error of a handler: an *Error as it is,
// anything else is ours and is not told.
func (x *exchange) handlerFault(err error) *Error {
	var aws *Error
	if errors.As(err, &aws) {
		return aws
	}
	if x.r.Context().Err() == nil {
		x.Log.Error("an operation failed", "request", x.id, "operation", x.to.operation, "error", err)
	}
	return x.internal()
}

// internal is a failure of ours whose reason is for the log alone.
func (x *exchange) internal() *Error {
	return x.failure("Internal failure. Berth's log tells more under the request id %s.", x.id)
}

// failure is a failure of ours, in the service's own code where it has one.
func (x *exchange) failure(format string, args ...any) *Error {
	e := x.dialect.internal.error(format, args...)
	if x.to.service != nil {
		for _, ex := range x.to.service.api.Errors {
			if ex.Status >= 500 {
				e.Code = ex.Name
				return e
			}
		}
	}
	return e
}

// fail answers with an error.
func (x *exchange) fail(e *Error) {
	api := &schema.Service{}
	if x.to.service != nil {
		api = x.to.service.api
	}
	if e.Status == 0 {
		known := *e
		known.Status = http.StatusBadRequest
		for _, ex := range api.Errors {
			if ex.Name == e.Code || ex.Code == e.Code {
				known.Status = ex.Status
			}
		}
		e = &known
	}
	answer := x.codec.Fault(api, x.id, e)
	if x.r.Header.Get("X-Amzn-Query-Mode") == "true" {
		answer.Header = append(answer.Header, [2]string{"X-Amzn-Query-Error", queryError(api, e)})
	}
	x.write(answer)
}

// queryError is an error as clients of a service that once spoke query know
// it: its old code, and whose fault it is.
func queryError(api *schema.Service, e *Error) string {
	code, fault := e.Code, "Sender"
	for _, ex := range api.Errors {
		if ex.Name == e.Code && ex.Code != "" {
			code = ex.Code
		}
	}
	if e.Status >= 500 {
		fault = "Receiver"
	}
	return code + ";" + fault
}

func (x *exchange) write(a *codec.Response) {
	h := x.w.Header()
	for _, kv := range a.Header {
		h.Set(kv[0], kv[1])
	}
	if a.Type != "" {
		h["Content-Type"] = []string{a.Type}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(a.Body))}
	if x.status = a.Status; x.status == 0 {
		x.status = http.StatusOK
	}
	x.w.WriteHeader(x.status)
	x.w.Write(a.Body)
}

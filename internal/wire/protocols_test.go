package wire_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire"
)

// Gauge is the input and output of a service that speaks three protocols at
// once, as CloudWatch does.
type Gauge struct {
	Name  string   `json:"Name,omitzero"`
	Value *float64 `json:"Value,omitzero"`
}

var gaugeShapes = []schema.Shape{
	{Name: "Gauge", Kind: schema.Structure, Members: []schema.Member{{Name: "Name", Shape: "String", Required: true}, {Name: "Value", Shape: "Double"}}},
	{Name: "String", Kind: schema.String}, {Name: "Double", Kind: schema.Double},
}

var gauges = schema.Service{
	Package: "gauges", ID: "Gauges", Version: "2010-08-01", Protocols: []schema.Protocol{schema.CBOR, schema.JSON10, schema.Query}, TargetPrefix: "GaugesV1",
	SigningName: "gauges", Namespace: "http://gauges/", Invalid: "InvalidParameterValue",
	Operations: []schema.Operation{{Name: "PutGauge", Input: "Gauge", Output: "Gauge", Wrapper: "PutGaugeResult"}},
	Errors:     []schema.Exception{{Name: "ResourceNotFound", Code: "Gauges.NotFound", Status: 404}}, Shapes: gaugeShapes,
}

var dials = schema.Service{
	Package: "dials", ID: "Dials", Protocols: []schema.Protocol{schema.RESTJSON}, SigningName: "dials", Invalid: "ValidationException",
	Operations: []schema.Operation{{Name: "PutDial", Method: "PUT", URI: "/dials/{Name}", Status: 201, Input: "Gauge", Output: "Gauge"}, {Name: "GetDial", Method: "GET", URI: "/dials/{Name}"}},
	Shapes: append([]schema.Shape{{Name: "Gauge", Kind: schema.Structure, Members: []schema.Member{
		{Name: "Name", Shape: "String", Required: true, In: schema.URI}, {Name: "Value", Shape: "Double"}}}}, gaugeShapes[1:]...),
}

func newGauges() *wire.Server {
	s := wire.New(wire.Config{Credentials: oneKey{}, Log: quiet, Now: atNoon})
	put := func(_ context.Context, in *Gauge) (*Gauge, error) {
		if in.Name == "none" {
			return nil, wire.Errorf("ResourceNotFound", "No such gauge.")
		}
		return in, nil
	}
	wire.Handle(s.Service(&gauges), schema.Op[Gauge, Gauge]{Service: &gauges, Name: "PutGauge"}, put)
	wire.Handle(s.Service(&dials), schema.Op[Gauge, Gauge]{Service: &dials, Name: "PutDial"}, put)
	return s
}

func TestOneServiceInThreeProtocolsAndOneInREST(t *testing.T) {
	s := newGauges()
	for _, c := range []struct {
		name, service, method, path, body string
		header                            map[string]string
		status                            int
		want, wantHeader                  string
	}{
		{"cbor", "gauges", "POST", "/service/GaugesV1/operation/PutGauge", "\xbf\x64Name\x61n\x65Value\xfb\x3f\xe0\x00\x00\x00\x00\x00\x00\xff", map[string]string{"Smithy-Protocol": "rpc-v2-cbor"},
			200, "\xbfdNameaneValue\xfb\x3f\xe0\x00\x00\x00\x00\x00\x00\xff", "Smithy-Protocol: rpc-v2-cbor"},
		{"json", "gauges", "POST", "/", `{"Name":"n","Value":0.5}`, map[string]string{"X-Amz-Target": "GaugesV1.PutGauge", "Content-Type": "application/x-amz-json-1.0"},
			200, `{"Name":"n","Value":0.5}`, "Content-Type: application/x-amz-json-1.0"},
		{"query", "gauges", "POST", "/", "Action=PutGauge&Version=2010-08-01&Name=n&Value=0.5", map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
			200, "<PutGaugeResult><Name>n</Name><Value>0.5</Value></PutGaugeResult>", "Content-Type: text/xml"},
		{"an error in cbor for a client of query", "gauges", "POST", "/service/GaugesV1/operation/PutGauge", "\xa1\x64Name\x64none", map[string]string{"Smithy-Protocol": "rpc-v2-cbor", "X-Amzn-Query-Mode": "true"},
			404, "\xa2f__typepResourceNotFoundgmessagenNo such gauge.", "X-Amzn-Query-Error: Gauges.NotFound;Sender"},
		{"an unknown RPC path", "gauges", "POST", "/service/Other/operation/PutGauge", "\xa0", map[string]string{"Smithy-Protocol": "rpc-v2-cbor"}, 400, "UnknownOperationException", ""},
		{"rest", "dials", "PUT", "/dials/a%20b", `{"Value":1,"Name":"no"}`, nil, 201, `{"Value":1}`, "Content-Type: application/json"},
		{"an error in rest", "dials", "PUT", "/dials/none", `{}`, nil, 400, `"message":"No such gauge."`, "X-Amzn-Errortype: ResourceNotFound"},
		{"a known path that is not built", "dials", "GET", "/dials/x", "", nil, 404, "The operation GetDial of Dials is not supported by Berth yet", ""},
		{"an unknown path", "dials", "GET", "/knobs", "", nil, 404, "Dials has no operation for 'GET' '/knobs'.", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "http://localhost"+c.path, strings.NewReader(c.body))
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			sign(t, r, c.body, testKey, testSecret, "", c.service, noon)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			want(t, w, c.status, c.want)
			if k, v, ok := strings.Cut(c.wantHeader, ": "); ok && w.Header().Get(k) != v {
				t.Errorf("%s is %q", k, w.Header().Get(k))
			}
		})
	}
}

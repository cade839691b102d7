package codec_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/codec"
)

// Widget has a member of every kind, as the generator would make it.
type Widget struct {
	Name   string            `json:"Name,omitzero"`
	Count  int32             `json:"Count"`
	Size   *int64            `json:"Size,omitzero"`
	Ratio  *float64          `json:"Ratio,omitzero"`
	On     *bool             `json:"On,omitzero"`
	Made   schema.Time       `json:"Made,omitzero"`
	Data   []byte            `json:"Data,omitzero"`
	Color  Color             `json:"Color,omitzero"`
	Words  []string          `json:"Words,omitzero"`
	Flat   []string          `json:"Flat,omitzero"`
	Parts  []Part            `json:"Parts,omitzero"`
	Labels map[string]string `json:"Labels,omitzero"`
	Inner  *Part             `json:"Inner,omitzero"`
}

type Color string

type Part struct {
	ID   string `json:"Id,omitzero"`
	Sub  *Part  `json:"Sub,omitzero"`
	Kind string `json:"Kind,omitzero"`
}

// Bound travels in every place that REST knows.
type Bound struct {
	Bucket string            `json:"Bucket,omitzero"`
	Key    string            `json:"Key,omitzero"`
	Max    *int32            `json:"Max,omitzero"`
	Tags   []string          `json:"Tags,omitzero"`
	Since  schema.Time       `json:"Since,omitzero"`
	Meta   map[string]string `json:"Meta,omitzero"`
	Status *int32            `json:"Status,omitzero"`
	Note   string            `json:"Note,omitzero"`
	Part   *Part             `json:"Part,omitzero"`
}

var widgets = schema.Service{
	Package: "widgets", ID: "Widgets", Namespace: "http://widgets/", Invalid: "Bad", Unsupported: "No",
	Operations: []schema.Operation{
		{Name: "MakeWidget", Input: "Widget", Output: "Widget", Wrapper: "MakeWidgetResult"},
		{Name: "PutBound", Method: "PUT", URI: "/{Bucket}/keys/{Key+}", Input: "Bound", Output: "Bound"},
		{Name: "PutSpecial", Method: "PUT", URI: "/{Bucket}/keys/special?acl"},
		{Name: "GetBound", Method: "GET", URI: "/{Bucket}"},
	},
	Shapes: []schema.Shape{
		{Name: "Widget", Kind: schema.Structure, Members: []schema.Member{
			{Name: "Name", Shape: "Str", Required: true, Wire: "name"}, {Name: "Count", Shape: "Int"}, {Name: "Size", Shape: "Long"}, {Name: "Ratio", Shape: "Double"},
			{Name: "On", Shape: "Bool"}, {Name: "Made", Shape: "Time"}, {Name: "Data", Shape: "Blob"}, {Name: "Color", Shape: "Color"},
			{Name: "Words", Shape: "Words", Query: "Wort"}, {Name: "Flat", Shape: "FlatWords"}, {Name: "Parts", Shape: "Parts", Wire: "partSet"},
			{Name: "Labels", Shape: "Labels"}, {Name: "Inner", Shape: "Part"},
		}},
		{Name: "Part", Kind: schema.Structure, Members: []schema.Member{
			{Name: "Id", Shape: "Short"}, {Name: "Sub", Shape: "Part"}, {Name: "Kind", Shape: "Str", Attribute: true},
		}},
		{Name: "Bound", Kind: schema.Structure, Members: []schema.Member{
			{Name: "Bucket", Shape: "Str", Required: true, In: schema.URI}, {Name: "Key", Shape: "Str", In: schema.URI}, {Name: "Max", Shape: "Int", In: schema.QueryString, Wire: "max-keys"},
			{Name: "Tags", Shape: "Words", In: schema.QueryString, Wire: "tag"}, {Name: "Since", Shape: "Time", In: schema.Header, Wire: "If-Since"},
			{Name: "Meta", Shape: "Labels", In: schema.Headers, Wire: "x-meta-"}, {Name: "Status", Shape: "Int", In: schema.StatusCode},
			{Name: "Note", Shape: "Str"}, {Name: "Part", Shape: "Part"},
		}},
		{Name: "Str", Kind: schema.String},
		{Name: "Short", Kind: schema.String, Limits: &schema.Limits{HasMax: true, Max: 3, Pattern: "[a-z]*"}},
		{Name: "Int", Kind: schema.Integer, Limits: &schema.Limits{HasMin: true, Min: 1, HasMax: true, Max: 1000000}},
		{Name: "Long", Kind: schema.Long},
		{Name: "Double", Kind: schema.Double},
		{Name: "Bool", Kind: schema.Boolean},
		{Name: "Time", Kind: schema.Timestamp},
		{Name: "Blob", Kind: schema.Blob, Sensitive: true, Limits: &schema.Limits{HasMax: true, Max: 8}},
		{Name: "Color", Kind: schema.String, Enum: []string{"red", "blue"}},
		{Name: "Words", Kind: schema.List, Elem: &schema.Member{Name: "member", Shape: "Str"}},
		{Name: "FlatWords", Kind: schema.List, Flat: true, Elem: &schema.Member{Name: "member", Shape: "Short"}},
		{Name: "Parts", Kind: schema.List, Elem: &schema.Member{Name: "member", Shape: "Part", Wire: "item"}},
		{Name: "Labels", Kind: schema.Map, Key: &schema.Member{Name: "key", Shape: "Str"}, Elem: &schema.Member{Name: "value", Shape: "Short"}},
	},
}

func bind(t testing.TB, name string, in, out reflect.Type) *codec.Operation {
	t.Helper()
	op, err := codec.NewBinder(&widgets).Operation(name, in, out)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func makeWidget(t testing.TB) *codec.Operation {
	return bind(t, "MakeWidget", reflect.TypeFor[Widget](), reflect.TypeFor[Widget]())
}

var noon = schema.At(time.Date(2026, 11, 21, 12, 0, 0, 500e6, time.UTC))

func full() Widget {
	return Widget{
		Name: "a & <b>\x01 é", Count: 7, Size: new(int64(-1 << 40)), Ratio: new(0.25), On: new(false), Made: noon, Data: []byte{0, 255}, Color: "red",
		Words: []string{"one", "two"}, Flat: []string{"x", "y"}, Parts: []Part{{ID: "p", Sub: &Part{ID: "q"}}, {Kind: "k"}},
		Labels: map[string]string{"b": "2", "a": "1"}, Inner: &Part{ID: "in", Kind: "k"},
	}
}

func TestFormsAreRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		codec codec.Codec
		form  string
		want  Widget
	}{
		{"query", codec.For(schema.Query), "name=n&Count=7&Size=-5&Ratio=0.5&On=true&Made=2026-11-21T12%3A00%3A00.5Z&Data=AP8%3D&Color=red" +
			"&Words.member.10=ten&Words.member.2=two&Flat.1=x&Flat.2=y&partSet.item.1.Id=p&partSet.item.1.Sub.Id=q&Labels.entry.1.key=a&Labels.entry.1.value=1&Inner.Id=i&Other.member.1=x",
			Widget{Name: "n", Count: 7, Size: new(int64(-5)), Ratio: new(0.5), On: new(true), Made: noon, Data: []byte{0, 255}, Color: "red", Words: []string{"two", "ten"},
				Flat: []string{"x", "y"}, Parts: []Part{{ID: "p", Sub: &Part{ID: "q"}}}, Labels: map[string]string{"a": "1"}, Inner: &Part{ID: "i"}}},
		{"query, empty", codec.For(schema.Query), "Words=&Flat=&Labels=", Widget{Words: []string{}, Flat: []string{}, Labels: map[string]string{}}},
		{"ec2", codec.For(schema.EC2), "Name=n&On=FALSE&Wort.1=a&Wort.2=b&Flat.1=x&PartSet.1.Id=p&PartSet.2.Sub.Id=q&Made=1795262400.5",
			Widget{Name: "n", On: new(false), Words: []string{"a", "b"}, Flat: []string{"x"}, Parts: []Part{{ID: "p"}, {Sub: &Part{ID: "q"}}}, Made: noon}},
	} {
		t.Run(c.name, func(t *testing.T) {
			form, err := codec.ParseForm(c.form)
			if err != nil {
				t.Fatal(err)
			}
			var got Widget
			if err := c.codec.Decode(makeWidget(t), &codec.Request{Form: form}, &got); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v %v\nwant %+v", got, err, c.want)
			}
		})
	}
	for bad, text := range map[string]string{
		"Count=x": "'x' of Count can not be converted to an Integer", "Count=99999999999": "an Integer", "On=2": "a Boolean", "Ratio=NaN": "a Double",
		"Made=soon": "a Timestamp", "Data=!": "a Blob", "Labels.entry.1.value=x": "has no key", strings.Repeat("a.", 50) + "=1": "dots",
	} {
		form, _ := codec.ParseForm(bad)
		if err := codec.For(schema.Query).Decode(makeWidget(t), &codec.Request{Form: form}, new(Widget)); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []string{"a=%zz", "%=1", strings.Repeat("&", 3) + "a=%"} {
		if _, err := codec.ParseForm(bad); err == nil {
			t.Errorf("took the form %q", bad)
		}
	}
}

func TestXMLIsWritten(t *testing.T) {
	w := full()
	for _, c := range []struct{ protocol, want string }{
		{"query", `<MakeWidgetResponse xmlns="http://widgets/"><MakeWidgetResult><name>a &amp; &lt;b&gt;` + "\uFFFD" + ` é</name><Count>7</Count><Size>-1099511627776</Size><Ratio>0.25</Ratio><On>false</On>` +
			`<Made>2026-11-21T12:00:00.500Z</Made><Data>AP8=</Data><Color>red</Color><Words><member>one</member><member>two</member></Words><Flat>x</Flat><Flat>y</Flat>` +
			`<partSet><item><Id>p</Id><Sub><Id>q</Id></Sub></item><item Kind="k"></item></partSet><Labels><entry><key>a</key><value>1</value></entry><entry><key>b</key><value>2</value></entry></Labels>` +
			`<Inner Kind="k"><Id>in</Id></Inner></MakeWidgetResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></MakeWidgetResponse>`},
		{"ec2", `<MakeWidgetResponse xmlns="http://widgets/"><requestId>id</requestId><MakeWidgetResult><name>`},
	} {
		a, err := codec.For(schema.Protocol(c.protocol)).Encode(makeWidget(t), "id", &w)
		if err != nil || !strings.Contains(string(a.Body), c.want) {
			t.Errorf("%s: %v\n%s\nwant %s", c.protocol, err, a.Body, c.want)
		}
	}
	a, _ := codec.For(schema.Query).Encode(makeWidget(t), "id", &Widget{Words: []string{}})
	if want := "<MakeWidgetResult><Count>0</Count><Words></Words></MakeWidgetResult>"; !strings.Contains(string(a.Body), want) {
		t.Errorf("absent and empty: %s", a.Body)
	}
}

func TestRESTBindings(t *testing.T) {
	op := bind(t, "PutBound", reflect.TypeFor[Bound](), reflect.TypeFor[Bound]())
	routes := codec.Routes(&widgets)
	for _, c := range []struct {
		protocol   schema.Protocol
		body, want string
	}{
		{schema.RESTJSON, `{"Note":"n","Bucket":"not from here","Part":{"Id":"p"}}`, `{"Note":"n","Part":{"Id":"p"}}`},
		{schema.RESTXML, `<?xml version="1.0"?><!-- x --><Bound xmlns="http://widgets/"><Note>n</Note><Other><Deep/></Other><Part Kind="k"><Id>p</Id></Part></Bound>`,
			`<Bound xmlns="http://widgets/"><Note>n</Note><Part Kind="k"><Id>p</Id></Part></Bound>`},
	} {
		r := httptest.NewRequest("PUT", "/my%20bucket/keys/a/b%2Fc?max-keys=5&tag=x&tag=y", nil)
		r.Header.Set("If-Since", "Sat, 21 Nov 2026 12:00:00 GMT")
		r.Header.Set("X-Meta-Color", "red")
		name, labels := codec.Match(routes, r)
		if name != "PutBound" {
			t.Fatalf("matched %q", name)
		}
		var got Bound
		if err := codec.For(c.protocol).Decode(op, &codec.Request{HTTP: r, Body: []byte(c.body), Labels: labels}, &got); err != nil {
			t.Fatal(err)
		}
		want := Bound{Bucket: "my bucket", Key: "a/b/c", Max: new(int32(5)), Tags: []string{"x", "y"}, Since: schema.At(noon.Truncate(time.Second)),
			Meta: map[string]string{"color": "red"}, Note: "n", Part: &Part{ID: "p", Kind: got.Part.Kind}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v\nwant %+v", c.protocol, got, want)
		}
		got.Status = new(int32(201))
		a, err := codec.For(c.protocol).Encode(op, "id", &got)
		if err != nil || a.Status != 201 || !strings.Contains(string(a.Body), c.want) {
			t.Errorf("%s: %d %s %v", c.protocol, a.Status, a.Body, err)
		}
		if h := http.Header(headers(a)); h.Get("If-Since") != "Sat, 21 Nov 2026 12:00:00 GMT" || h.Get("x-meta-color") != "red" {
			t.Errorf("%s: headers %v", c.protocol, a.Header)
		}
	}
}

func headers(a *codec.Response) map[string][]string {
	h := http.Header{}
	for _, kv := range a.Header {
		h.Add(kv[0], kv[1])
	}
	return h
}

func TestRESTRoutes(t *testing.T) {
	routes := codec.Routes(&widgets)
	for request, want := range map[string]string{
		"PUT /b/keys/x": "PutBound", "PUT /b/keys/special?acl": "PutSpecial", "PUT /b/keys/special": "PutBound", "PUT /b/keys/": "", "PUT /b/keys": "",
		"GET /b": "GetBound", "GET /b/": "GetBound", "GET /": "", "GET /b/c": "", "DELETE /b": "",
	} {
		method, target, _ := strings.Cut(request, " ")
		if got, _ := codec.Match(routes, httptest.NewRequest(method, target, nil)); got != want {
			t.Errorf("%s is %q, want %q", request, got, want)
		}
	}
}

func TestFaultsOfEveryProtocol(t *testing.T) {
	e := &codec.Error{Code: "Bad", Message: "<no>", Status: 400, Fields: map[string]any{"ids": []string{"x"}}}
	for p, want := range map[schema.Protocol]string{
		schema.JSON11: `{"__type":"Bad","ids":["x"],"message":"<no>"}`, schema.RESTJSON: `{"__type":"Bad"`, schema.CBOR: "\xa2f__typecBadgmessaged<no>",
		schema.Query:   `<ErrorResponse xmlns="http://widgets/"><Error><Type>Sender</Type><Code>Bad</Code><Message>&lt;no&gt;</Message></Error><RequestId>id</RequestId></ErrorResponse>`,
		schema.RESTXML: `<ErrorResponse xmlns="http://widgets/"><Error>`, schema.EC2: `<Response><Errors><Error><Code>Bad</Code><Message>&lt;no&gt;</Message></Error></Errors><RequestID>id</RequestID></Response>`,
	} {
		if a := codec.For(p).Fault(&widgets, "id", e); a.Status != 400 || !strings.Contains(string(a.Body), want) {
			t.Errorf("%s: %d %s", p, a.Status, a.Body)
		}
	}
	bare := widgets
	bare.BareErrors = true
	if a := codec.For(schema.RESTXML).Fault(&bare, "id", e); !strings.Contains(string(a.Body), "?>\n<Error><Code>Bad</Code>") {
		t.Errorf("%s", a.Body)
	}
}

func httpRequest() *http.Request { return httptest.NewRequest("POST", "/", nil) }

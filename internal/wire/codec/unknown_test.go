package codec_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/codec"
)

func TestMembersThatTheModelDoesNotHaveAreTold(t *testing.T) {
	many := `{"Name":"n"`
	for c := 'a'; c <= 'z'; c++ {
		many += `,"` + string(c) + `":1`
	}
	for _, c := range []struct {
		name     string
		protocol schema.Protocol
		body     string
		want     []string
	}{
		{"none", schema.JSON11, `{"Name":"n","Inner":{"Id":"i"}}`, nil},
		{"at the top, in a structure, a list and deep down, each once", schema.JSON11,
			`{"name":1,"Inner":{"x":{},"Id":"i","Sub":{"x":[]}},"Parts":[{"y":true},{"Id":"p","y":0}],"Labels":{"any":"key"},"Name":"n"}`,
			[]string{"name", "Inner.x", "Inner.Sub.x", "Parts.y"}},
		{"a null asks for nothing", schema.JSON11, `{"Name":"n","other":null}`, nil},
		{"what an unknown member holds is not looked into", schema.JSON11, `{"x":{"y":{"z":[{"Name":1}]}}}`, []string{"x"}},
		{"a long name, and one that is no text", schema.JSON11, `{"` + strings.Repeat("é", 40) + `":1,"a\nb":1}`, []string{strings.Repeat("é", 32) + "...", "a?b"}},
		{"a REST body", schema.RESTJSON, `{"x":1,"Name":"n"}`, []string{"x"}},
		{"CBOR", schema.CBOR, "\xa3dNameanax\x01eInner\xa2ay\xa1ab\x02bIdai", []string{"x", "Inner.y"}},
		{"XML", schema.RESTXML, `<W><name>n</name><x><name>deep</name></x><Inner><y/><Id>i</Id></Inner></W>`, []string{"x", "Inner.y"}},
		{"a query", schema.Query, "Action=MakeWidget&Version=1&X-Amz-Date=1&name=n&x.member.1=1&y=&Inner.Id=i&Inner.z=1&Words.member.1=a&Words.member.b=c",
			[]string{"Words.b", "Inner.z", "x"}},
		{"an EC2 query", schema.EC2, "Action=MakeWidget&Name=n&Wort.1=a&Words.1=a&Inner.Id=i&Inner.Sub.z=1&PartSet.1.x=1&PartSet.2.x=1", []string{"Parts.x", "Inner.Sub.z", "Words"}},
		{"a query, empty ones", schema.Query, "Words=&Flat=", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			form, err := codec.ParseForm(c.body)
			if err != nil && c.protocol == schema.Query {
				t.Fatal(err)
			}
			r := codec.Request{HTTP: httpRequest(), Body: []byte(c.body), Form: form}
			if err := codec.For(c.protocol).Decode(makeWidget(t), &r, new(Widget)); err != nil || !slices.Equal(r.Unknown, c.want) {
				t.Errorf("%q %v, want %q", r.Unknown, err, c.want)
			}
		})
	}
	r := codec.Request{Body: []byte(many + "}")}
	if err := codec.For(schema.JSON11).Decode(makeWidget(t), &r, new(Widget)); err != nil || len(r.Unknown) != 20 {
		t.Errorf("%d of many are told: %v", len(r.Unknown), err)
	}
}

// FuzzUnknown holds that telling of unknown members changes nothing of what is read, and that what is told is short and fit for
// a line of text.
func FuzzUnknown(f *testing.F) {
	f.Add(`{"Name":"n","Inner":{"x":{"y":[null]}},"Parts":[{"z":1}]}`)
	f.Add(`{"x":1,"Count":"not a number"}`)
	f.Add(`{"x":1,"x":2}`)
	f.Add(`{"Labels":{"x":1},"\u0000":1}`)
	f.Add(`{"Name":null,"Parts":null,"Flat":{"x":1}}`)
	f.Fuzz(func(t *testing.T, body string) {
		var want, got Widget
		lenient := json.Unmarshal([]byte(body), &want)
		r := codec.Request{HTTP: httpRequest(), Body: []byte(body)}
		err := codec.For(schema.JSON11).Decode(makeWidget(t), &r, &got)
		if err == nil && body != "" && (lenient != nil || !reflect.DeepEqual(got, want)) {
			t.Errorf("read %+v, without telling %+v %v", got, want, lenient)
		}
		if err != nil && lenient == nil && strings.Count(body, "{")+strings.Count(body, "n") < 1<<15 && !strings.Contains(err.Error(), "levels") {
			t.Errorf("refused what is read without telling: %v", err)
		}
		tellable(t, r.Unknown)
	})
}

// FuzzUnknownParameters is the same for forms.
func FuzzUnknownParameters(f *testing.F) {
	f.Add("name=n&Inner.x=1&Words.member.1=a&Words.member.x=1")
	f.Add("Labels.entry.1.key=a&Labels.entry.1.x=b&Flat.1.2=3&%00=1")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := codec.ParseForm(body)
		if err != nil {
			return
		}
		for _, p := range []schema.Protocol{schema.Query, schema.EC2} {
			r := codec.Request{Form: form}
			_ = codec.For(p).Decode(makeWidget(t), &r, new(Widget))
			tellable(t, r.Unknown)
		}
	})
}

func tellable(t *testing.T, paths []string) {
	if len(paths) > 20 {
		t.Errorf("%d are told", len(paths))
	}
	for _, path := range paths {
		if !utf8.ValidString(path) || len(path) > 2000 || strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q is told", path)
		}
	}
}

package codec_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/codec"
)

// anyWidget draws widgets whose strings survive XML.
func anyWidget() *rapid.Generator[Widget] {
	word := rapid.StringMatching(`[ -~é€]{0,12}`)
	part := rapid.Custom(func(t *rapid.T) Part {
		p := Part{ID: word.Draw(t, "id")}
		if rapid.Bool().Draw(t, "deeper") {
			p.Sub = &Part{ID: word.Draw(t, "sub")}
		}
		return p
	})
	return rapid.Custom(func(t *rapid.T) Widget {
		w := Widget{
			Name: word.Draw(t, "name"), Count: rapid.Int32().Draw(t, "count"), Color: Color(word.Draw(t, "color")),
			Words: rapid.SliceOf(word).Draw(t, "words"), Parts: rapid.SliceOf(part).Draw(t, "parts"),
			Labels: rapid.MapOf(word, word).Draw(t, "labels"), Data: rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
		}
		if rapid.Bool().Draw(t, "more") {
			w.Size, w.On = new(rapid.Int64().Draw(t, "size")), new(rapid.Bool().Draw(t, "on"))
			w.Ratio = new(rapid.Float64Range(-1e9, 1e9).Draw(t, "ratio"))
			w.Made = schema.At(time.UnixMilli(rapid.Int64Range(1, 4e12).Draw(t, "made")))
			w.Inner = new(part.Draw(t, "inner"))
		}
		return w
	})
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	op := makeWidget(t)
	for _, p := range []schema.Protocol{schema.JSON11, schema.CBOR, schema.RESTJSON} {
		t.Run(string(p), rapid.MakeCheck(func(t *rapid.T) {
			want := anyWidget().Draw(t, "widget")
			a, err := codec.For(p).Encode(op, "id", &want)
			if err != nil {
				t.Fatal(err)
			}
			var got Widget
			if err := codec.For(p).Decode(op, request(a.Body), &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("wrote %+v\nread  %+v %v\nas %q", want, got, err, a.Body)
			}
		}))
	}
}

func request(body []byte) *codec.Request { return &codec.Request{HTTP: httpRequest(), Body: body} }

func TestCBORTakesEveryForm(t *testing.T) {
	op := makeWidget(t)
	read := func(body string) (Widget, error) {
		var w Widget
		err := codec.For(schema.CBOR).Decode(op, request([]byte(body)), &w)
		return w, err
	}
	for name, body := range map[string]string{
		"definite":                  "\xa2\x65Count\x07\x64Name\x61n",
		"indefinite map and string": "\xbf\x65Count\x18\x07\x64Name\x7f\x61n\x60\xff\xff",
		"a whole float":             "\xa2\x65Count\xfb\x40\x1c\x00\x00\x00\x00\x00\x00\x64Name\x61n",
		"a half float":              "\xa2\x65Count\xf9\x47\x00\x64Name\x61n",
		"unknown members":           "\xa3\x65Count\x07\x61x\x9f\xa1\x01\x02\xc1\x00\xff\x64Name\x61n",
		"a null member":             "\xa3\x65Count\x07\x64Size\xf6\x64Name\x61n",
	} {
		if w, err := read(body); err != nil || w.Count != 7 || w.Name != "n" || w.Size != nil {
			t.Errorf("%s: %+v %v", name, w, err)
		}
	}
	if w, err := read("\xa1\x64Made\xc1\xfb\x41\xda\xc0\x44\xf0\x20\x00\x00"); err != nil || w.Made.IsZero() {
		t.Errorf("a timestamp: %+v %v", w, err)
	}
	for name, body := range map[string]string{
		"nothing after the head": "\xbf", "a length beyond the data": "\xbb\xff\xff\xff\xff\xff\xff\xff\xff", "a huge list": "\xa1\x65Words\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
		"a wrong type": "\xa1\x65Count\x61x", "too large": "\xa1\x65Count\x1b\x7f\xff\xff\xff\xff\xff\xff\xff", "a fraction": "\xa1\x65Count\xf9\x38\x00", "text that is none": "\xa1\x64Name\x61\xff",
		"a number as key": "\xa1\x01\x01", "more after it": "\xa0\xa0", "a list of null": "\xa1\x65Words\x81\xf6", "a reserved byte": "\xa1\x64Name\xfc",
		"nested": "\xa1\x61x" + strings.Repeat("\x81", 1000), "a time beyond time": "\xa1\x64Made\xc1\xfb\x7f\xef\xff\xff\xff\xff\xff\xff",
	} {
		var m *codec.Malformed
		if _, err := read(body); !errors.As(err, &m) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestViolations(t *testing.T) {
	op := makeWidget(t)
	for _, c := range []struct {
		name string
		w    Widget
		want []string
	}{
		{"nothing", Widget{Name: "n", Count: 1, Size: new(int64(0))}, nil},
		{"absent numbers are not zero", Widget{Name: "n"}, nil},
		{"missing", Widget{}, []string{"Value null at 'Name' failed to satisfy constraint: Member must not be null"}},
		{"too large", Widget{Name: "n", Count: 1000001}, []string{"Value '1000001' at 'Count' failed to satisfy constraint: Member must have value less than or equal to 1000000"}},
		{"too small", Widget{Name: "n", Count: -1}, []string{"Value '-1' at 'Count' failed to satisfy constraint: Member must have value greater than or equal to 1"}},
		{"a secret", Widget{Name: "n", Data: make([]byte, 9)}, []string{"Value at 'Data' failed to satisfy constraint: Member must have length less than or equal to 8"}},
		{"an enumeration", Widget{Name: "n", Color: "green"}, []string{"Value 'green' at 'Color' failed to satisfy constraint: Member must satisfy enum value set: [red, blue]"}},
		{"a flat list", Widget{Name: "n", Flat: []string{"ok", "long"}}, []string{"Value '[ok, long]' at 'Flat' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 3, Member must satisfy regular expression pattern: [a-z]*]"}},
		{"a map", Widget{Name: "n", Labels: map[string]string{"b": "2", "a": "long"}}, []string{"Value '{a=long, b=2}' at 'Labels' failed to satisfy constraint: Map value must satisfy constraint: ["}},
		{"a structure in itself", Widget{Name: "n", Parts: []Part{{}, {Sub: &Part{Sub: &Part{ID: "UP!!"}}}}},
			[]string{"Value 'UP!!' at 'Parts.2.member.Sub.Sub.Id' failed to satisfy constraint: Member must have length", "Value 'UP!!' at 'Parts.2.member.Sub.Sub.Id' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]*"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := op.In.Check(&c.w)
			if len(got) != len(c.want) {
				t.Fatalf("%v", got)
			}
			for i := range got {
				if !strings.HasPrefix(got[i].String(), c.want[i]) {
					t.Errorf("got  %s\nwant %s", got[i], c.want[i])
				}
			}
		})
	}
}

func TestWhatAPathFinds(t *testing.T) {
	op := makeWidget(t)
	for _, c := range []struct {
		path     string
		w        Widget
		accepted []string
		where    string // empty: nothing is set
	}{
		{"Name", Widget{}, nil, ""},
		{"Name", Widget{Name: "x"}, nil, "Name"},
		{"Name", Widget{Name: "x"}, []string{"x"}, ""},
		{"Size", Widget{Size: new(int64(0))}, nil, ""},
		{"Size", Widget{Size: new(int64(2))}, []string{"2"}, ""},
		{"On", Widget{On: new(true)}, nil, "On"},
		{"On", Widget{On: new(true)}, []string{"true"}, ""},
		{"Words", Widget{Words: []string{}}, nil, ""},
		{"Words", Widget{Words: []string{""}}, nil, "Words"},
		{"Inner", Widget{Inner: &Part{}}, nil, ""},
		{"Inner", Widget{Inner: &Part{Sub: &Part{ID: "x"}}}, nil, "Inner"},
		{"Parts.Sub.Id", Widget{Parts: []Part{{}, {Sub: &Part{ID: "x"}}}}, nil, "Parts[1].Sub.Id"},
		{"Made", Widget{Made: noon}, nil, "Made"},
	} {
		p, err := op.In.Path(c.path)
		if err != nil {
			t.Fatal(err)
		}
		where := ""
		if found := p.Places(&c.w, c.accepted); found != nil {
			where = found[0].Where
		}
		if where != c.where {
			t.Errorf("%s in %+v: %q", c.path, c.w, where)
		}
	}
	for _, bad := range []string{"", "Nothing", "Parts.Nothing", "Name.Sub"} {
		if _, err := op.In.Path(bad); err == nil {
			t.Errorf("took the path %q", bad)
		}
	}
}

func TestWhatJSONRefuses(t *testing.T) {
	for body, want := range map[string]string{
		`{"Made":"now"}`: "STRING_VALUE can not be converted to a Timestamp (at /Made)", `{"Made":1e300}`: "timestamp 1e+300 is out of range",
		`{"Ratio":1e999}`: "NUMBER_VALUE can not be converted to a Double", `{"Size":1.5}`: "NUMBER_VALUE can not be converted to a Long (at /Size)",
		`{"On":"true"}`: "STRING_VALUE can not be converted to a Boolean", `{"Data":"?"}`: "STRING_VALUE can not be converted to a Blob", `{"Labels":[]}`: "Start of list found where not expected",
		`{"Inner":1}`: "Expected structure or null", `[]`: "Start of list found where not expected", `{} {}`: "not valid JSON", `{"Name":"\ud800"}`: "not valid JSON",
	} {
		err := codec.For(schema.JSON11).Decode(makeWidget(t), request([]byte(body)), new(Widget))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

// A few bytes may not ask for much memory: a structure of Go's is larger than what spells it.
func TestWhatIsTooLargeForItsBytesIsRefused(t *testing.T) {
	many := func(before, item, after string) string { return before + strings.Repeat(item, 40_000) + after }
	deep := func(before, level, inner, up string) string {
		return before + strings.Repeat(level, 200) + inner + strings.Repeat(up, 200)
	}
	for _, c := range []struct {
		name     string
		protocol schema.Protocol
		body     string
		want     string
	}{
		{"JSON structures", schema.JSON11, many(`{"Parts":[`, `{},`, `{}]}`), "structures"},
		{"JSON nulls", schema.JSON11, many(`{"Parts":[`, `null,`, `null]}`), "structures"},
		{"JSON levels", schema.JSON11, deep(`{"Inner":`, `{"Sub":`, `{}`, `}`) + `}`, "levels deep"},
		{"CBOR structures", schema.CBOR, many("\xa1\x65Parts\x9f", "\xa0", "\xff"), "structures"},
		{"CBOR levels", schema.CBOR, deep("\xa1\x65Inner", "\xa1\x63Sub", "\xa0", ""), "levels deep"},
		{"XML structures", schema.RESTXML, many("<W><partSet>", "<item/>", "</partSet></W>"), "structures"},
		{"XML levels", schema.RESTXML, deep("<W><Inner>", "<Sub>", "", "</Sub>") + "</Inner></W>", "levels deep"},
	} {
		err := codec.For(c.protocol).Decode(makeWidget(t), request([]byte(c.body)), new(Widget))
		var m *codec.Malformed
		if !errors.As(err, &m) || !strings.Contains(m.Message, c.want) {
			t.Errorf("%s: %v, want too many %s", c.name, err, c.want)
		}
	}
	var w Widget
	body := `{"Words":["` + strings.Repeat(`{null}","`, 40_000) + `"]}`
	if err := codec.For(schema.JSON11).Decode(makeWidget(t), request([]byte(body)), &w); err != nil || len(w.Words) != 40_001 {
		t.Errorf("%d words: %v", len(w.Words), err)
	}
}

func TestTimesAsJSON(t *testing.T) {
	for ms, want := range map[int64]string{1795262400000: "1795262400", 1795262400500: "1795262400.5", 1795262400010: "1795262400.01", 1795262400001: "1795262400.001", -1500: "-1.5", 1: "0.001"} {
		b, err := json.Marshal(schema.Time{Time: time.UnixMilli(ms)})
		if err != nil || string(b) != want {
			t.Errorf("%d is %s %v, want %s", ms, b, err, want)
		}
		var back schema.Time
		if err := json.Unmarshal(b, &back); err != nil || back.UnixMilli() != ms {
			t.Errorf("%s is read as %v %v", b, back, err)
		}
	}
	for _, bad := range []string{`"2026-11-21"`, `1e300`, `true`, `{}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), new(schema.Time)); err == nil {
			t.Errorf("took %s", bad)
		}
	}
	if _, err := schema.FromEpoch(math.NaN()); err == nil {
		t.Error("took NaN")
	}
}

// decodes holds what every decoder promises: it returns, what it refuses is
// the caller's fault, and what it takes can be checked and written.
func decodes(t *testing.T, p schema.Protocol, req *codec.Request) {
	op := makeWidget(t)
	var w Widget
	if err := codec.For(p).Decode(op, req, &w); err != nil {
		var m *codec.Malformed
		if !errors.As(err, &m) || !utf8.ValidString(err.Error()) {
			t.Errorf("%T %q", err, err)
		}
		return
	}
	op.In.Check(&w)
	if _, err := codec.For(p).Encode(op, "id", &w); err != nil {
		t.Errorf("read %+v, which cannot be written: %v", w, err)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"Name":"n","Count":1e2,"Parts":[{"Sub":{"Sub":null}}],"Made":1.5,"Data":"AA==","Labels":{"":""}}`))
	f.Add([]byte(`{"Name":"\ud800"}`))
	f.Fuzz(func(t *testing.T, b []byte) { decodes(t, schema.JSON11, request(b)) })
}

func FuzzCBOR(f *testing.F) {
	f.Add([]byte("\xbf\x65Words\x9f\x7f\x61a\xff\xff\x65Parts\x81\xa1\x63Sub\xa0\x64Made\xc1\x01\xff"))
	f.Add([]byte("\xa1\x66Labels\xa1\x61a\x61b"))
	f.Fuzz(func(t *testing.T, b []byte) { decodes(t, schema.CBOR, request(b)) })
}

func FuzzForm(f *testing.F) {
	f.Add("Words.member.1=a&Words.member.x=b&Labels.entry.1.key=k&Parts.item.1.Sub.Sub.Id=%41&Made=1", true)
	f.Add("Wort.1=a&PartSet.99999999.Id=x&On=TRUE&=&%=", false)
	f.Fuzz(func(t *testing.T, s string, query bool) {
		form, _ := codec.ParseForm(s)
		p := schema.EC2
		if query {
			p = schema.Query
		}
		decodes(t, p, &codec.Request{Form: form})
	})
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(`<W><name>n</name><Flat>a</Flat><Flat>b</Flat><partSet><item Kind="k"><Sub/></item></partSet><Labels><entry><key>a</key></entry></Labels></W>`))
	f.Add([]byte(`<!DOCTYPE x [<!ENTITY a "b">]><W><name>&a;</name></W>`))
	f.Fuzz(func(t *testing.T, b []byte) { decodes(t, schema.RESTXML, request(b)) })
}

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// shapes writes the table of shapes: what the wire layer knows of each type
// beyond its Go form.
func (p *pkg) shapes() *source {
	out := newSource(p.service.model)
	out.printf("var shapes = []schema.Shape{\n")
	for _, name := range p.reached {
		p.shapeEntry(out, name)
	}
	out.printf("}\n")
	return out
}

var kinds = map[string]string{
	"structure": "Structure", "list": "List", "map": "Map", "string": "String", "character": "String",
	"blob": "Blob", "boolean": "Boolean", "integer": "Integer", "long": "Long", "float": "Float",
	"double": "Double", "timestamp": "Timestamp",
}

func (p *pkg) shapeEntry(out *source, name string) {
	s := p.model.shape(name)
	kind := kinds[s.Type]
	if s.Document {
		kind = "Document"
	}
	out.printf("{Name: %q, Kind: schema.%s", name, kind)
	if len(s.Members.names) > 0 {
		out.printf(", Members: []schema.Member{\n")
		for _, m := range s.Members.names {
			out.printf("{%s},\n", member(m, s.Members.byName[m], slices.Contains(s.Required, m)))
		}
		out.printf("}")
	}
	if s.Member != nil {
		out.printf(", Elem: &schema.Member{%s}", member("member", *s.Member, false))
	}
	if s.Key != nil {
		out.printf(", Key: &schema.Member{%s}, Elem: &schema.Member{%s}",
			member("key", *s.Key, false), member("value", *s.Value, false))
	}
	if len(s.Enum) > 0 && !slices.Contains(p.service.open, name) {
		out.printf(", Enum: []string{")
		for _, v := range s.Enum {
			out.printf("%q, ", v)
		}
		out.printf("}")
	}
	if s.Flattened {
		out.printf(", Flat: true")
	}
	if s.Sensitive {
		out.printf(", Sensitive: true")
	}
	if s.Payload != "" {
		out.printf(", Payload: %q", s.Payload)
	}
	if s.Format != "" {
		out.printf(", Format: %q", s.Format)
	}
	if l := limits(name, s); l != "" {
		out.printf(", Limits: &schema.Limits{%s}", l)
	}
	out.printf("},\n")
}

var locations = map[string]string{
	"uri": "URI", "querystring": "QueryString", "header": "Header", "headers": "Headers", "statusCode": "StatusCode",
}

func member(name string, r ref, required bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Name: %q, Shape: %q", name, r.Shape)
	if required {
		b.WriteString(", Required: true")
	}
	if r.LocationName != "" && r.LocationName != name {
		fmt.Fprintf(&b, ", Wire: %q", r.LocationName)
	}
	if r.QueryName != "" {
		fmt.Fprintf(&b, ", Query: %q", r.QueryName)
	}
	if r.Location != "" {
		fmt.Fprintf(&b, ", In: schema.%s", locations[r.Location])
	}
	for _, f := range []struct {
		name string
		on   bool
	}{{"Flat", r.Flattened}, {"Attribute", r.XMLAttribute}, {"Streaming", r.Streaming}} {
		if f.on {
			fmt.Fprintf(&b, ", %s: true", f.name)
		}
	}
	if r.TimestampFormat != "" {
		fmt.Fprintf(&b, ", Format: %q", r.TimestampFormat)
	}
	return b.String()
}

// limits is a shape's constraints as fields of schema.Limits; empty when there
// are none.
func limits(name string, s shape) string {
	var parts []string
	if s.Min != nil {
		parts = append(parts, fmt.Sprintf("HasMin: true, Min: %v", *s.Min))
	}
	if s.Max != nil {
		parts = append(parts, fmt.Sprintf("HasMax: true, Max: %v", *s.Max))
	}
	if s.Pattern != "" {
		re := goPattern(s.Pattern)
		if _, err := regexp.Compile(re); err != nil {
			panic(fmt.Sprintf("the pattern of %s is not RE2 (add a rewrite in shapes.go): %v", name, err))
		}
		parts = append(parts, fmt.Sprintf("Pattern: %q", re))
		if re != s.Pattern {
			parts = append(parts, fmt.Sprintf("Text: %q", s.Pattern))
		}
	}
	return strings.Join(parts, ", ")
}

// javaEscape is a character by its number; the models write those beyond 16
// bits with more digits.
var javaEscape = regexp.MustCompile(`\\u(10000|10[0-9A-Fa-f]{4}|[0-9A-Fa-f]{4})`)

// noHyphenFirst writes a label that may not begin with a hyphen without the lookahead that Go's expressions lack.
var noHyphenFirst = strings.NewReplacer(
	`(?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9]`, `[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?`,
	`(?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9]`, `[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]`,
)

// goPattern turns a Java pattern into Go's.
func goPattern(java string) string {
	return noHyphenFirst.Replace(javaEscape.ReplaceAllString(java, `\x{$1}`))
}

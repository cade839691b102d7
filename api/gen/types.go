package main

import "slices"

// types writes the Go types: one per structure and one per enumeration.
func (p *pkg) types() *source {
	out := newSource(p.service.model)
	for _, name := range p.enums() {
		goName := p.claim(exported(name), "the enumeration "+name)
		out.printf("// %s is an enumeration of %s.\ntype %s string\n\n", goName, p.about(), goName)
		out.printf("// The values of %s.\nconst (\n", goName)
		for _, v := range p.model.shape(name).Enum {
			out.printf("%s %s = %q\n", p.claim(constant(goName, v), "a value of "+name), goName, v)
		}
		out.printf(")\n\n")
	}
	for _, name := range p.structures() {
		p.structure(out, name)
	}
	return out
}

func (p *pkg) structure(out *source, name string) {
	goName := p.claim(exported(name), "the structure "+name)
	what, ok := p.usedBy[name]
	if !ok {
		what = "a structure of " + p.about()
	}
	s := p.model.shape(name)
	out.printf("// %s is %s.\ntype %s struct {\n", goName, what, goName)
	for _, m := range s.Members.names {
		goType, omit := p.field(name, m)
		tag := tagName(m)
		if omit {
			tag += ",omitzero"
		}
		comment := ""
		if slices.Contains(s.Required, m) {
			comment = " // required"
		}
		out.printf("%s %s `json:%q`%s\n", exported(m), goType, tag, comment)
	}
	out.printf("}\n\n")
}

// about names the service in a sentence.
func (p *pkg) about() string {
	if id := p.model.Metadata.ServiceID; id != "" {
		return id
	}
	return p.service.model
}

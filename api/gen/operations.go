package main

import (
	"cmp"
	"slices"
	"strings"
)

// exceptionCodes writes the codes of the service's errors as constants.
func (p *pkg) exceptionCodes(out *source) {
	if len(p.exceptions()) == 0 {
		return
	}
	out.printf("// The codes of the service's errors.\nconst (\n")
	for _, name := range p.exceptions() {
		code := name
		if e := p.model.shape(name).Error; e != nil && e.Code != "" && p.xml() {
			code = e.Code
		}
		out.printf("%s = %q\n", p.claim(exported(name), "the error "+name), code)
	}
	out.printf(")\n\n")
}

// xml reports whether the service's first protocol answers in XML, where an
// error's code may differ from its name.
func (p *pkg) xml() bool {
	switch p.wireProtocols()[0] {
	case "schema.Query", "schema.EC2", "schema.RESTXML":
		return true
	}
	return false
}

// api writes the service's description and one typed value per
// generated operation.
func (p *pkg) api() *source {
	out := newSource(p.service.model)
	m := p.model.Metadata
	out.printf("// API describes the service.\nvar API = schema.Service{\n")
	out.printf("Package: %q,\nID: %q,\nVersion: %q,\n", p.service.model, m.ServiceID, m.APIVersion)
	out.printf("Protocols: []schema.Protocol{%s},\n", strings.Join(p.wireProtocols(), ", "))
	out.text("TargetPrefix", cmp.Or(m.TargetPrefix, p.service.target))
	signing := m.SigningName
	if signing == "" {
		signing = m.Endpoint
	}
	out.text("SigningName", signing)
	out.text("Namespace", m.XMLNamespace)
	out.text("Invalid", p.invalid)
	out.text("Unsupported", p.refused)
	out.flag("UnsignedBody", p.service.model == "s3")
	out.flag("BareErrors", p.service.model == "s3")
	out.printf("Operations: operations,\nErrors: exceptions,\nShapes: shapes,\n}\n\n")

	out.printf("// The operations that Berth has types for.\nvar (\n")
	for _, name := range slices.Sorted(slices.Values(p.ops)) {
		op := p.model.Operations[name]
		out.printf("%s = schema.Op[%s, %s]{Service: &API, Name: %q}\n", p.claim(exported(name), "the operation "+name),
			p.unit(op.Input), p.unit(op.Output), name)
	}
	out.printf(")\n\n")
	p.exceptionCodes(out)

	out.printf("var operations = []schema.Operation{\n")
	for _, name := range p.operations() {
		p.operation(out, name)
	}
	out.printf("}\n\nvar exceptions = []schema.Exception{\n")
	for _, name := range p.exceptions() {
		s := p.model.shape(name)
		code, status := "", 400
		if s.Fault {
			status = 500
		}
		if s.Error != nil {
			if s.Error.Code != name {
				code = s.Error.Code
			}
			if s.Error.Status != 0 {
				status = s.Error.Status
			}
		}
		out.printf("{Name: %q, ", name)
		if code != "" {
			out.printf("Code: %q, ", code)
		}
		out.printf("Status: %d},\n", status)
	}
	out.printf("}\n")
	return out
}

// unit is the Go type of an operation's input or output.
func (p *pkg) unit(r *ref) string {
	if r == nil {
		return "schema.Empty"
	}
	return exported(r.Shape)
}

func (p *pkg) operation(out *source, name string) {
	op := p.model.Operations[name]
	built := slices.Contains(p.ops, name)
	out.printf("{Name: %q, ", name)
	if rest := p.wireProtocols()[0]; rest == "schema.RESTJSON" || rest == "schema.RESTXML" {
		out.printf("Method: %q, URI: %q, ", op.HTTP.Method, op.HTTP.URI)
		if s := op.HTTP.Status; s != 0 && s != 200 {
			out.printf("Status: %d, ", s)
		}
	}
	if op.ReadOnly || readOnly(name) || slices.Contains(p.reads, name) {
		out.printf("ReadOnly: true, ")
	}
	if op.AuthType == "none" {
		out.printf("Unsigned: true, ")
	}
	if built {
		out.printf("Built: true, ")
		if op.Input != nil {
			out.printf("Input: %q, ", op.Input.Shape)
		}
		if op.Output != nil {
			out.printf("Output: %q, ", op.Output.Shape)
			if op.Output.Wrapper != "" {
				out.printf("Wrapper: %q, ", op.Output.Wrapper)
			}
		}
		if len(op.Errors) > 0 {
			out.printf("Errors: []string{")
			for _, e := range op.Errors {
				out.printf("%q, ", e.Shape)
			}
			out.printf("}")
		}
	}
	out.printf("},\n")
}

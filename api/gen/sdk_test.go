package main

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
)

// TestTheECSModelHasAllThatTheSDKHas holds the model against AWS's own SDK for Go, whose releases are the news of the API: every
// operation, member, type, value of an enumeration and error of the SDK is in the model. Raise the SDK's version in go.mod, and
// this test lists what to add to api/models/ecs.json.
func TestTheECSModelHasAllThatTheSDKHas(t *testing.T) {
	m, err := readModel("../models/ecs.json")
	if err != nil {
		t.Fatal(err)
	}
	c := comparison{T: t, model: m, seen: map[string]bool{}}
	operations := sdkOperations()
	for _, o := range operations {
		op, ok := m.Operations[o.name]
		if !ok || op.Input == nil || op.Output == nil {
			t.Errorf("the model has no operation %s, or without input or output", o.name)
			continue
		}
		c.structure(schemaOf(o.in), o.in)
		c.structure(schemaOf(o.out), o.out)
	}
	if len(operations) < 88 || len(c.seen) < 500 {
		t.Errorf("only %d operations and %d shapes were found in the SDK", len(operations), len(c.seen))
	}
	for id, entry := range ecs.TypeRegistry.Entries {
		if e, ok := entry.New().(error); ok && !m.Shapes[strings.TrimPrefix(id, "com.amazonaws.ecs#")].Exception {
			t.Errorf("the model has no error %T", e)
		}
	}
}

// sdkOperation is an operation of the SDK's client.
type sdkOperation struct {
	name    string
	in, out reflect.Type
}

func sdkOperations() (all []sdkOperation) {
	client := reflect.TypeFor[*ecs.Client]()
	for i := range client.NumMethod() {
		if m := client.Method(i); m.Type.NumIn() == 4 && m.Type.In(1) == reflect.TypeFor[context.Context]() {
			all = append(all, sdkOperation{m.Name, m.Type.In(2).Elem(), m.Type.Out(0).Elem()})
		}
	}
	return all
}

// schemaOf is the schema by which the SDK writes a structure.
func schemaOf(t reflect.Type) *smithy.Schema {
	r := recorder{}
	reflect.New(t).Interface().(smithy.Serializable).Serialize(&r)
	return r.schema
}

// recorder keeps the schema of the first structure that is written. Booleans that can't be absent are written in any case.
type recorder struct {
	smithy.ShapeSerializer
	schema *smithy.Schema
}

func (r *recorder) WriteStruct(s *smithy.Schema)       { r.schema = s }
func (*recorder) CloseStruct()                         {}
func (*recorder) WriteBool(*smithy.Schema, bool)       {}
func (*recorder) WriteInt32(*smithy.Schema, int32)     {}
func (*recorder) WriteInt64(*smithy.Schema, int64)     {}
func (*recorder) WriteFloat64(*smithy.Schema, float64) {}

// comparison walks the SDK's types beside its schemas, which have the names on the wire.
type comparison struct {
	*testing.T
	model *model
	seen  map[string]bool
}

// unions are the variants of the SDK's unions: a Go type does not tell who implements it.
var unions = []any{
	types.DescribeGatewayConfigurationMemberHostSharedAlb{}, types.GatewayConfigurationMemberHostSharedAlb{},
	types.GatewayConnectionResourcesMemberHostSharedAlb{}, types.GatewayElbAccessLogDestinationMemberS3{},
	types.GatewayInfrastructureResourcesMemberHostSharedAlb{}, types.GatewayRouteResourcesMemberHostSharedAlb{},
	types.ServiceConnectContainerConfigurationMemberLogLevel{}, types.SharingStrategyMemberNvidiaMps{},
	types.UpdateGatewayConfigurationMemberHostSharedAlb{},
}

// field is the Go type of a member, nil when there is none.
func field(t reflect.Type, member string) reflect.Type {
	if t.Kind() == reflect.Struct {
		f, _ := t.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, member) })
		return f.Type
	}
	for _, u := range unions {
		variant := reflect.TypeOf(u)
		if reflect.PointerTo(variant).Implements(t) && strings.EqualFold(variant.Name(), t.Name()+"Member"+member) {
			return variant.Field(0).Type
		}
	}
	return nil
}

func (c *comparison) structure(s *smithy.Schema, t reflect.Type) {
	name := shapeName(s)
	shape, ok := c.model.Shapes[name]
	if !ok || c.seen[name] {
		if !ok {
			c.Errorf("the model has no shape %s", name)
		}
		return
	}
	c.seen[name] = true
	for member, target := range s.Members() {
		at := name + "." + member
		r, ok := shape.Members.byName[member]
		switch goType := field(t, member); {
		case !ok:
			c.Errorf("the model has no member %s", at)
		case goType == nil:
			c.Errorf("%v has no Go type for %s: is it a variant that the table of this test lacks?", t, at)
		case r.Shape != shapeName(target):
			c.Errorf("%s is a %s in the model and a %s in the SDK", at, r.Shape, shapeName(target))
		default:
			c.member(r, target, goType, at)
		}
	}
}

var modelTypes = map[smithy.ShapeType]string{
	smithy.ShapeTypeBlob: "blob", smithy.ShapeTypeBoolean: "boolean", smithy.ShapeTypeString: "string", smithy.ShapeTypeEnum: "string",
	smithy.ShapeTypeTimestamp: "timestamp", smithy.ShapeTypeInteger: "integer", smithy.ShapeTypeLong: "long",
	smithy.ShapeTypeFloat: "float", smithy.ShapeTypeDouble: "double", smithy.ShapeTypeDocument: "structure",
	smithy.ShapeTypeList: "list", smithy.ShapeTypeMap: "map", smithy.ShapeTypeStructure: "structure", smithy.ShapeTypeUnion: "structure",
}

// member compares a use of a shape: by a member, or by a list or map for its elements, which are never absent.
func (c *comparison) member(r ref, s *smithy.Schema, t reflect.Type, at string) {
	shape, ok := c.model.Shapes[r.Shape]
	if !ok || shape.Type != modelTypes[s.Type()] {
		c.Errorf("%s: the model has no %s %s", at, modelTypes[s.Type()], r.Shape)
		return
	}
	c.seen[r.Shape] = c.seen[r.Shape] || s.Type() != smithy.ShapeTypeStructure && s.Type() != smithy.ShapeTypeUnion
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	switch s.Type() {
	case smithy.ShapeTypeStructure, smithy.ShapeTypeUnion:
		c.structure(s, t)
	case smithy.ShapeTypeList:
		c.member(*shape.Member, s.ListMember(), t.Elem(), at+"[]")
	case smithy.ShapeTypeMap:
		c.member(*shape.Value, s.MapValue(), t.Elem(), at+"[]")
	case smithy.ShapeTypeEnum:
		for _, v := range reflect.Zero(t).MethodByName("Values").Call(nil)[0].Seq2() {
			if !slices.Contains(shape.Enum, v.String()) {
				c.Errorf("the model has no value %s of %s", v, r.Shape)
			}
		}
	case smithy.ShapeTypeBoolean, smithy.ShapeTypeInteger, smithy.ShapeTypeLong, smithy.ShapeTypeFloat, smithy.ShapeTypeDouble:
		if boxed := shape.Box || r.Box; boxed != pointer && !strings.HasSuffix(at, "[]") {
			c.Errorf("%s: that it can be absent is %v in the model and %v in the SDK", at, boxed, pointer)
		}
	}
}

// shapeName is the name of a schema's shape, or of that which a member's schema is about.
func shapeName(s *smithy.Schema) string {
	if target := s.TargetID().Name; target != "" {
		return target
	}
	return s.ID().Name
}

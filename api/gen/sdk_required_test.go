package main

import (
	"errors"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/smithy-go"
)

// TestTheECSModelRequiresWhatTheSDKRequires calls each operation of the SDK with an input of empty structures: before it sends
// anything it lists all that is missing. Just that is required by the model.
func TestTheECSModelRequiresWhatTheSDKRequires(t *testing.T) {
	m, err := readModel("../models/ecs.json")
	if err != nil {
		t.Fatal(err)
	}
	options := ecs.Options{Region: "us-east-1", HTTPClient: nowhere{}, Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
		RetryMaxAttempts: 1, BaseEndpoint: aws.String("http://127.0.0.1:1")}
	client := reflect.ValueOf(ecs.New(options))
	for _, o := range sdkOperations() {
		name, input := o.name, reflect.New(o.in)
		op, ok := m.Operations[name]
		if !ok {
			continue // another test tells
		}
		hollow(input.Elem(), nil)
		answer := client.MethodByName(name).Call([]reflect.Value{reflect.ValueOf(t.Context()), input})
		missing := map[string]bool{}
		err, _ := answer[1].Interface().(error)
		var invalid smithy.InvalidParamsError
		switch {
		case errors.As(err, &invalid):
			for _, e := range invalid.Errs() {
				_, path, _ := strings.Cut(e.(interface{ Field() string }).Field(), ".")
				missing[strings.ToLower(index.ReplaceAllString(path, ""))] = true
			}
		case !errors.Is(err, errNowhere):
			t.Errorf("%s: %v", name, err)
			continue
		}
		required(m, op.Input.Shape, o.in, "", nil, func(path string) {
			if key := strings.ToLower(path); !missing[key] {
				t.Errorf("%s: %s is required by the model and not by the SDK", name, path)
			} else {
				delete(missing, key)
			}
		})
		for path := range missing {
			t.Errorf("%s: %s is required by the SDK and not by the model", name, path)
		}
	}
}

// index is the place in a list or map of a path.
var index = regexp.MustCompile(`\[[^]]*]`)

var errNowhere = errors.New("nothing is sent")

// nowhere is a network that sends nothing.
type nowhere struct{}

func (nowhere) Do(*http.Request) (*http.Response, error) { return nil, errNowhere }

// hollow makes all structures that v can hold, one in each list and map, and leaves out all else. Structures that contain
// themselves are made once.
func hollow(v reflect.Value, above []reflect.Type) {
	for _, t := range above {
		if t == v.Type() {
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.Struct && v.Type().Elem().PkgPath() != "time" {
			v.Set(reflect.New(v.Type().Elem()))
			hollow(v.Elem(), above)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				hollow(v.Field(i), append(above, v.Type()))
			}
		}
	case reflect.Slice:
		if e := v.Type().Elem(); e.Kind() == reflect.Struct {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			hollow(v.Index(0), above)
		}
	case reflect.Interface:
		for _, u := range unions {
			if variant := reflect.New(reflect.TypeOf(u)); variant.Type().Implements(v.Type()) {
				v.Set(variant)
				hollow(variant.Elem(), above)
			}
		}
	}
}

// required tells the paths of all members of a shape that are required where the structures around them are there, as hollow
// makes them.
func required(m *model, name string, t reflect.Type, path string, above []string, tell func(path string)) {
	for _, a := range above {
		if a == name {
			return
		}
	}
	shape := m.shape(name)
	for _, member := range shape.Members.names {
		goType, at := field(t, member), path
		if t.Kind() != reflect.Interface { // the SDK's paths leave out the variant of a union
			at = strings.TrimPrefix(path+"."+member, ".")
		}
		kind := m.shape(shape.Members.byName[member].Shape)
		inner := shape.Members.byName[member].Shape
		if kind.Type == "list" {
			inner = kind.Member.Shape
		}
		if holds := m.shape(inner).Type == "structure" && !m.shape(inner).Document; holds {
			required(m, inner, structType(goType), at, append(above, name), tell)
			continue
		}
		for _, r := range shape.Required {
			if r == member && !present(goType) {
				tell(at)
			}
		}
	}
}

// present says that a member is never missing in the SDK: a number or boolean that has no pointer to it.
func present(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int32, reflect.Int64, reflect.Float64:
		return true
	}
	return false
}

// structType is the structure or union that a member holds or has a list of.
func structType(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

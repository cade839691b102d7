package service

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Every value that this release or an earlier one has stored is read, and written again, without loss. A member that is
// renamed or dropped fails here.
func TestStoredRecordsAreReadWithoutLoss(t *testing.T) {
	for name, record := range map[string]any{"service": &Service{}, "service-revision": &Revision{}, "service-deployment": &Deployment{},
		"task-set": &TaskSet{}, "service-event": &Event{}} {
		file := "testdata/records/" + name + ".json"
		if *update {
			fill(reflect.ValueOf(record).Elem())
			text, err := json.Marshal(record, json.Deterministic(true), jsontext.WithIndent(" "))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		stored, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		read := reflect.New(reflect.TypeOf(record).Elem()).Interface()
		if err := json.Unmarshal(stored, read, json.RejectUnknownMembers(true)); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		again, err := json.Marshal(read, json.Deterministic(true), jsontext.WithIndent(" "))
		if err != nil || string(again)+"\n" != string(stored) {
			t.Errorf("%s is written again as %s (%v)", file, again, err)
		}
	}
}

// fill sets every member of a value.
func fill(v reflect.Value) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = at
		return
	case *schema.Time:
		*x = schema.At(at)
		return
	case *jsontext.Value:
		*x = jsontext.Value(`{"k":"v"}`)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("s")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(1.5)
	default:
		panic(fmt.Sprint("records hold a ", v.Type()))
	}
}

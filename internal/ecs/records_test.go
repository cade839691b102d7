package ecs

import (
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/schema"
)

// Every value that this release or an earlier one has stored is read, and written again, without loss. A member that is
// renamed or dropped fails here.
func TestStoredRecordsAreReadWithoutLoss(t *testing.T) {
	for name, record := range map[string]any{"cluster": &Cluster{}, "family": &Family{}, "task-definition": &TaskDefinition{},
		"task": &Task{}, "container-instance": &Instance{}, "capacity-provider": &CapacityProvider{}, "account-setting": &AccountSetting{}} {
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
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = t0
		return
	case *schema.Time:
		*x = schema.At(t0)
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
		v.Set(reflect.ValueOf(map[string]string{"k": "v"}).Convert(v.Type()))
	case reflect.String:
		v.SetString("s")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint16:
		v.SetUint(7)
	case reflect.Float64:
		v.SetFloat(1.5)
	default:
		panic(fmt.Sprint("records hold a ", v.Type()))
	}
}

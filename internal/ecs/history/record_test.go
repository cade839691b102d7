package history

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// golden is a record as the first release with a history stored it.
const golden = "01" + "98e5245b09ad8015" + "02" + "000c66616d696c792f612f776562" + "0000" + "7b7d"

func TestStoredRecordsAreRead(t *testing.T) {
	want := Record{Scope: store.Scope{Account: "1", Region: "r"}, ID: "id", Ended: time.Date(2026, 11, 5, 12, 0, 0, 21, time.UTC),
		Keys: []string{"family/a/web", ""}, Value: []byte("{}")}
	if stored := hex.EncodeToString(appendRecord(nil, &want)); stored != golden {
		t.Errorf("it is stored as %s", stored)
	}
	stored, err := hex.DecodeString(golden)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readRecord(want.Scope, want.ID, stored)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func FuzzStoredRecord(f *testing.F) {
	stored, err := hex.DecodeString(golden)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stored)
	f.Fuzz(func(t *testing.T, stored []byte) {
		r, err := readRecord(store.Scope{}, "id", stored)
		if err != nil {
			return
		}
		again, err := readRecord(store.Scope{}, "id", appendRecord(nil, &r))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v is read again as %+v, %v", r, again, err)
		}
	})
}

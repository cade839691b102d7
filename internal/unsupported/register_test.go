package unsupported_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/unsupported"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func refused(operation, parameter string) unsupported.Entry {
	return unsupported.Entry{Asked: unsupported.Asked{Service: "ecs", Operation: operation, Parameter: parameter}, Did: unsupported.Refused, Why: "because"}
}

func TestWhatIsAskedAgainIsCounted(t *testing.T) {
	r := unsupported.New(noon)
	for i, want := range []bool{true, false, false} {
		if news := r.Add(refused("RunTask", "group"), noon.Add(time.Duration(i)*time.Hour)); news != want {
			t.Errorf("request %d is news: %v", i, news)
		}
	}
	if !r.Add(refused("CreateService", ""), noon) {
		t.Error("another thing is no news")
	}
	want := unsupported.Record{Since: noon, Entries: []unsupported.Entry{refused("RunTask", "group"), refused("CreateService", "")}}
	want.Entries[0].Count, want.Entries[0].First, want.Entries[0].Last = 3, noon, noon.Add(2*time.Hour)
	want.Entries[1].Count, want.Entries[1].First, want.Entries[1].Last = 1, noon, noon
	if got := r.Record(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	r.Forget(noon.Add(time.Minute))
	if got := r.Record(); got.Since != noon.Add(time.Minute) || len(got.Entries) != 0 {
		t.Errorf("%+v", got)
	}
	if !r.Add(refused("RunTask", "group"), noon) {
		t.Error("it is no news after it was forgotten")
	}
}

func TestNamesThatCallersMakeUpAreBounded(t *testing.T) {
	r := unsupported.New(noon)
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for i := range 1000 {
				e := refused("RunTask", fmt.Sprintf("%d-%d-%s", caller, i, strings.Repeat("x", 1000)))
				e.Made = true
				r.Add(e, noon)
			}
		})
	}
	callers.Wait()
	if !r.Add(refused("RunTask", "group"), noon) {
		t.Error("what is known has no room among what is made up")
	}
	got := r.Record()
	if len(got.Entries) != 501 || got.More != 3500 {
		t.Errorf("%d entries and %d more", len(got.Entries), got.More)
	}
	for _, e := range got.Entries {
		if len(e.Parameter) > 256 {
			t.Errorf("%d bytes of a parameter are kept", len(e.Parameter))
		}
	}
}

func TestALongNameIsCutBetweenCharacters(t *testing.T) {
	r, err := unsupported.Open(filepath.Join(t.TempDir(), "unsupported.json"), noon)
	if err != nil {
		t.Fatal(err)
	}
	r.Add(refused("RunTask", strings.Repeat("x", 255)+"é"), noon)
	if err := r.Save(); err != nil {
		t.Error(err)
	}
}

func TestTheRecordSurvivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "unsupported.json")
	r, err := unsupported.Open(file, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Save(); err != nil {
		t.Fatal(err)
	}
	if r, err = unsupported.Open(file, noon.Add(time.Minute)); err != nil || r.Record().Since != noon {
		t.Errorf("since when it is kept is forgotten: %v %v", r.Record().Since, err)
	}
	made := refused("CreateGateways", "")
	made.Made = true
	r.Add(refused("RunTask", "group"), noon)
	r.Add(made, noon)
	if err := r.Save(); err != nil {
		t.Fatal(err)
	}
	again, err := unsupported.Open(file, noon.Add(time.Hour))
	if err != nil || !reflect.DeepEqual(again.Record(), r.Record()) {
		t.Errorf("%+v %v\nwant %+v", again.Record(), err, r.Record())
	}
	if !again.Add(refused("RunTask", "group"), noon.Add(time.Hour)) || again.Add(refused("RunTask", "group"), noon.Add(time.Hour)) {
		t.Error("a new process does not tell it once more")
	}
	if got := again.Record().Entries[0]; got.Count != 3 || got.First != noon || got.Last != noon.Add(time.Hour) {
		t.Errorf("%+v", got)
	}
}

func TestADamagedFileIsToldAndBegunAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "unsupported.json")
	for _, text := range []string{"", "{", `{"since":1}`, `{"entries":{}}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := unsupported.Open(file, noon)
		if err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", text, err)
		}
		r.Add(refused("RunTask", "group"), noon)
		if err := r.Save(); err != nil {
			t.Fatal(err)
		}
		if r, err = unsupported.Open(file, noon); err != nil || len(r.Record().Entries) != 1 {
			t.Errorf("after %q: %+v %v", text, r.Record(), err)
		}
	}
}

func TestChangesAreSavedWithinSecondsAndAtTheEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "unsupported.json")
	synctest.Test(t, func(t *testing.T) {
		r, err := unsupported.Open(file, noon)
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		failures := 0
		running.Go(func() { r.Run(ctx, func(error) { failures++ }) })
		saved := func() int {
			kept, err := unsupported.Open(file, noon)
			if err != nil {
				t.Error(err)
			}
			return len(kept.Record().Entries)
		}
		r.Add(refused("RunTask", "group"), noon)
		time.Sleep(6 * time.Second) // of the bubble
		synctest.Wait()
		if saved() != 1 {
			t.Error("it is not saved after 6 seconds")
		}
		r.Add(refused("StopTask", "x"), noon)
		stop()
		running.Wait()
		if saved() != 2 || failures != 0 {
			t.Errorf("%d entries are saved at the end, with %d failures", saved(), failures)
		}
	})
	full, err := unsupported.Open(filepath.Join(t.TempDir(), "no such directory", "file"), noon)
	if err != nil {
		t.Fatal(err)
	}
	full.Add(refused("RunTask", "group"), noon)
	for range 2 { // what could not be saved is tried again
		if err := full.Save(); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v", err)
		}
	}
}

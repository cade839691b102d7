package usage

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

func TestTheLatestIsKnownForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, here := NewBook(), store.Scope{Account: "1", Region: "r"}
		for i := range 3 {
			b.Record(here, "a", Task{At: time.Now(), Containers: []Container{{Name: fmt.Sprint(i)}}})
		}
		if used, ok := b.Latest(here, "a"); !ok || used.Containers[0].Name != "2" {
			t.Errorf("%+v, %t", used, ok)
		}
		if _, ok := b.Latest(store.Scope{Account: "2", Region: "r"}, "a"); ok {
			t.Error("another account's task is known")
		}
		time.Sleep(keptFor)
		if _, ok := b.Latest(here, "a"); ok {
			t.Error("what a task used long ago is told as new")
		}
		b.Record(here, "b", Task{At: time.Now()})
		if len(b.tasks) != 1 {
			t.Errorf("%d tasks are kept", len(b.tasks))
		}
	})
}

func TestTheMeanOfNothingIsNothing(t *testing.T) {
	if (Set{}).Mean() != 0 || (Set{Sum: 9, Count: 3}).Mean() != 3 {
		t.Error("the mean is wrong")
	}
}

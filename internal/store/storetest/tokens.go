package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

type answer struct {
	Tasks []string `json:"tasks"`
}

func tokens(t *testing.T, backend New) {
	f := open(t, backend)
	run := func(token store.Token, id string) (got answer, err error) {
		err = f.Update(t.Context(), func(tx *store.Tx) error {
			got, err = store.Once(tx, here, token, func() (answer, error) {
				return answer{Tasks: []string{id}}, f.things.Create(tx, here, id, &thing{})
			})
			return err
		})
		return got, err
	}
	params, err := store.Params(map[string]int{"count": 1})
	if err != nil {
		t.Fatal(err)
	}
	token := store.Token{Operation: "RunTask", Value: "client/1", Params: params, Keep: time.Hour}

	f.put(t, "taken", thing{})
	if _, err := run(token, "taken"); !errors.Is(err, store.ErrExists) {
		t.Errorf("a request that fails: %v", err)
	}
	var wg sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		wg.Go(func() {
			var err error
			if answers[i], err = run(token, fmt.Sprintf("task %d", i)); err != nil {
				t.Errorf("request %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	for _, a := range answers {
		if len(a.Tasks) != 1 || a.Tasks[0] != answers[0].Tasks[0] {
			t.Errorf("the answers differ: %v", answers)
		}
	}
	if n := f.things.Len(here); n != 2 {
		t.Errorf("%d rows were made, want one beside the first", n-1)
	}
	other := token
	other.Params = "something else"
	if _, err := run(other, "x"); !errors.Is(err, store.ErrTokenReused) {
		t.Errorf("the token with other parameters: %v", err)
	}
	for _, token := range []store.Token{
		{Operation: "CreateService", Value: "client/1", Params: params, Keep: time.Hour},
		{Operation: "RunTask", Value: "brief", Params: params, Keep: -time.Second},
		{Operation: "RunTask", Value: "brief", Params: "others", Keep: time.Hour},
	} {
		if _, err := run(token, token.Operation+token.Params); err != nil {
			t.Errorf("a token of its own, %+v: %v", token, err)
		}
	}
}

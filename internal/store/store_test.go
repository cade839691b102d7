package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

type sample struct {
	Name   string            `json:"name"`
	Status string            `json:"status,omitzero"`
	Tags   map[string]string `json:"tags,omitzero"`
}

var scope = store.Scope{Account: "000000000000", Region: "us-east-1"}

func TestMemoryFitsABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		db := store.Memory()
		defer db.Close()
		table := store.NewTable(db, "test", "sample", store.Index[sample]{
			Name: "status", Keys: func(_ string, v *sample) []string { return []string{v.Status} },
		})
		if err := db.Start(ctx); err != nil {
			t.Fatal(err)
		}
		_, events := table.Watch(ctx)
		err := db.Update(ctx, func(tx *store.Tx) error {
			return table.Create(tx, scope, "a", &sample{Name: "first", Status: "ACTIVE"})
		})
		if err != nil {
			t.Fatal(err)
		}
		if row, ok := table.Get(scope, "a"); !ok || row.Value.Name != "first" {
			t.Fatalf("the row reads as %v, %v", row, ok)
		}
		if n := table.Count(scope, "status", "ACTIVE"); n != 1 {
			t.Fatalf("%d rows are ACTIVE", n)
		}
		synctest.Wait()
		if e := <-events; e.Old != nil || e.New.Value.Name != "first" {
			t.Fatalf("the event is %v", e)
		}
		err = db.Update(ctx, func(tx *store.Tx) error {
			return table.Create(tx, scope, "a", &sample{})
		})
		if !errors.Is(err, store.ErrExists) {
			t.Fatalf("a second Create says %v", err)
		}
	})
}

func TestExpiredTokensAreSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		db := store.Memory()
		defer db.Close()
		if err := db.Start(ctx); err != nil {
			t.Fatal(err)
		}
		ran := 0
		once := func() {
			err := db.Update(ctx, func(tx *store.Tx) error {
				_, err := store.Once(tx, scope, store.Token{Operation: "RunTask", Value: "x", Params: "p", Keep: time.Hour}, func() (string, error) {
					ran++
					return "arn", nil
				})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		once()
		once()
		if ran != 1 {
			t.Fatalf("ran %d times", ran)
		}
		before := db.Health(ctx).Size
		time.Sleep(time.Hour + time.Minute)
		synctest.Wait()
		if after := db.Health(ctx).Size; after >= before || after != 0 {
			t.Fatalf("%d bytes of %d are left", after, before)
		}
		once()
		if ran != 2 {
			t.Fatalf("ran %d times", ran)
		}
	})
}

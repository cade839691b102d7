package logship

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	api "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/spool"
	"github.com/berth-dev/berth/internal/wire/client"
)

func same(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("stored %d bytes:\n%.2000s\nwant %d:\n%.2000s", len(got), got, len(want), want)
	}
}

func TestOutputIsShippedInOrderAndDrained(t *testing.T) {
	w := newWorld(t)
	s := w.shipper(nil)
	c := w.container("web", nil)
	if err := s.Prepare(t.Context(), c.Source); err != nil {
		t.Fatal(err)
	}
	s.Follow(c.Source)
	s.Follow(c.Source)
	c.print(t, "first\n\nthird\n")
	w.until("the first lines are seen while the container runs", func() bool { return w.stored(c.Stream) == "first\nthird\n" })
	long := strings.Repeat("é", 20_000)
	c.print(t, long+"\nbad \xff byte\n")
	c.Copy(spool.Stderr, strings.NewReader("an error\n"))
	c.print(t, "no newline at the end")
	c.Close()
	if err := s.Drain(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	same(t, w.stored(c.Stream), "first\nthird\n"+long+"\nbad \uFFFD byte\nan error\nno newline at the end\n")
	if offset, err := w.db.Offset("t1", "web"); err != nil || offset < 7 {
		t.Errorf("offset %d, %v", offset, err)
	}
	if s.Dropped() != 0 {
		t.Errorf("%d dropped", s.Dropped())
	}
	s.Forget("t1")
	if err := s.Drain(t.Context(), "t1"); err != nil {
		t.Errorf("draining a task that is forgotten: %v", err)
	}
}

func TestASpoolLetsShippedLinesGo(t *testing.T) {
	w := newWorld(t)
	c := w.container("web", nil)
	s := w.shipper(nil)
	if err := s.Prepare(t.Context(), c.Source); err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 1000) + "\n"
	c.print(t, strings.Repeat(line, 5000)) // several segments
	before, _ := os.ReadDir(c.Dir)
	s.Follow(c.Source)
	w.until("segments are removed", func() bool {
		after, err := os.ReadDir(c.Dir)
		return err == nil && len(after) < len(before)
	})
	c.Close()
	if err := s.Drain(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	same(t, w.stored(c.Stream), strings.Repeat(line, 5000))
}

func TestPrepareFailsInTheWordsOfAWS(t *testing.T) {
	w := newWorld(t)
	s := w.shipper(nil)
	for name, c := range map[string]struct {
		options map[string]string
		want    string
	}{
		"no group": {map[string]string{"awslogs-group": "none"},
			"create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1"},
		"group not named":   {map[string]string{"awslogs-group": ""}, "must specify a value for log opt 'awslogs-group'"},
		"region not named":  {map[string]string{"awslogs-region": ""}, "must specify a value for log opt 'awslogs-region'"},
		"not a boolean":     {map[string]string{"awslogs-create-group": "maybe"}, "must specify valid value for log opt 'awslogs-create-group'"},
		"an unknown mode":   {map[string]string{"mode": "fast"}, "logger: logging mode not supported: fast"},
		"an unknown option": {map[string]string{"awslogs-stream": "x"}, "unknown log opt 'awslogs-stream' for awslogs log driver"},
		"a bad pattern":     {map[string]string{"awslogs-multiline-pattern": "("}, "awslogs could not parse awslogs-multiline-pattern key"},
		"two patterns":      {map[string]string{"awslogs-multiline-pattern": "x", "awslogs-datetime-format": "%Y"}, "you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' at the same time"},
		"a bad group":       {map[string]string{"awslogs-group": "a b"}, "InvalidParameterException"},
	} {
		err := s.Prepare(t.Context(), w.container("web", c.options).Source)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	create := w.container("web", map[string]string{"awslogs-group": "new", "awslogs-create-group": "true"})
	for range 2 {
		if err := s.Prepare(t.Context(), create.Source); err != nil {
			t.Error(err)
		}
	}
}

func TestAServiceThatIsAwayIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	var refusals atomic.Int32
	away := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		switch refusals.Add(1) % 3 {
		case 0:
			answer(rw, 503, "ServiceUnavailableException")
		case 1:
			answer(rw, 400, "ThrottlingException")
		default:
			panic(http.ErrAbortHandler)
		}
	})
	w.before.Store(&away)
	s := w.shipper(nil)
	c := w.container("web", nil)
	prepared := make(chan error, 1)
	go func() { prepared <- s.Prepare(t.Context(), c.Source) }()
	w.until("it is tried again", func() bool { return refusals.Load() > 2 })
	w.before.Store(nil)
	if err := <-prepared; err != nil {
		t.Fatal(err)
	}
	w.before.Store(&away)
	seen := refusals.Load()
	s.Follow(c.Source)
	c.print(t, numbered(0, 100))
	w.until("it is tried again", func() bool { return refusals.Load() > seen+2 })
	w.before.Store(nil)
	c.Close()
	if err := s.Drain(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	same(t, w.stored(c.Stream), numbered(0, 100))
}

// forgetful is an agent's database whose last writes were lost.
type forgetful struct{ *db.DB }

func (forgetful) Write(context.Context, db.Batch) error { return nil }

// TestNothingIsLostOrDoubled lets answers get lost and shippers die, and looks at what is stored in the end.
func TestNothingIsLostOrDoubled(t *testing.T) {
	w := newWorld(t)
	answers := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "PutLogEvents") && rand.N(3) == 0 {
			panic(http.ErrAbortHandler) // the service has stored it, and nobody knows
		}
	})
	c := w.container("web", nil)
	first := w.shipper(nil)
	if err := first.Prepare(t.Context(), c.Source); err != nil {
		t.Fatal(err)
	}
	w.after.Store(&answers)
	const rounds, lines = 12, 200
	for round := range rounds {
		// The spool has a reader at a time; each but the last is stopped in the middle, and its offsets are gone.
		s := w.shipper(forgetful{w.db})
		s.Follow(c.Source)
		var printing sync.WaitGroup
		printing.Go(func() {
			for i := range lines / 10 {
				c.print(t, numbered(round*lines+i*10, round*lines+i*10+10))
			}
		})
		last := numbered(round*lines, round*lines+1+rand.N(lines))
		w.until("some of the round is stored", func() bool {
			return strings.Contains(w.stored(c.Stream), last[strings.LastIndex(last[:len(last)-1], "\n")+1:])
		})
		s.Close()
		printing.Wait()
	}
	s := w.shipper(nil)
	s.Follow(c.Source)
	w.until("all is stored", func() bool { return strings.HasSuffix(w.stored(c.Stream), "\n2399\n") })
	c.Close()
	if err := s.Drain(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	same(t, w.stored(c.Stream), numbered(0, rounds*lines))
}

// fullDisk is an agent's database that can't write for a while.
type fullDisk struct {
	*db.DB
	failures atomic.Int32
}

func (d *fullDisk) Write(ctx context.Context, b db.Batch) error {
	if d.failures.Add(-1) >= 0 {
		return errors.New("no space left on device")
	}
	return d.DB.Write(ctx, b)
}

func TestADatabaseThatCannotWriteForAWhileLosesNothing(t *testing.T) {
	w := newWorld(t)
	c := w.container("web", nil)
	offsets := &fullDisk{DB: w.db}
	offsets.failures.Store(2)
	s := w.shipper(offsets)
	if err := s.Prepare(t.Context(), c.Source); err != nil {
		t.Fatal(err)
	}
	s.Follow(c.Source)
	c.print(t, numbered(0, 10))
	w.until("the offset could not be saved", func() bool { return offsets.failures.Load() < 2 })
	c.print(t, numbered(10, 20))
	c.Close()
	if err := s.Drain(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	same(t, w.stored(c.Stream), numbered(0, 20))
	if offset, err := w.db.Offset("t1", "web"); err != nil || offset < 20 {
		t.Errorf("offset %d, %v", offset, err)
	}
}

func TestWhatIsDeletedMeanwhile(t *testing.T) {
	w := newWorld(t)
	s := w.shipper(nil)
	c := w.container("web", nil)
	if err := s.Prepare(t.Context(), c.Source); err != nil {
		t.Fatal(err)
	}
	s.Follow(c.Source)
	c.print(t, "1\n")
	w.until("the first line is stored", func() bool { return w.stored(c.Stream) == "1\n" })
	if _, err := client.Call(t.Context(), w.client(), api.DeleteLogStream, &api.DeleteLogStreamRequest{LogGroupName: "g", LogStreamName: c.Stream}); err != nil {
		t.Fatal(err)
	}
	c.print(t, "2\n")
	w.until("a deleted stream is made anew", func() bool {
		out, err := client.Call(t.Context(), w.client(), api.DescribeLogStreams, &api.DescribeLogStreamsRequest{LogGroupName: "g"})
		return err == nil && len(out.LogStreams) == 1 && w.stored(c.Stream) == "2\n"
	})
	if _, err := client.Call(t.Context(), w.client(), api.DeleteLogGroup, &api.DeleteLogGroupRequest{LogGroupName: "g"}); err != nil {
		t.Fatal(err)
	}
	c.print(t, "3\n4\n")
	w.until("what a deleted group would have had is dropped and counted", func() bool { return s.Dropped() == 2 })
	w.createGroup("g")
	c.print(t, "5\n")
	c.Close()
	if err := s.Drain(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	same(t, w.stored(c.Stream), "5\n")
}

func TestTheAgentsOwnKeyTakesOverFromAnEndedRole(t *testing.T) {
	w := newWorld(t)
	s := w.shipper(nil)
	c := w.container("web", nil)
	if err := s.Prepare(t.Context(), c.Source); err != nil {
		t.Fatal(err)
	}
	w.expired.Store(true)
	s.Follow(c.Source)
	c.print(t, numbered(0, 3))
	c.Close()
	if err := s.Drain(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	same(t, w.stored(c.Stream), numbered(0, 3))
}

func TestDrainDoesNotWaitForAContainerThatNeverRan(t *testing.T) {
	w := newWorld(t)
	s := w.shipper(nil)
	c := w.container("web", nil)
	s.Follow(c.Source)
	if err := s.Drain(t.Context(), "t1"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	away := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	w.before.Store(&away)
	s.Forget("t1")
	c.print(t, "x\n")
	s.Follow(c.Source)
	if err := s.Drain(ctx, "t1"); err == nil {
		t.Error("draining ended though nothing could be shipped")
	}
}

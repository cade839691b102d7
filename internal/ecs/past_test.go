package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/history"
	"github.com/berth-dev/berth/internal/store"
)

// aged is a world of stopped tasks, without agents, in virtual time.
type aged struct {
	*world
	history *brittle
}

// brittle is a history that fails when it is told to.
type brittle struct {
	*history.Memory
	put, get error
	puts     int
}

func (b *brittle) Put(ctx context.Context, records []history.Record) error {
	b.puts++
	if b.put != nil {
		return b.put
	}
	return b.Memory.Put(ctx, records)
}

func (b *brittle) Get(ctx context.Context, scope store.Scope, id string) (history.Record, error) {
	if b.get != nil {
		return history.Record{}, b.get
	}
	return b.Memory.Get(ctx, scope, id)
}

// inTime runs a test in virtual time, over a history or without one.
func inTime(t *testing.T, with bool, test func(a *aged)) {
	synctest.Test(t, func(t *testing.T) {
		a := &aged{history: &brittle{Memory: history.NewMemory()}}
		var config Config
		if with {
			config.History = a.history
		}
		a.world = newWorld(t, config)
		a.cluster("default")
		test(a)
	})
}

// stopped puts a task that stopped now. The id is the number in 32 digits.
func (a *aged) stopped(n int, change func(*Task)) string {
	a.t.Helper()
	t := &Task{ID: fmt.Sprintf("%032d", n), Cluster: "default", Definition: Revision{Family: "web", Number: 1}, LaunchType: api.LaunchTypeFargate,
		Instance: "i", Group: "family:web", Status: Stopped, CreatedAt: time.Now(), EndingAt: time.Now(), StoppedAt: time.Now(), Version: 3,
		Tags: []api.Tag{{Key: "k", Value: "v"}}, Containers: []Container{{Name: "main", Status: Stopped}}}
	if change != nil {
		change(t)
	}
	a.ok(a.db.Update(a.ctx, func(tx *store.Tx) error { return a.Tasks.Put(tx, here, t.ID, t) }))
	return t.ID
}

// many puts stopped tasks with these numbers.
func (a *aged) many(from, to int) {
	a.t.Helper()
	for n := from; n < to; n++ {
		a.stopped(n, nil)
	}
}

// near is how many tasks are in the state.
func (a *aged) near() int { return a.Tasks.Len(here) }

// past is how many are in the history.
func (a *aged) past() (n int) {
	for range a.history.Find(a.ctx, here, pastKey(pastByCluster, "default"), "") {
		n++
	}
	return n
}

func (a *aged) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// listed are the numbers of the stopped tasks that ListTasks lists, page by page.
func (a *aged) listed(r api.ListTasksRequest, page int32) (numbers []int) {
	a.t.Helper()
	r.DesiredStatus, r.MaxResults = api.DesiredStatusStopped, &page
	for {
		answer := got(a.ListTasks(a.ctx, &r))(a.world)
		for _, arn := range answer.TaskArns {
			var n int
			_, err := fmt.Sscanf(arn[strings.LastIndexByte(arn, '/')+1:], "%d", &n)
			a.ok(err)
			numbers = append(numbers, n)
		}
		if r.NextToken = answer.NextToken; r.NextToken == "" {
			return numbers
		}
	}
}

func TestStoppedTasksMoveIntoTheHistoryAfterAnHour(t *testing.T) {
	inTime(t, true, func(a *aged) {
		id := a.stopped(1, nil)
		a.after(59 * time.Minute)
		if a.near() != 1 || a.past() != 0 {
			t.Errorf("before the hour %d are in the state and %d in the history", a.near(), a.past())
		}
		a.after(2 * time.Minute)
		if a.near() != 0 || a.past() != 1 {
			t.Errorf("after the hour %d are in the state and %d in the history", a.near(), a.past())
		}
		for _, day := range []int{1, 28} {
			a.after(time.Duration(day) * 24 * time.Hour)
			described := got(a.DescribeTasks(a.ctx, &api.DescribeTasksRequest{Tasks: []string{id}, Include: []api.TaskField{api.TaskFieldTags}}))(a.world)
			if len(described.Tasks) != 1 || described.Tasks[0].LastStatus != "STOPPED" || len(described.Tasks[0].Tags) != 1 || described.Tasks[0].Version != 3 {
				t.Fatalf("%d days later: %+v", day, described)
			}
		}
		a.after(2 * 24 * time.Hour)
		described := got(a.DescribeTasks(a.ctx, &api.DescribeTasksRequest{Tasks: []string{id}}))(a.world)
		if len(described.Tasks) != 0 || len(described.Failures) != 1 || described.Failures[0].Reason != "MISSING" {
			t.Errorf("31 days later: %+v", described)
		}
	})
}

func TestOfManyStoppedTasksTheNewestStayInTheState(t *testing.T) {
	inTime(t, true, func(a *aged) {
		a.many(0, keepNear+300)
		a.after(time.Second)
		if a.near() != keepNear || a.past() != 300 {
			t.Errorf("%d are in the state and %d in the history", a.near(), a.past())
		}
		if numbers := a.listed(api.ListTasksRequest{}, 100); len(numbers) != keepNear+300 || !slices.IsSorted(numbers) || len(slices.Compact(numbers)) != keepNear+300 {
			t.Errorf("%d are listed: %d", len(numbers), numbers)
		}
	})
}

func TestWithoutAHistoryStoppedTasksStayAnHour(t *testing.T) {
	inTime(t, false, func(a *aged) {
		a.many(0, keepNear+300)
		a.after(59 * time.Minute)
		if a.near() != keepNear+300 {
			t.Errorf("before the hour %d are there", a.near())
		}
		a.after(2 * time.Minute)
		if a.near() != keepNear {
			t.Errorf("after the hour %d are there", a.near())
		}
	})
}

func TestStoppedTasksAreListedFromBothPlacesByEveryFilter(t *testing.T) {
	inTime(t, true, func(a *aged) {
		put := func(from int) {
			a.stopped(from, nil)
			a.stopped(from+2, func(t *Task) { t.Definition.Family = "api"; t.LaunchType = api.LaunchTypeEc2 })
			a.stopped(from+4, func(t *Task) { t.StartedBy = "me"; t.Instance = strings.Repeat("a", 32) })
			a.stopped(from+6, func(t *Task) { t.Cluster = "other" })
			a.stopped(from+8, func(t *Task) { t.Definition.Family = "api"; t.Instance = strings.Repeat("a", 32) })
		}
		a.cluster("other")
		a.ok(a.db.Update(a.ctx, func(tx *store.Tx) error {
			return a.Instances.Put(tx, here, strings.Repeat("a", 32), &Instance{ID: strings.Repeat("a", 32), Cluster: "default", Status: instanceActive})
		}))
		put(1)
		a.after(2 * time.Hour)
		put(2)
		for name, c := range map[string]struct {
			r    api.ListTasksRequest
			want []int
		}{
			"all":                  {api.ListTasksRequest{}, []int{1, 2, 3, 4, 5, 6, 9, 10}},
			"of the other cluster": {api.ListTasksRequest{Cluster: "other"}, []int{7, 8}},
			"family":               {api.ListTasksRequest{Family: "api"}, []int{3, 4, 9, 10}},
			"startedBy":            {api.ListTasksRequest{StartedBy: "me"}, []int{5, 6}},
			"launch type":          {api.ListTasksRequest{LaunchType: api.LaunchTypeEc2}, []int{3, 4}},
			"instance":             {api.ListTasksRequest{ContainerInstance: strings.Repeat("a", 32)}, []int{5, 6, 9, 10}},
			"instance and family":  {api.ListTasksRequest{ContainerInstance: strings.Repeat("a", 32), Family: "api"}, []int{9, 10}},
			"family, launch type":  {api.ListTasksRequest{Family: "api", LaunchType: api.LaunchTypeFargate}, []int{9, 10}},
			"none":                 {api.ListTasksRequest{Family: "no"}, nil},
		} {
			for _, page := range []int32{1, 3, 100} {
				if numbers := a.listed(c.r, page); !slices.Equal(numbers, c.want) {
					t.Errorf("%s, %d a page: %d, want %d", name, page, numbers, c.want)
				}
			}
		}
	})
}

// A mover that put a task into the history and died before it deleted the task finds it again.
func TestATaskThatIsInBothPlacesIsOne(t *testing.T) {
	inTime(t, true, func(a *aged) {
		id := a.stopped(1, nil)
		row, _ := a.Tasks.Get(here, id)
		value, err := a.Tasks.Encoded(row)
		a.ok(err)
		a.ok(a.history.Put(a.ctx, []history.Record{{Scope: here, ID: id, Ended: row.Value.StoppedAt, Keys: pastKeys(row.Value), Value: value}}))
		if numbers := a.listed(api.ListTasksRequest{}, 1); !slices.Equal(numbers, []int{1}) {
			t.Errorf("listed: %d", numbers)
		}
		a.after(2 * time.Hour)
		if a.near() != 0 || a.past() != 1 {
			t.Errorf("%d are in the state and %d in the history", a.near(), a.past())
		}
	})
}

func TestNothingIsDeletedThatTheHistoryDidNotTake(t *testing.T) {
	inTime(t, true, func(a *aged) {
		a.history.put = history.ErrNoSpace
		id := a.stopped(1, nil)
		a.after(2 * time.Hour)
		if a.near() != 1 || a.history.puts == 0 {
			t.Fatalf("%d are in the state after %d tries", a.near(), a.history.puts)
		}
		a.history.put = nil
		a.after(moveEvery)
		if a.near() != 0 || a.past() != 1 {
			t.Errorf("once there is room %d are in the state and %d in the history", a.near(), a.past())
		}
		a.history.get = errors.New("the disk is gone")
		if _, err := a.DescribeTasks(a.ctx, &api.DescribeTasksRequest{Tasks: []string{id}}); !errors.Is(err, a.history.get) {
			t.Errorf("what can't be read is described as %v", err)
		}
	})
}

// What was put back twice must not hold up what stopped after it: the history refuses a record twice at once.
func TestATaskThatIsDueTwiceIsMovedOnce(t *testing.T) {
	inTime(t, true, func(a *aged) {
		row, _ := a.Tasks.Get(here, a.stopped(1, nil))
		a.stopped(2, nil)
		leader := got(a.db.Lead(a.ctx, "other"))(a.world)
		past, err := history.OpenPebble(t.TempDir(), a.log)
		a.ok(err)
		defer past.Close()
		m := &mover{service: a.Service, leader: leader, history: past, ended: newEndings(), recorded: func() int64 { return 1 << 40 }}
		one := ending{taskKey{here, row.ID}, row.Value.StoppedAt}
		if moved := got(m.move(a.ctx, []ending{one, one}))(a.world); moved != 2 || a.near() != 1 {
			t.Errorf("%d are done with, %d are in the state", moved, a.near())
		}
	})
}

func TestTagsOfAPastTaskAreReadAndNotChanged(t *testing.T) {
	inTime(t, true, func(a *aged) {
		arn := TaskARN(here, "default", a.stopped(1, nil))
		a.after(2 * time.Hour)
		tags := got(a.ListTagsForResource(a.ctx, &api.ListTagsForResourceRequest{ResourceArn: arn}))(a.world).Tags
		if len(tags) != 1 || tags[0] != (api.Tag{Key: "k", Value: "v"}) {
			t.Errorf("its tags are %v", tags)
		}
		_, err := a.TagResource(a.ctx, &api.TagResourceRequest{ResourceArn: arn, Tags: tags})
		if err == nil || !strings.Contains(err.Error(), "The specified task is stopped.") {
			t.Errorf("to tag it: %v", err)
		}
		if _, err := a.StopTask(a.ctx, &api.StopTaskRequest{Task: arn}); err != nil {
			t.Errorf("to stop it again: %v", err)
		}
	})
}

// The last is the one that stopped last, or of a name the one that was made last, however many others stopped after it.
func TestPastTasksAreFoundByName(t *testing.T) {
	inTime(t, true, func(a *aged) {
		first := a.stopped(2, func(t *Task) {
			t.Definition.Number = 7
			t.CreatedAt = t.CreatedAt.Add(-time.Hour)
			t.StoppedAt = t.CreatedAt
		})
		a.many(3, latestLooked+10)
		named := func(name, want string) {
			t.Helper()
			if task, err := a.TaskNamed(a.ctx, here, "default", name); err != nil || task == nil || task.ID != want {
				t.Errorf("%q is %+v, %v; want %s", name, task, err, want)
			}
		}
		for range 2 { // in the state, then in the history
			named("web:7", first)
			named(first, first)
			a.after(2 * time.Hour)
		}
		last := a.stopped(900, func(t *Task) { t.CreatedAt = t.CreatedAt.Add(-24 * time.Hour) })
		named("", last)
		a.after(2 * time.Hour)
		named("", last)
	})
}

func TestAResetForgetsThePast(t *testing.T) {
	inTime(t, true, func(a *aged) {
		a.many(0, 10)
		a.after(2 * time.Hour)
		a.ok(a.db.Clear(a.ctx))
		a.ok(a.ForgetPast(a.ctx))
		a.cluster("default")
		if numbers := a.listed(api.ListTasksRequest{}, 100); len(numbers) != 0 {
			t.Errorf("listed: %d", numbers)
		}
		a.many(0, 2)
		a.after(2 * time.Hour)
		if a.near() != 0 || a.past() != 2 {
			t.Errorf("%d are in the state and %d in the history", a.near(), a.past())
		}
	})
}

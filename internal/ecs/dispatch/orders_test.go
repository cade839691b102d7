package dispatch

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "github.com/berth-dev/berth/api/ecs"
)

// However acknowledgements are lost, late or repeated and orders change meanwhile: what is under way stays bounded, and
// in the end the agent knows of each task what is desired.
func TestOrdersArriveInTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := orders{tasks: map[string]*order{}}
		now := time.Unix(0, 0)
		knows := map[string]api.DesiredStatus{} // what the agent has been sent last and acknowledged
		carried := map[string]map[string]api.DesiredStatus{}
		n := 0
		send := func() {
			o.expire(now)
			for len(o.sent) < underWay {
				batch := o.next(now)
				if len(batch) == 0 {
					return
				}
				n++
				p := &payload{message: fmt.Sprint(n), repeats: batch[0].tries > 0, again: now.Add(patience(batch[0].tries))}
				carried[p.message] = map[string]api.DesiredStatus{}
				for _, w := range batch {
					w.payload = p
					p.orders = append(p.orders, w)
					carried[p.message][w.task] = w.desired
				}
				if len(batch) > perPayload || p.repeats && len(batch) > 1 {
					t.Fatalf("%d tasks in a payload", len(batch))
				}
				o.sent = append(o.sent, p)
			}
		}
		ack := func(message string) {
			for task, desired := range carried[message] {
				if knows[task] != api.DesiredStatusStopped { // an agent takes no stop back
					knows[task] = desired
				}
			}
			o.acknowledged(message)
		}
		task := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.IntRange(0, 200).Draw(t, "task")) })
		t.Repeat(map[string]func(*rapid.T){
			"run": func(t *rapid.T) {
				for range 20 {
					if name := task.Draw(t, "task"); o.tasks[name] == nil && knows[name] == "" {
						o.want(name, api.DesiredStatusRunning, false)
					}
				}
			},
			"stop": func(t *rapid.T) {
				if name := task.Draw(t, "task"); o.tasks[name] != nil {
					o.want(name, api.DesiredStatusStopped, false)
				}
			},
			"forget": func(t *rapid.T) {
				name := task.Draw(t, "task")
				o.forget(name)
				knows[name] = "forgotten"
			},
			"acknowledge": func(t *rapid.T) { ack(fmt.Sprint(rapid.IntRange(max(1, n-40), n+1).Draw(t, "message"))) },
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "seconds")) * time.Second)
			},
			"": func(t *rapid.T) {
				send()
				if len(o.sent) > underWay {
					t.Fatalf("%d payloads are under way", len(o.sent))
				}
				if due := o.due(); !due.IsZero() && !due.After(now) {
					t.Fatal("something is due that was not sent: the session would spin")
				}
			},
		})
		for range 1000 {
			send()
			if len(o.sent) == 0 && len(o.waiting) == 0 {
				break
			}
			for _, p := range append([]*payload(nil), o.sent...) {
				ack(p.message)
			}
			now = now.Add(10 * time.Minute)
		}
		for name, w := range o.tasks {
			if w.told != w.desired {
				t.Fatalf("the agent was told %q of task %s, not %q", w.told, name, w.desired)
			}
		}
	})
}

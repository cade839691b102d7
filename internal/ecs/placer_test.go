package ecs

import (
	"fmt"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
)

// A watch that falls behind leaves out a task that has come and gone: its reservation ends all the same.
func TestReservationsEndSurely(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	i := w.instance(1024, 1024)
	hold := func(id string) {
		w.placer.mu.Lock()
		defer w.placer.mu.Unlock()
		w.placer.ledger.Hold(placement.Task{ID: id, Instance: i.ID, Machine: i.Machine, Demand: placement.Demand{Memory: 100}})
	}
	now := time.Now()
	hold("gone")
	w.placer.leave(here, []string{"gone"}, 0)
	hold("doubtful")
	w.placer.leave(here, []string{"doubtful"}, time.Minute)
	hold("launching")
	w.placer.settle(now.Add(time.Second))
	if used := w.usedMemory(i.Machine); used != 200 {
		t.Errorf("%d MiB are used once the task that is gone was looked up", used)
	}
	w.placer.settle(now.Add(2 * time.Minute))
	if used := w.usedMemory(i.Machine); used != 100 {
		t.Errorf("%d MiB are used, and one launch is on its way", used)
	}
	w.placer.settle(now)
	if n := len(w.placer.settling); n != 0 {
		t.Errorf("%d are kept in mind that are over", n)
	}

	// One that lives stays reserved until the ledger has it from the store.
	w.define(plainDefinition)
	out := got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "plain"}))(w)
	id := out.Tasks[0].TaskArn[len(out.Tasks[0].TaskArn)-32:]
	w.until("the ledger has the task", func() bool { w.placer.mu.Lock(); defer w.placer.mu.Unlock(); return !w.placer.ledger.Held(id) })
	w.placer.settle(now.Add(time.Hour))
	if used := w.usedMemory(i.Machine); used != 164 {
		t.Errorf("%d MiB are used with a task of 64", used)
	}
}

// show tells the ledger of an instance, as look does.
func show(p *placer, i *Instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.Join(p.service.candidate(here, i))
	p.tell()
}

// crowd is a placer of 5,000 instances with 100,000 tasks.
func crowd(b *testing.B) (*placer, []*Instance) {
	s := New(store.Memory(), &network{}, Config{})
	p := s.placer
	close(p.ready)
	var instances []*Instance
	for n := range 5000 {
		i := &Instance{ID: fmt.Sprintf("%032x", n*7919), Cluster: "default", Status: instanceActive, Capacity: placement.Capacity{CPU: 16384, Memory: 65536},
			Session: &Session{ID: "s", Server: s.server}, Attributes: []api.Attribute{{Name: zoneAttribute, Value: fmt.Sprint("us-east-1", n%3)}}}
		for a := range 50 {
			i.Attributes = append(i.Attributes, api.Attribute{Name: fmt.Sprint("com.amazonaws.ecs.capability.", a)})
		}
		i.Machine = i.ID
		instances = append(instances, i)
		show(p, i)
		for t := range 20 {
			p.setTask(&Task{ID: fmt.Sprintf("%032x", n*20+t), Instance: i.ID, Machine: i.Machine, Status: Running, Group: fmt.Sprint("service:", (n*20+t)%500),
				Demand: placement.Demand{CPU: 256, Memory: 512}})
		}
	}
	b.ResetTimer()
	return p, instances
}

func BenchmarkPlacerPlacesTen(b *testing.B) {
	zone := placement.Strategy{Type: placement.Spread, Field: "attribute:" + zoneAttribute}
	instance := placement.Strategy{Type: placement.Spread, Field: placement.InstanceID}
	memory := placement.Strategy{Type: placement.Binpack, Field: placement.FieldMemory}
	p, _ := crowd(b)
	for name, strategies := range map[string][]placement.Strategy{"random": nil, "spread": {zone, instance}, "binpack": {memory}, "spread binpack": {zone, memory}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l := &launch{request: placement.Request{Group: "service:7", Demand: placement.Demand{CPU: 256, Memory: 512}, Strategies: strategies,
					Attributes: []placement.Attribute{{Name: "com.amazonaws.ecs.capability.7"}, {Name: "com.amazonaws.ecs.capability.18"}}},
					shares: []*share{{pool: pool{here, api.LaunchTypeEc2, "default"}, count: 10}}}
				p.place(l)
				if len(l.shares[0].chosen) != 10 {
					b.Fatal("no room")
				}
				p.drop(l.unused())
			}
		})
	}
}

// 5,000 agents connect while ten launches wait for one that has room.
func BenchmarkReconnectStorm(b *testing.B) {
	p, instances := crowd(b)
	p.service.config.Settle = time.Hour
	for b.Loop() {
		for _, i := range instances {
			away := *i
			away.Session = nil
			show(p, &away)
		}
		p.started = time.Now()
		over := make(chan error)
		for range 10 {
			go func() {
				l := &launch{request: placement.Request{Demand: placement.Demand{Memory: 55_000}},
					shares: []*share{{pool: pool{here, api.LaunchTypeEc2, "default"}, count: 1}}}
				over <- p.wait(b.Context(), l)
			}()
		}
		for _, i := range instances {
			show(p, i)
		}
		for range 10 {
			if err := <-over; err != nil {
				b.Fatal(err)
			}
		}
	}
}

package placement

import (
	"slices"
	"testing"
)

// Ports that an agent found for a task are its own until it goes, however often they are told.
func TestPublishedPortsAreTaken(t *testing.T) {
	l := NewLedger()
	l.Join(Instance{ID: "i", Machine: "m", Active: true, Connected: true, Total: Capacity{CPU: 4096, Memory: 4096}})
	task := Task{ID: "one", Instance: "i", Machine: "m", Demand: Demand{Ports: []Port{{"tcp", 80}}}}
	l.Commit(task)
	task.Running, task.Published = true, []Port{{"tcp", 80}, {"tcp", 40000}, {"udp", 40000}}
	for range 2 {
		l.Commit(task)
	}
	used := l.Used("m").Ports
	slices.SortFunc(used, func(a, b Port) int { return slices.Compare([]string{a.String()}, []string{b.String()}) })
	if !slices.Equal(used, []Port{{"tcp", 40000}, {"udp", 40000}, {"tcp", 80}}) {
		t.Errorf("taken are %v", used)
	}
	wanted := Request{Demand: Demand{Ports: []Port{{"udp", 40000}}}}
	if v := l.Check(wanted, "i"); v.Obstacle != PortsUDP {
		t.Errorf("a published port is %q for another", v.Obstacle)
	}
	l.Release("one")
	if used := l.Used("m").Ports; len(used) > 0 {
		t.Errorf("when it has gone there is %v", used)
	}
	l.Commit(task) // as after a start: all at once
	if used := l.Used("m").Ports; len(used) != 3 {
		t.Errorf("taken are %v", used)
	}
}

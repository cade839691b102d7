package network

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkAttach attaches and detaches one task after the other. The budget of an Attach is 2 ms.
func BenchmarkAttach(b *testing.B) {
	n := open(b, instance(b, "dddd0004"))
	attach(b, n, task(4000))
	var attaching, detaching time.Duration
	i := 0
	for b.Loop() {
		i++
		begin := time.Now()
		attach(b, n, task(i%2000+1))
		attached := time.Now()
		if err := n.Detach(context.Background(), task(i%2000+1).Task); err != nil {
			b.Fatal(err)
		}
		attaching, detaching = attaching+attached.Sub(begin), detaching+time.Since(attached)
	}
	b.ReportMetric(attaching.Seconds()*1e3/float64(i), "ms/attach")
	b.ReportMetric(detaching.Seconds()*1e3/float64(i), "ms/detach")
}

// BenchmarkAttach500 attaches 500 tasks, eight at a time, and detaches them.
func BenchmarkAttach500(b *testing.B) {
	const tasks = 500
	n := open(b, instance(b, "dddd0004"))
	attach(b, n, task(4000))
	each := func(do func(TaskNet) error) {
		var next atomic.Int32
		var workers sync.WaitGroup
		for range 8 {
			workers.Go(func() {
				for i := next.Add(1); i <= tasks; i = next.Add(1) {
					if err := do(task(int(i))); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		workers.Wait()
	}
	for b.Loop() {
		each(func(t TaskNet) error { _, err := n.Attach(context.Background(), t); return err })
		b.StopTimer()
		each(func(t TaskNet) error { return n.Detach(context.Background(), t.Task) })
		b.StartTimer()
	}
	b.ReportMetric(float64(tasks*b.N)/b.Elapsed().Seconds(), "tasks/s")
}

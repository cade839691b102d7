package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// report is what one run found.
type report struct {
	Began time.Time `json:"began"`
	CPUs  int       `json:"cpus"`
	Go    string    `json:"go"`
	Sizes []size    `json:"sizes"`

	Services *services `json:"services,omitzero"`
}

// size is what was found with one fleet. Times are in milliseconds unless their name says seconds; memory is the control
// plane's: resident, or live in its heap after a collection.
type size struct {
	Instances   int     `json:"instances"`
	JoinSeconds float64 `json:"joinSeconds"`
	JoinCPU     float64 `json:"joinProcessorSeconds"` // of the control plane
	IdleMiB     float64 `json:"idleMiB"`
	IdleHeapMiB float64 `json:"idleHeapMiB"`

	Tasks             int     `json:"tasks"`
	LaunchesPerSecond float64 `json:"launchesPerSecond"`
	P50               float64 `json:"runningP50"` // from RunTask to RUNNING, under that load
	P99               float64 `json:"runningP99"`
	AnswerP50         float64 `json:"answerP50"` // of RunTask itself
	AnswerP99         float64 `json:"answerP99"`
	AloneP50          float64 `json:"aloneRunningP50"` // one RunTask of ten tasks at a time
	AloneP99          float64 `json:"aloneRunningP99"`
	Processors        float64 `json:"processors"` // of the control plane, while it launched
	LoadProcessors    float64 `json:"loadProcessors"`
	MicrosPerLaunch   float64 `json:"microsecondsPerLaunch"` // of the control plane's processor time
	LoadAverage       string  `json:"loadAverage"`
	PeakMiB           float64 `json:"peakMiB"`
	MiB               float64 `json:"mib"`
	HeapMiB           float64 `json:"heapMiB"`

	// Of the largest fleet only.
	RunTaskP50        float64 `json:"runTaskP50,omitzero"` // one task at a time, idle otherwise
	DescribePerSecond float64 `json:"describeTasksPerSecond,omitzero"`
	FloorPerSecond    float64 `json:"floorPerSecond,omitzero"`
	RestartAnswers    float64 `json:"restartAnswersSeconds,omitzero"`
	RestartPlaces     float64 `json:"restartLaunchesSeconds,omitzero"`
	RestartComplete   float64 `json:"restartCompleteSeconds,omitzero"`
	RestartAnswersCPU float64 `json:"restartAnswersProcessorSeconds,omitzero"` // of the control plane
	RestartCPU        float64 `json:"restartCompleteProcessorSeconds,omitzero"`
}

func (r *report) write(out io.Writer, format string) error {
	if format == "json" {
		text, err := json.Marshal(r, jsontext.WithIndent("  "))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", text)
		return err
	}
	fmt.Fprintf(out, "\n%d CPUs, %s, %s\n\n", r.CPUs, r.Go, r.Began.Format(time.RFC3339))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, goal string, value func(*size) string) {
		fmt.Fprint(w, name)
		for i := range r.Sizes {
			fmt.Fprint(w, "\t", value(&r.Sizes[i]))
		}
		fmt.Fprintf(w, "\t%s\n", goal)
	}
	line("instances", "GOAL", func(s *size) string { return fmt.Sprint(s.Instances) })
	line("tasks that run at the end", "", func(s *size) string { return fmt.Sprint(s.Tasks) })
	line("launches/s, durable", ">= 3750", func(s *size) string { return fmt.Sprintf("%.0f", s.LaunchesPerSecond) })
	line("RunTask to RUNNING, p50 / p99, ms", "", func(s *size) string { return pair(s.P50, s.P99) })
	line("RunTask's own answer, p50 / p99, ms", "", func(s *size) string { return pair(s.AnswerP50, s.AnswerP99) })
	line("RunTask to RUNNING, alone, p50 / p99, ms", "", func(s *size) string { return pair(s.AloneP50, s.AloneP99) })
	line("processors: control plane / agents and load", "", func(s *size) string { return pair(s.Processors, s.LoadProcessors) })
	line("control plane's processor time a launch, us", "", func(s *size) string { return fmt.Sprintf("%.0f", s.MicrosPerLaunch) })
	line("memory before launches, MiB", "", func(s *size) string { return fmt.Sprintf("%.0f", s.IdleMiB) })
	line("memory after launches / at its peak, MiB", "", func(s *size) string { return pair(s.MiB, s.PeakMiB) })
	line("live heap of 100,000 tasks, MiB", "", func(s *size) string {
		return fmt.Sprintf("%.0f", (s.HeapMiB-s.IdleHeapMiB)/float64(s.Tasks)*100_000)
	})
	line("fleet joined in, s / its processor time, s", "", func(s *size) string { return pair(s.JoinSeconds, s.JoinCPU) })
	line("RunTask, one task, idle, p50, ms", "", only(func(s *size) string { return fmt.Sprintf("%.2f", s.RunTaskP50) }))
	line("DescribeTasks, one task, requests/s", "", only(func(s *size) string { return fmt.Sprintf("%.0f", s.DescribePerSecond) }))
	line("  of the floor (net/http + JSON + SigV4)", ">= 40 %", only(func(s *size) string {
		return fmt.Sprintf("%.0f %% of %.0f", 100*s.DescribePerSecond/s.FloorPerSecond, s.FloorPerSecond)
	}))
	line("answers after SIGKILL, s", "<= 5", only(func(s *size) string { return fmt.Sprintf("%.1f", s.RestartAnswers) }))
	line("launches after SIGKILL, s", "<= 5", only(func(s *size) string { return fmt.Sprintf("%.1f", s.RestartPlaces) }))
	line("whole fleet back after SIGKILL, s", "", only(func(s *size) string { return fmt.Sprintf("%.1f", s.RestartComplete) }))
	line("  processor time to the answer / to the last agent, s", "", only(func(s *size) string { return pair(s.RestartAnswersCPU, s.RestartCPU) }))
	line("load average", "", func(s *size) string { return s.LoadAverage })
	if err := w.Flush(); err != nil || r.Services == nil {
		return err
	}
	return r.Services.write(out)
}

func (s *services) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nservices, on %d instances\t\tGOAL\n", s.Instances)
	fmt.Fprintf(w, "of a processor, %d idle ones take\t%.2f %%\t< 2 %%\n", s.Idle, 100*(s.WithShare-s.WithoutShare))
	fmt.Fprintf(w, "  the control plane with / without them\t%.2f %% / %.2f %%\t\n", 100*s.WithShare, 100*s.WithoutShare)
	fmt.Fprintf(w, "one of %d tasks: filled / rolled / removed, s\t%.1f / %.1f / %.1f\t\n", s.Tasks, s.FillSeconds, s.RollSeconds, s.RemoveSeconds)
	return w.Flush()
}

func pair(a, b float64) string { return short(a) + " / " + short(b) }

// short writes a number with three digits or so.
func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// only shows what was measured with the largest fleet alone.
func only(value func(*size) string) func(*size) string {
	return func(s *size) string {
		if s.DescribePerSecond == 0 {
			return "-"
		}
		return value(s)
	}
}

// loadAverage is the machine's over a minute: others may have worked on it.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}

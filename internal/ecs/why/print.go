package why

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/progress"
)

// Print writes the explanation for people: the verdict in the first line, then the cause and what to do, then the evidence, with times in a zone.
func (e Explanation) Print(w io.Writer, in *time.Location) error {
	p := &printer{w: w, in: in}
	p.line("%s", e.Verdict)
	if e.Cause != "" {
		p.line("%s", e.Cause)
	}
	if len(e.Next) > 0 {
		p.line("\nNext:")
		for _, next := range e.Next {
			p.line("  %s", next)
		}
	}
	if e.Service != nil {
		p.service(e.Service)
	}
	if e.Service != nil && e.TaskARN == "" && e.Placement.Text == "" {
		return p.err
	}
	if e.StopCode != "" {
		p.line("\nStopped: %s: %s", e.StopCode, e.StoppedReason)
	}
	p.containers(e.Containers)
	p.timeline(e.Timeline)
	p.line("\nPlacement: %s", e.Placement.Text)
	for _, m := range e.Placement.Machines {
		p.line("  %s  %s", m.Instance, m.Text)
	}
	if len(e.Placement.Machines) == 0 {
		p.line("  there is no machine")
	}
	return p.err
}

// printer writes lines until one fails.
type printer struct {
	w   io.Writer
	in  *time.Location
	err error
}

// line writes a line. What others wrote stays text: a terminal obeys nothing in it.
func (p *printer) line(format string, args ...any) {
	if p.err != nil {
		return
	}
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = progress.Plain(text)
		}
	}
	_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
}

func (p *printer) service(s *ServiceState) {
	p.line("\nRollouts:")
	for _, r := range s.Rollouts {
		p.line("  %s  %s  %s running, %d pending, %d failed  %s", r.ID, r.Definition, tasksText(r.Running, r.Desired), r.Pending, r.Failed, r.State)
		if r.Reason != "" {
			p.line("    %s", r.Reason)
		}
	}
	if s.Breaker != nil {
		p.line("  circuit breaker: %s, %d failures of %d", s.Breaker.Status, s.Breaker.Failures, s.Breaker.Threshold)
	}
	if len(s.Targets) > 0 {
		p.line("\nTargets:")
	}
	for _, t := range s.Targets {
		p.line("  %s  %s  %s  %s", t.Group, t.Target, t.State, strings.TrimSpace(t.Reason+" "+t.Description))
	}
	p.line("\nEvents:")
	for _, e := range s.Events {
		p.line("  %s  %s", e.At.In(p.in).Format("2006-01-02 15:04:05.000"), e.Text)
	}
	if s.FailedTask != "" {
		p.line("\nThe task that failed last: %s", s.FailedTask)
	}
}

func (p *printer) containers(containers []Container) {
	for _, c := range containers {
		essential := ""
		if c.Essential {
			essential = ", essential"
		}
		p.line("\nContainer %s (%s%s): %s", c.Name, c.Image, essential, string(c.Status))
		if c.ExitCode != nil {
			p.line("  exit code %d: %s", *c.ExitCode, c.Meaning)
		}
		if c.Reason != "" {
			p.line("  %s", c.Reason)
		}
		if c.Health != "" {
			p.line("  health: %s", string(c.Health))
			for text := range strings.Lines(c.HealthOutput) {
				p.line("  > %s", strings.TrimRight(text, "\n"))
			}
		}
		if c.Log == nil {
			continue
		}
		if c.Log.Missing != "" {
			p.line("  log: %s", c.Log.Missing)
		}
		for _, text := range c.Log.Lines {
			p.line("  | %s", text)
		}
	}
}

func (p *printer) timeline(steps []Step) {
	p.line("\nTimeline:")
	for i, s := range steps {
		took := ""
		if i > 0 {
			took = fmt.Sprintf("+%.3fs", s.Took)
		}
		p.line("  %s  %10s  %s", s.At.In(p.in).Format("2006-01-02 15:04:05.000"), took, s.What)
	}
}

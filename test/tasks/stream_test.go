package tasks

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// stream reads a log stream from its beginning, and goes on where it was when it is asked again.
type stream struct {
	w        *world
	request  cloudwatchlogs.GetLogEventsInput
	messages []string
}

func (w *world) stream(group, name string) *stream {
	return &stream{w: w, request: cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String(group), LogStreamName: aws.String(name), StartFromHead: aws.Bool(true)}}
}

// all is what is there now; nothing while there is no such stream.
func (s *stream) all() []string {
	s.w.t.Helper()
	for {
		out, err := s.w.logs.GetLogEvents(s.w.t.Context(), &s.request)
		if code(err) == "ResourceNotFoundException" {
			return nil
		}
		if err != nil {
			s.w.t.Fatal(err)
		}
		for _, e := range out.Events {
			s.messages = append(s.messages, aws.ToString(e.Message))
		}
		end := aws.ToString(out.NextForwardToken) == aws.ToString(s.request.NextToken)
		if s.request.NextToken = out.NextForwardToken; end {
			return s.messages
		}
	}
}

// until waits until a condition holds for what is there.
func (s *stream) until(what string, holds func(messages []string) bool) []string {
	s.w.t.Helper()
	for end := time.Now().Add(40 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		messages := s.all()
		if holds(messages) {
			return messages
		}
		if time.Now().After(end) {
			s.w.t.Fatalf("%s: not %s, but %d messages: %.300q", *s.request.LogStreamName, what, len(messages), messages)
		}
	}
}

// ends waits until the last message is this one.
func (s *stream) ends(with string) []string {
	s.w.t.Helper()
	return s.until("ended with "+with, func(messages []string) bool { return len(messages) > 0 && messages[len(messages)-1] == with })
}

// output is the log stream of a task's container.
func (w *world) output(task types.Task, container string) *stream {
	return w.stream("/tasks", "t/"+container+"/"+id(task))
}

// printed waits until a container's log holds that many lines, and returns them.
func (w *world) printed(task types.Task, container string, lines int) []string {
	w.t.Helper()
	return w.output(task, container).until("enough", func(messages []string) bool { return len(messages) >= lines })
}

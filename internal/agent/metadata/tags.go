package metadata

import (
	"context"
	"errors"
	"time"

	"github.com/berth-dev/berth/internal/wire/client"
)

// tagsTimeout is how long the control plane may take to tell tags.
const tagsTimeout = 4 * time.Second

// withTags is the task with its tags and those of its container instance, which the control plane knows. What can't be
// had is left out, and told.
func (s *Server) withTags(ctx context.Context, t Task, d Description) Description {
	ctx, cancel := context.WithTimeout(ctx, tagsTimeout)
	defer cancel()
	tags := func(field, arn string) map[string]string {
		all, err := s.Tags(ctx, t.Identity, arn)
		if err == nil {
			return all
		}
		s.Log.Warn("a task asked for tags that could not be had", "task", t.ID, "resource", arn, "error", err)
		told := TagsError{ErrorField: field, ErrorMessage: err.Error(), ResourceARN: arn}
		if refused := (*client.Error)(nil); errors.As(err, &refused) {
			told.ErrorCode, told.ErrorMessage, told.StatusCode, told.RequestID = refused.Code, refused.Message, refused.Status, refused.RequestID
		}
		d.Errors = append(d.Errors, told)
		return nil
	}
	if instance := s.Instance(t.Identity); instance != "" {
		d.ContainerInstanceTags = tags("ContainerInstanceTags", instance)
	}
	d.TaskTags = tags("TaskTags", d.TaskARN)
	return d
}

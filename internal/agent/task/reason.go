package task

import (
	"errors"
	"regexp"
	"strings"

	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// maxReason is how much of a reason ECS keeps.
const maxReason = 1024

// prefixed is a reason that begins with the name of its error, as the ECS agent's do.
var prefixed = regexp.MustCompile(`^[A-Z][A-Za-z]+Error: `)

// clip cuts a reason to what ECS keeps.
func clip(reason string) string {
	if len(reason) > maxReason {
		return strings.ToValidUTF8(reason[:maxReason], "")
	}
	return reason
}

// reasonOf is an error as a container's reason, which begins with the name of its kind.
func reasonOf(kind engine.Kind, err error) string {
	reason := err.Error()
	var named *engine.Error
	if !errors.As(err, &named) && !prefixed.MatchString(reason) {
		reason = (&engine.Error{Kind: kind, Err: err}).Error()
	}
	return clip(reason)
}

// cannot remembers that a container never runs. Its error ends the task if the container is essential.
func (t *task) cannot(container string, essential bool, kind engine.Kind, err error) error {
	reason := reasonOf(kind, err)
	t.log.Info("container cannot run", "container", container, "reason", reason)
	t.remember(container, func(c *db.Container) { c.Failed = reason })
	if essential {
		return errEssential
	}
	return nil
}

// cannotAgain remembers that a container that has run can't be restarted.
func (t *task) cannotAgain(container string, err error) {
	reason := reasonOf(engine.CannotStartContainer, err)
	t.log.Info("container cannot be restarted", "container", container, "reason", reason)
	t.remember(container, func(c *db.Container) { c.Unrestarted = reason })
}

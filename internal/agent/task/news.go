package task

import "time"

// tellNews reports what has changed: at once that the task runs, and when a container has ended without which it goes
// on; while its containers wait for each other, what became of them as far as that takes its time.
func (u *upkeep) tellNews(at time.Time) error {
	switch {
	case u.progress.Running:
		if u.hasNews(stopped) {
			return u.tellNow(running)
		}
	case u.hasRun(u.now):
		return u.tellNow(running)
	case !u.hasNews(running, stopped):
	case u.tell.IsZero():
		u.tell = at.Add(tellAfter)
	case !at.Before(u.tell):
		return u.tellNow(pending)
	}
	return nil
}

// tellNow reports all that is known, and has it on disk with that.
func (u *upkeep) tellNow(status string) error {
	u.tell = time.Time{}
	err := u.report(u.up, u.now, status)
	u.unsaved = u.unsaved && err != nil
	return err
}

// hasNews says that a container is in one of these states, which it was not reported in.
func (u *upkeep) hasNews(states ...string) bool {
	for i := range u.payload.Containers {
		c := &u.payload.Containers[i]
		is := u.containerChange(c, find(u.now, c.Name), false).Status
		for _, s := range states {
			if is == s && u.progress.Containers[c.Name].Reported != s {
				return true
			}
		}
	}
	return false
}

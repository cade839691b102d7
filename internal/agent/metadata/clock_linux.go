package metadata

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock is what the kernel knows of the machine's clock; nil when it does not tell.
func Clock() *ClockDrift {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return nil
	}
	d := &ClockDrift{ClockErrorBound: float64(t.Maxerror) / 1000, ReferenceTimestamp: time.Now().UTC(), ClockSynchronizationStatus: "SYNCHRONIZED"}
	if state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0 {
		d.ClockSynchronizationStatus = "NOT_SYNCHRONIZED"
	}
	return d
}

package agent

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/logdriver/awslogs"
	"github.com/berth-dev/berth/internal/agent/logdriver/fluentd"
	"github.com/berth-dev/berth/internal/agent/logdriver/gelf"
	"github.com/berth-dev/berth/internal/agent/logdriver/journald"
	"github.com/berth-dev/berth/internal/agent/logdriver/jsonfile"
	"github.com/berth-dev/berth/internal/agent/logdriver/splunk"
	"github.com/berth-dev/berth/internal/agent/logdriver/syslog"
)

// logDrivers are those that containers can log by, by their names in task definitions. FireLens sends by fluentd.
func (a *Agent) logDrivers(files *jsonfile.Driver, transport http.RoundTripper) map[string]logdriver.Driver {
	return map[string]logdriver.Driver{
		"awslogs":   &awslogs.Driver{Endpoint: a.Endpoint, Credentials: a.Credentials, HTTP: &http.Client{Transport: transport}},
		"fluentd":   fluentd.Driver{},
		"gelf":      gelf.Driver{},
		"journald":  journald.New(),
		"json-file": files,
		"splunk":    splunk.Driver{},
		"syslog":    syslog.Driver{},
	}
}

// logCapabilities say which log drivers containers can have on this machine.
func logCapabilities() []string {
	drivers := []string{"awslogs", "fluentd", "gelf", "json-file", "splunk", "syslog"}
	if journald.New().Enabled() {
		drivers = append(drivers, "journald")
	}
	drivers = append(drivers, "awsfirelens")
	for i, name := range drivers {
		drivers[i] = "com.amazonaws.ecs.capability.logging-driver." + name
	}
	return append(drivers, "ecs.capability.firelens.fluentbit", "ecs.capability.firelens.fluentd", "ecs.capability.firelens.options.config.file",
		"ecs.capability.logging-driver.awsfirelens.log-driver-buffer-limit")
}

// Files are what containers print that log into files, by the agent's directory: whoever is on the machine may read them.
func Files(dir string) *jsonfile.Driver { return &jsonfile.Driver{Dir: filepath.Join(dir, "logs")} }

// sweepEvery is how often files of tasks that have ended are looked at.
const sweepEvery = time.Minute

// sweep removes files of tasks that have ended, now and from time to time until ctx ends.
func (a *Agent) sweep(ctx context.Context, files *jsonfile.Driver, lives func(task string) bool) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := files.Sweep(lives); err != nil {
			a.Log.Error("the output of tasks that have ended can't be removed", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

package why

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	t0    = time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	scope = store.Scope{Account: "000000000000", Region: "us-east-1"}
)

// task is one of two containers that ran for five seconds and ended with exit codes.
func task(exits ...int32) *ecs.Task {
	t := &ecs.Task{ID: "0123456789abcdef0123456789abcdef", Cluster: "default", Definition: ecs.Revision{Family: "web", Number: 3}, Group: "family:web",
		LaunchType: api.LaunchTypeFargate, Instance: strings.Repeat("f", 32), Zone: "us-east-1a", MemoryLimit: 512,
		Demand: placement.Demand{CPU: 256, Memory: 512, ENIs: 1}, CreatedAt: t0, Status: ecs.Stopped, ConnectedAt: t0.Add(100 * time.Millisecond),
		PullStartedAt: t0.Add(200 * time.Millisecond), PullStoppedAt: t0.Add(1500 * time.Millisecond), StartedAt: t0.Add(1600 * time.Millisecond),
		EndingAt: t0.Add(6600 * time.Millisecond), ExecutionStoppedAt: t0.Add(6700 * time.Millisecond), StoppedAt: t0.Add(6800 * time.Millisecond),
		End:        &ecs.Stop{Code: api.TaskStopCodeEssentialContainerExited, Reason: "Essential container in task exited", At: t0.Add(6600 * time.Millisecond)},
		Containers: []ecs.Container{{Name: "main", Image: "example.com/web:1", Essential: true, Status: ecs.Stopped}, {Name: "side", Image: "side", Status: ecs.Stopped}}}
	for i, code := range exits {
		t.Containers[i].ExitCode = &code
	}
	return t
}

// unstarted is a task whose container gives a reason for not having started.
func unstarted(reason string) *ecs.Task {
	t := task()
	t.StartedAt, t.PullStoppedAt = time.Time{}, time.Time{}
	t.End = &ecs.Stop{Code: api.TaskStopCodeTaskFailedToStart, Reason: reason, At: t.EndingAt}
	t.Containers[0].Reason = reason
	return t
}

// endedBy is a task that ended for a reason of its own.
func endedBy(code api.TaskStopCode, reason string) *ecs.Task {
	t := task()
	t.End = &ecs.Stop{Code: code, Reason: reason, At: t.EndingAt}
	return t
}

// told is a task that was ordered to stop.
func told(reason string, exits ...int32) *ecs.Task {
	t := task(exits...)
	t.Stop, t.End = &ecs.Stop{Code: api.TaskStopCodeUserInitiated, Reason: reason, At: t0.Add(6 * time.Second)}, nil
	return t
}

// livingTask is a task that has come so far.
func livingTask(status ecs.Status, change func(*ecs.Task)) *ecs.Task {
	t := task()
	t.Status, t.End, t.EndingAt, t.ExecutionStoppedAt, t.StoppedAt = status, nil, time.Time{}, time.Time{}, time.Time{}
	for i := range t.Containers {
		t.Containers[i].Status = status
	}
	if status != ecs.Running {
		t.StartedAt, t.PullStoppedAt = time.Time{}, time.Time{}
	}
	if change != nil {
		change(t)
	}
	return t
}

func TestCausesAreFound(t *testing.T) {
	oom := task(137)
	oom.Containers[0].Reason = "OutOfMemoryError: Container killed due to memory usage"
	for _, test := range []struct {
		rule string
		task *ecs.Task
		log  []string
	}{
		{"own image missing", unstarted("CannotPullContainerError: myapp:dev: neither Berth nor Docker on this machine has this image, and it is not taken from Docker Hub unasked: build it (docker build -t myapp:dev .) or bring it (berth image import FILE); if Docker Hub's is meant, write docker.io/library/myapp:dev, or start berth dev with --docker-hub myapp"), nil},
		{"registry without TLS", unstarted("CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref registry.lan:5000/web:1: plain http is spoken only to a registry on this machine (localhost or 127.0.0.0/8), and to one that hosts.toml names so"), nil},
		{"no such platform", unstarted("CannotPullContainerError: ref pull has been retried 1 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'"), nil},
		{"registry limits pulls", unstarted("CannotPullContainerError: pull image manifest has been retried 5 time(s): toomanyrequests: You have reached your pull rate limit"), nil},
		{"registry wants credentials", unstarted("CannotPullContainerError: pull access denied for web, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"), nil},
		{"registry wants credentials", unstarted("CannotPullContainerError: failed to authorize: 401 Unauthorized"), nil},
		{"no such platform", unstarted("CannotPullContainerError: image Manifest does not contain descriptor matching platform: no match for platform in manifest: not found"), nil},
		{"no such image", unstarted("CannotPullContainerError: failed to resolve ref docker.io/library/nope:latest: not found"), nil},
		{"no such image", unstarted("CannotPullContainerError: manifest unknown"), nil},
		{"registry not reached", unstarted("CannotPullContainerError: dial tcp: lookup registry.invalid on 127.0.0.53:53: no such host"), nil},
		{"registry's certificate", unstarted("CannotPullContainerError: tls: failed to verify certificate: x509: certificate signed by unknown authority"), nil},
		{"disk full", unstarted("CannotPullContainerError: write /var/lib/x: no space left on device"), nil},
		{"image not pulled", unstarted("CannotPullContainerError: something else"), nil},
		{"secret not read", unstarted("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed"), nil},
		{"log group missing", unstarted("ResourceInitializationError: failed to validate logger args: The specified log group does not exist."), nil},
		{"log group missing", unstarted("CannotStartContainerError: failed to initialize logging driver: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist."), nil},
		{"not initialized", unstarted("ResourceInitializationError: failed to invoke EFS utils commands"), nil},
		{"dependency failed", unstarted("CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [side(side) (STOPPED->RUNNING) - Exit: 1] for target [main(web) (CREATED->RUNNING)] as dependency did not exit successfully."), nil},
		{"dependency too slow", unstarted("CannotStartContainerError: dependency graph: container ordering dependency [side(side) (RUNNING->RUNNING)] for target [main(web) (CREATED->RUNNING)] has timed out."), nil},
		{"dependency hopeless", unstarted("CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [side(side) (STOPPED->RUNNING)] for target [main(web) (CREATED->RUNNING)] because dependency will never start"), nil},
		{"other architecture", unstarted("CannotStartContainerError: exec /app: exec format error"), nil},
		{"other architecture, by the log", task(1), []string{"exec /docker-entrypoint.sh: exec format error"}},
		{"not executable", unstarted(`CannotStartContainerError: exec: "/app": permission denied`), nil},
		{"no such command", unstarted(`CannotStartContainerError: exec: "serve": executable file not found in $PATH`), nil},
		{"no such command", unstarted(`CannotStartContainerError: exec /app: no such file or directory`), nil},
		{"port taken", unstarted("CannotStartContainerError: Bind for 0.0.0.0:80 failed: port is already allocated"), nil},
		{"port taken, by the log", task(1), []string{"listen tcp :8080: bind: address already in use"}},
		{"timeout", unstarted("DockerTimeoutError: Could not transition to started; timed out after waiting 3m0s"), nil},
		{"read-only", task(1), []string{"open /tmp/x: read-only file system"}},
		{"out of memory", oom, nil},
		{"killed", task(137), nil},
		{"killed at the end of its timeout", told("Task stopped by user", 137), nil},
		{"deregistered", endedBy(api.TaskStopCodeUserInitiated, "Container instance deregistration forced by user"), nil},
		{"machine lost", endedBy(api.TaskStopCodeTerminationNotice, "The machine that the task was on has not answered for 5m0s."), nil},
		{"shut down", told("Berth was shut down", 0), nil},
		{"shim gone", endedBy(api.TaskStopCodeEssentialContainerExited, "the task's shim is gone"), nil},
		{"load balancer", endedBy(api.TaskStopCodeServiceSchedulerInitiated, "Task failed ELB health checks in (target-group x)"), nil},
		{"unhealthy", endedBy(api.TaskStopCodeServiceSchedulerInitiated, "Task failed container health checks"), nil},
		{"spot", endedBy(api.TaskStopCodeSpotInterruption, "Your Spot Task was interrupted."), nil},
		{"ordered", told("enough", 0), nil},
		{"ordered", told("enough", 143), nil},
		{"command not found", task(127), nil},
		{"command not executable", task(126), nil},
		{"segmentation fault", task(139), nil},
		{"aborted", task(134), nil},
		{"illegal instruction", task(132), nil},
		{"terminated", task(143), nil},
		{"ended well", task(0), nil},
		{"failed by itself", task(3), nil},
		{"agent away", livingTask(ecs.Pending, func(t *ecs.Task) { t.Instance = "away" }), nil},
		{"pulling", livingTask(ecs.Pending, nil), nil},
		{"not registered", livingTask(ecs.Activating, nil), nil},
		{"draining", livingTask(ecs.Deactivating, func(t *ecs.Task) {
			t.Stop = &ecs.Stop{Code: api.TaskStopCodeServiceSchedulerInitiated, Reason: "Scaling activity initiated by (deployment ecs-svc/1)", At: t0.Add(6 * time.Second)}
		}), nil},
		{"runs unhealthy", livingTask(ecs.Running, func(t *ecs.Task) { t.Containers[0].Checked, t.Containers[0].Health = true, api.HealthStatusUnhealthy }), nil},
		{"", livingTask(ecs.Running, nil), nil},
	} {
		c := Case{Now: t0.Add(time.Minute), Scope: scope, Task: test.task, Connected: test.task.Instance != "away", Logs: map[string]Log{"main": {Group: "/web", Lines: test.log}}}
		advice, _ := advise(&c)
		if advice.rule != test.rule {
			t.Errorf("%s: %q is taken for %q", test.rule, test.task.Containers[0].Reason, advice.rule)
			continue
		}
		e := Explain(c)
		if e.Verdict == "" || strings.ContainsAny(e.Verdict, "\n{}") || test.rule != "" && (e.Cause == "" || len(e.Next) == 0) {
			t.Errorf("%s: %+v", test.rule, e)
		}
	}
}

// Those that are stopped because another has ended are not blamed for it, wherever the definition names them.
func TestTheFirstThatEndedIsBlamed(t *testing.T) {
	both := func(exits [2]int32, ended [2]int) *ecs.Task {
		t := task(exits[:]...)
		for i := range t.Containers {
			t.Containers[i].Essential, t.Containers[i].Ended = true, ended[i]
		}
		return t
	}
	oom := both([2]int32{1, 137}, [2]int{1, 2})
	oom.Containers[1].Reason = "OutOfMemoryError: Container killed due to memory usage"
	for name, c := range map[string]struct {
		task *ecs.Task
		want string
	}{
		"the second failed, the first was killed for it":     {both([2]int32{137, 3}, [2]int{2, 1}), "side"},
		"the second ended well, the first was killed for it": {both([2]int32{137, 0}, [2]int{2, 1}), "side"},
		"the first failed":                           {both([2]int32{3, 143}, [2]int{1, 2}), "main"},
		"of an older record, where no order is kept": {both([2]int32{0, 3}, [2]int{}), "side"},
		"one that says why comes before":             {oom, "side"},
		"one that is not essential ends no task":     {task(3, 1), "main"},
	} {
		if got := culprit(c.task); got == nil || got.Name != c.want {
			t.Errorf("%s: %+v is blamed", name, got)
		}
	}
}

// Every rule can be reached by name, is spelled like the others, and leaves no brace open.
func TestRulesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	c := Case{Task: task(1)}
	words := (&facts{c: &c, t: c.Task}).words()
	words["1"] = ""
	for _, r := range rules {
		if seen[r.name] || r.name == "" {
			t.Errorf("there are two rules %q", r.name)
		}
		seen[r.name] = true
		for _, pattern := range []string{r.reason, r.log} {
			if _, err := regexp.Compile(pattern); err != nil {
				t.Errorf("%s: %v", r.name, err)
			}
		}
		if !strings.HasSuffix(r.cause, ".") || len(r.next) == 0 {
			t.Errorf("%s: %q, %q", r.name, r.cause, r.next)
		}
		for _, text := range fill(append(r.next, r.cause), words) {
			if regexp.MustCompile(`\{\w+\}`).MatchString(text) {
				t.Errorf("%s: %q has a brace that nothing fills", r.name, text)
			}
		}
	}
}

func TestVerdictsReadSo(t *testing.T) {
	forced := "Container instance deregistration forced by user"
	deregistered := endedBy(api.TaskStopCodeUserInitiated, forced)
	deregistered.Containers[0].Reason = forced
	stopping := told("new release", 0)
	stopping.Status = ecs.Stopping
	for want, task := range map[string]*ecs.Task{
		"ran for 5.2s: told to stop: new release.":                                                          told("new release", 2),
		"has been stopping for 54s: told to stop: new release.":                                             stopping,
		"ran for 5.2s: " + forced + ".":                                                                     deregistered,
		"ran for 5.2s: essential container main exited with code 3 (its own: what it means is in its log).": task(3),
		"never ran: container main: CannotPullContainerError: manifest unknown.":                            unstarted("CannotPullContainerError: manifest unknown"),
		"runs for 58.4s, and is not registered with its target groups yet.":                                 livingTask(ecs.Activating, func(t *ecs.Task) { t.StartedAt = t0.Add(1600 * time.Millisecond) }),
		"was to stop 54s ago, and goes on until its load balancers have drained it: told to stop: by hand.": livingTask(ecs.Deactivating, func(t *ecs.Task) {
			t.Stop = &ecs.Stop{Code: api.TaskStopCodeUserInitiated, Reason: "by hand", At: t0.Add(6 * time.Second)}
		}),
		"runs for 58.4s; nothing is wrong with it.": livingTask(ecs.Running, nil),
	} {
		got := Explain(Case{Now: t0.Add(time.Minute), Scope: scope, Task: task, Connected: true}).Verdict
		if got != "Task 0123456789ab (web:3) "+want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What is to be typed next can succeed.
func TestNextIsPossible(t *testing.T) {
	unlogged := Explain(Case{Now: t0, Scope: scope, Task: task(3), Logs: map[string]Log{"main": {Missing: "it does not log"}}}).Next
	if text := strings.Join(unlogged, "|"); strings.Contains(text, "berth logs") || !strings.Contains(text, "give container main a logConfiguration") {
		t.Errorf("without a log: %q", unlogged)
	}
	for image, registry := range map[string]string{"web": "registry-1.docker.io", "library/web": "registry-1.docker.io", "localhost/web": "localhost",
		"127.0.0.1:5000/web:1": "127.0.0.1:5000", "123.dkr.ecr.us-east-1.amazonaws.com/web": "123.dkr.ecr.us-east-1.amazonaws.com"} {
		lost := unstarted("CannotPullContainerError: dial tcp: no such host")
		lost.Containers[0].Image = image
		if next := Explain(Case{Now: t0, Scope: scope, Task: lost}).Next; !strings.Contains(next[0], "https://"+registry+"/v2/") {
			t.Errorf("%s: %q", image, next)
		}
	}
}

func TestExplanationsReadSo(t *testing.T) {
	oom := task(137, 0)
	oom.Containers[0].Reason = "OutOfMemoryError: Container killed due to memory usage"
	for name, c := range map[string]Case{
		"out-of-memory": {Task: oom, Connected: true, Instance: &ecs.Instance{EC2InstanceID: "i-0123"},
			Verdicts: []placement.Verdict{{Instance: oom.Instance}, {Instance: strings.Repeat("e", 32), Obstacle: placement.Memory, Lack: 100}},
			Logs:     map[string]Log{"main": {Group: "/web", Stream: "s/main/1", Lines: []string{"listening on :80", "\x1b[31mallocating"}}, "side": {Missing: "it logs nowhere that is read here"}}},
		"unplaced": {Unplaced: &ecs.Unplaced{Scope: scope, At: t0, Cluster: "default", Definition: ecs.Revision{Family: "web", Number: 3}, LaunchType: api.LaunchTypeEc2,
			Demand: placement.Demand{CPU: 4096, Memory: 512, Ports: []placement.Port{{Protocol: "tcp", Number: 80}}}, Asked: 3, Short: 2,
			Verdicts: []placement.Verdict{{Instance: "aaaa", Obstacle: placement.CPU, Lack: 1024}, {Instance: "bbbb", Obstacle: placement.Missing, Detail: "gpu"}}}},
		"no-machine": {Unplaced: &ecs.Unplaced{Scope: scope, At: t0, Cluster: "default", Definition: ecs.Revision{Family: "web", Number: 3}, LaunchType: api.LaunchTypeEc2,
			Asked: 1, Short: 1, NoMachine: "No Container Instances were found in your cluster."}},
	} {
		c.Now, c.Scope = t0.Add(time.Hour), scope
		var got bytes.Buffer
		e := Explain(c)
		if err := e.Print(&got, time.UTC); err != nil {
			t.Fatal(err)
		}
		file := "testdata/" + name + ".txt"
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s reads\n%s", name, got.Bytes())
		}
		text, err := json.Marshal(e)
		var again Explanation
		if err != nil || json.Unmarshal(text, &again) != nil || again.Verdict != e.Verdict || len(again.Containers) != len(e.Containers) {
			t.Errorf("%s as JSON: %s, %v", name, text, err)
		}
	}
}

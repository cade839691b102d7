package dispatch

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

func tasksOf(p acs.PayloadMessage) (tasks []string) {
	for _, t := range p.Tasks {
		tasks = append(tasks, lastPart(t.Arn)[:1]+":"+t.DesiredStatus)
	}
	slices.Sort(tasks)
	return tasks
}

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestASessionTellsWhatShouldRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(id('a'))
		w.run(id('b'), stop)
		w.run(id('c'), func(t *ecs.Task) { t.Status = ecs.Deprovisioning })
		w.run(id('d'), func(t *ecs.Task) { t.Instance = "another" })
		a := w.connect()

		manifest := must[acs.TaskManifestMessage](a)
		var listed []string
		for _, i := range manifest.Tasks {
			listed = append(listed, lastPart(i.TaskArn)[:1]+":"+i.DesiredStatus)
		}
		equal(t, "manifest", listed, "a:RUNNING", "b:STOPPED")
		first := must[acs.PayloadMessage](a)
		equal(t, "first payload", tasksOf(first), "a:RUNNING", "b:STOPPED")
		if first.Tasks[0].DesiredStatus != "STOPPED" {
			t.Error("what makes room does not come first")
		}
		if first.SeqNum <= manifest.Timeline || first.ClusterArn == "" || first.ContainerInstanceArn == "" || first.MessageId == "" {
			t.Errorf("payload %+v after timeline %d", first, manifest.Timeline)
		}
		a.ack(manifest.MessageId)
		a.ack(first.MessageId)
		synctest.Wait()
		if got := w.task(id('b')).Status; got != ecs.Stopping {
			t.Errorf("after its stop was acknowledged the task is %s", got)
		}

		w.run(id('e'))
		added := must[acs.PayloadMessage](a)
		equal(t, "a new task", tasksOf(added), "e:RUNNING")
		w.change(id('e'), stop)
		stopped := must[acs.PayloadMessage](a)
		equal(t, "stopped before it was acknowledged", tasksOf(stopped), "e:STOPPED")
		a.ack(added.MessageId)
		synctest.Wait()
		if got := w.task(id('e')).Status; got != ecs.Pending {
			t.Errorf("the acknowledgement of the start made the task %s", got)
		}
		a.ack(stopped.MessageId)
		if extra, ok := hear[acs.PayloadMessage](a, 10*time.Minute); ok {
			t.Errorf("all is acknowledged, and yet %v came", tasksOf(extra))
		}
	})
}

func TestWhatIsNotAcknowledgedIsSentAgainAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(id('a'))
		w.run(id('b'))
		a := w.connect()
		a.ack(must[acs.TaskManifestMessage](a).MessageId)
		first := must[acs.PayloadMessage](a)
		equal(t, "first", tasksOf(first), "a:RUNNING", "b:RUNNING")
		keep := func() { a.say(acs.HeartbeatAckRequest{}) }

		time.Sleep(31 * time.Second)
		keep()
		last := first.SeqNum
		for range 2 {
			p := must[acs.PayloadMessage](a)
			if len(p.Tasks) != 1 || p.SeqNum <= last {
				t.Errorf("repeated: %v with number %d after %d", tasksOf(p), p.SeqNum, last)
			}
			if last = p.SeqNum; lastPart(p.Tasks[0].Arn) == id('b') {
				a.ack(p.MessageId)
			}
		}
		a.ack(first.MessageId) // too late: it says nothing of the task that is repeated
		var after []time.Duration
		began := time.Now()
		for len(after) < 4 && time.Since(began) < time.Hour {
			keep()
			if p, ok := hear[acs.PayloadMessage](a, 20*time.Second); ok {
				equal(t, "again", tasksOf(p), "a:RUNNING")
				after = append(after, time.Since(began).Round(10*time.Second))
			}
		}
		want := []time.Duration{time.Minute, 3 * time.Minute, 7 * time.Minute, 12 * time.Minute}
		if !slices.Equal(after, want) {
			t.Errorf("repeated after %v, want %v", after, want)
		}
	})
}

func TestWhatAnAgentHasReportedOnIsNotToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		reported := func(t *ecs.Task) { t.ConnectedAt, t.Status = time.Now(), ecs.Running }
		w.run(id('a'), reported)
		w.run(id('b'), reported, stop)
		w.run(id('c'), reported, func(t *ecs.Task) { t.TaskRole = "arn:aws:iam::000000000000:role/app" })
		w.run(id('d'))
		a := w.connect()
		manifest := must[acs.TaskManifestMessage](a)
		a.ack(manifest.MessageId)
		if len(manifest.Tasks) != 4 {
			t.Errorf("the manifest has %v", manifest.Tasks)
		}
		p := must[acs.PayloadMessage](a)
		equal(t, "told", tasksOf(p), "b:STOPPED", "c:RUNNING", "d:RUNNING")
		a.ack(p.MessageId)
		w.change(id('a'), stop)
		equal(t, "told then", tasksOf(must[acs.PayloadMessage](a)), "a:STOPPED")
	})
}

func TestManySlowTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 400 {
			w.run(id('a')[:29] + string([]byte{'0' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10)}))
		}
		a := w.connect()
		a.ack(must[acs.TaskManifestMessage](a).MessageId)
		var got []acs.PayloadMessage
		for {
			p, ok := hear[acs.PayloadMessage](a, time.Second)
			if !ok {
				break
			}
			got = append(got, p)
		}
		if len(got) != underWay {
			t.Fatalf("%d payloads are under way", len(got))
		}
		seen := map[string]bool{}
		for len(got) > 0 {
			p := got[0]
			got = got[1:]
			if len(p.Tasks) > perPayload {
				t.Errorf("%d tasks in one payload", len(p.Tasks))
			}
			for _, task := range p.Tasks {
				seen[task.Arn] = true
			}
			a.ack(p.MessageId)
			if next, ok := hear[acs.PayloadMessage](a, time.Second); ok {
				got = append(got, next)
			}
		}
		if len(seen) != 400 {
			t.Errorf("%d of 400 tasks came", len(seen))
		}
	})
}

func TestStopsAreVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(id('a'))
		w.run(id('b'), stop)
		w.run(id('c'), func(t *ecs.Task) { t.Instance = "other-identity" })
		w.run(id('d'), func(t *ecs.Task) { t.Instance, t.Machine = "other", "m2" })
		w.run(id('e'), func(t *ecs.Task) { t.Status = ecs.Stopped })
		w.run(id('7'), func(t *ecs.Task) { t.Instance, t.Status = "deregistered-identity", ecs.Stopped })
		a := w.connect()
		manifest := must[acs.TaskManifestMessage](a)
		a.ack(manifest.MessageId)
		candidates := acs.TaskStopVerificationMessage{MessageId: manifest.MessageId}
		for _, task := range []byte("abcdef7") {
			candidates.StopCandidates = append(candidates.StopCandidates, acs.TaskIdentifier{TaskArn: arnOf(id(task)), DesiredStatus: "STOPPED"})
		}
		a.say(candidates)
		var stops []string
		for _, s := range must[acs.TaskStopVerificationAck](a).StopTasks {
			stops = append(stops, lastPart(s.TaskArn)[:1]+":"+s.DesiredStatus)
		}
		equal(t, "to stop", stops, "b:STOPPED", "d:STOPPED", "e:STOPPED", "f:STOPPED", "7:STOPPED")

		candidates.MessageId = "of another manifest"
		a.say(candidates)
		if _, ok := hear[acs.TaskStopVerificationAck](a, time.Second); ok {
			t.Error("an answer to another manifest is taken")
		}
	})
}

// Amazon's agent goes on with what it runs when its session is refused; it has to be told.
func TestTheAgentOfADeregisteredInstanceIsToldToStopEverything(t *testing.T) {
	for _, asks := range []bool{true, false} { // one that runs nothing has no question
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.run(id('a')) // yet to be closed
			w.update(func(tx *store.Tx) error {
				return w.Tables.Instances.Put(tx, scope, instance, &ecs.Instance{ID: instance, Cluster: "default", Machine: "m1", Status: inactive, Abandoned: true})
			})
			synctest.Wait()
			a := w.connect()
			manifest := must[acs.TaskManifestMessage](a)
			if len(manifest.Tasks) != 0 {
				t.Errorf("it should have %v", manifest.Tasks)
			}
			a.ack(manifest.MessageId)
			if asks {
				a.say(acs.TaskStopVerificationMessage{MessageId: manifest.MessageId, StopCandidates: []acs.TaskIdentifier{{TaskArn: arnOf(id('a'))}}})
				if ack := must[acs.TaskStopVerificationAck](a); len(ack.StopTasks) != 1 || ack.StopTasks[0].DesiredStatus != "STOPPED" {
					t.Errorf("told to stop %+v", ack.StopTasks)
				}
			}
			<-a.closed
			if i := w.instance().Value; i.LeftAt.IsZero() || i.Session != nil || !strings.Contains(i.StatusReason, "has been told") {
				t.Errorf("%+v", i)
			}
		})
	}
}

func TestTheAgentOfADeregisteredInstanceComesAgainWhenItWasNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.update(func(tx *store.Tx) error {
			return w.Tables.Instances.Put(tx, scope, instance, &ecs.Instance{ID: instance, Cluster: "default", Machine: "m1", Status: inactive})
		})
		a := w.connect()
		must[acs.TaskManifestMessage](a)
		<-a.closed
		if i := w.instance().Value; !i.LeftAt.IsZero() {
			t.Errorf("%+v", i)
		}
	})
}

func TestTasksAreNamedByTheirOwnCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.life = time.Minute
		w.run(id('a'), func(t *ecs.Task) { t.Cluster, t.TaskRole = "other", "arn:aws:iam::000000000000:role/app" })
		a := w.connect()
		manifest := must[acs.TaskManifestMessage](a)
		a.ack(manifest.MessageId)
		payload := must[acs.PayloadMessage](a)
		a.ack(payload.MessageId)
		renewed, _ := hear[acs.IAMRoleCredentialsMessage](a, 70*time.Second)
		want := ecs.TaskARN(scope, "other", id('a'))
		if manifest.Tasks[0].TaskArn != want || payload.Tasks[0].Arn != want || renewed.TaskArn != want {
			t.Errorf("manifest %s, payload %s, credentials %s; want %s", manifest.Tasks[0].TaskArn, payload.Tasks[0].Arn, renewed.TaskArn, want)
		}
		if want := ecs.ClusterARN(scope, "other"); manifest.Tasks[0].TaskClusterArn != want || renewed.TaskClusterArn != want {
			t.Errorf("manifest %s, credentials %s; want %s", manifest.Tasks[0].TaskClusterArn, renewed.TaskClusterArn, want)
		}
	})
}

func TestAManifestIsRepeatedWithAHigherNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.connect()
		first := must[acs.TaskManifestMessage](a)
		second, ok := hear[acs.TaskManifestMessage](a, 31*time.Second)
		if !ok || second.Timeline <= first.Timeline {
			t.Errorf("%d after %d", second.Timeline, first.Timeline)
		}
		a.ack(second.MessageId)
		if _, ok := hear[acs.TaskManifestMessage](a, 90*time.Second); ok {
			t.Error("repeated after its acknowledgement")
		}
	})
}

func TestNumbersNeverGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		next := func() *sequence {
			return &sequence{db: w.DB, table: w.sequences, scope: scope, holder: instance}
		}
		var last int64
		see := func(q *sequence, n int) {
			for range n {
				got, err := q.next(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				if got <= last {
					t.Fatalf("%d after %d", got, last)
				}
				last = got
			}
		}
		see(next(), 2500) // more than a block, and more than the clock has moved
		see(next(), 1)    // another server, or the same after SIGKILL
		if last < time.Now().UnixMilli() {
			t.Error("below the clock: a restored state would go back")
		}
		w.update(func(tx *store.Tx) error { return w.sequences.Delete(tx, scope, instance) }) // restored from a copy
		time.Sleep(time.Minute)
		see(next(), 1)
	})
}

func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.connect()
		began := time.Now()
		for i := range 20 {
			h, ok := hear[acs.HeartbeatMessage](a, 40*time.Second)
			if !ok || !h.Healthy || h.MessageId == "" {
				t.Fatalf("heartbeat %d: %+v", i, h)
			}
			a.say(acs.HeartbeatAckRequest{MessageId: h.MessageId})
		}
		if d := time.Since(began); d < 9*time.Minute || d > 11*time.Minute {
			t.Errorf("20 heartbeats in %s", d)
		}
		// The agent falls silent.
		<-a.closed
		if a.code != websocket.StatusPolicyViolation || time.Since(began) > 13*time.Minute {
			t.Errorf("closed with %d %q after %s", a.code, a.reason, time.Since(began))
		}
		synctest.Wait()
		if w.instance().Value.Session != nil {
			t.Error("the agent still counts as connected")
		}
	})
}

func TestTheAgentIsConnectedWhileASessionIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.connect()
		synctest.Wait()
		one := w.instance().Value
		if one.Session == nil || one.Agent.Version != "1.105.1" {
			t.Fatalf("instance %+v", one)
		}
		second := w.connect()
		synctest.Wait()
		<-first.closed
		if first.code != websocket.StatusPolicyViolation {
			t.Errorf("the older session is closed with %d: its agent would be back at once", first.code)
		}
		if two := w.instance().Value; two.Session == nil || two.Session.ID == one.Session.ID {
			t.Errorf("instance %+v", two)
		}
		second.Close(websocket.StatusNormalClosure, "")
		synctest.Wait()
		if three := w.instance().Value; three.Session != nil || three.DisconnectedAt.IsZero() {
			t.Errorf("instance %+v", three)
		}
		third := w.connect()
		synctest.Wait()
		w.update(func(tx *store.Tx) error {
			i := *w.instance().Value
			i.Status = inactive
			return w.Tables.Instances.Put(tx, scope, instance, &i)
		})
		<-third.closed
		synctest.Wait()
		late := w.connect()
		<-late.closed
		if late.reason == "" {
			t.Error("a deregistered instance has a session")
		}
	})
}

func TestASessionThatBeganBeforeTheDispatcherMissesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, run := newIdleWorld(t)
		a := w.connect()
		synctest.Wait()
		w.run(id('a'))
		run()
		if m := must[acs.PayloadMessage](a); len(m.Tasks) != 1 {
			t.Errorf("payload of %d tasks", len(m.Tasks))
		}
	})
}

func TestAnAgentThatGoesWhileItIsRecordedIsNotConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		done := make(chan struct{})
		w.disk.busy.Store(&done)
		a := w.connect()
		synctest.Wait() // its record is on its way to the disk
		a.Close(websocket.StatusAbnormalClosure, "gone")
		synctest.Wait()
		close(done)
		synctest.Wait()
		if s := w.instance().Value.Session; s != nil {
			t.Errorf("its session %s is said to be open", s.ID)
		}
	})
}

func TestAReconnectStormLeavesOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(id('a'))
		var agents []*agent
		for range 200 {
			agents = append(agents, w.connect())
		}
		time.Sleep(10 * time.Second)
		open := 0
		for _, a := range agents {
			select {
			case <-a.closed:
			default:
				open++
				equal(t, "payload", tasksOf(must[acs.PayloadMessage](a)), "a:RUNNING")
			}
		}
		if open != 1 || w.instance().Value.Session == nil {
			t.Errorf("%d sessions are open", open)
		}
	})
}

func TestADeafAgentHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		deaf := newAgent(t)
		deaf.deaf = make(chan struct{})
		go newSession(context.Background(), w.Dispatcher, deaf, w.instance(), ecs.Agent{}).run()
		for i := range 100 {
			w.run(id('a')[:30] + string([]byte{'0' + byte(i/10), '0' + byte(i%10)}))
		}
		began := time.Now()
		<-deaf.closed
		if time.Since(began) > time.Minute {
			t.Errorf("it took %s", time.Since(began))
		}
	})
}

func TestFramesOfOthersChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(id('a'), stop)
		w.run(id('b'), func(t *ecs.Task) { t.Instance = "another" })
		a := w.connect()
		p := must[acs.PayloadMessage](a)
		a.say(acs.AckRequest{ContainerInstance: ecs.InstanceARN(scope, "default", "another"), MessageId: p.MessageId})
		a.say(acs.BerthAttachedMessage{TaskArn: arnOf(id('b')), AttachmentArn: "foreign", HostAddress: "10.0.0.1"})
		a.say(acs.BerthAttachedMessage{TaskArn: arnOf(id('a')), AttachmentArn: "own", HostAddress: "10.0.0.2"})
		for _, nonsense := range []string{"", "{", "[]", `{"type":7}`, `{"type":"AckRequest"}`, `{"type":"AckRequest","message":[]}`,
			`{"type":"TaskStopVerificationMessage","message":{"stopCandidates":[null]}}`, `{"type":"Unheard","message":{}}`, "\xff\xfe"} {
			a.sayRaw([]byte(nonsense))
		}
		synctest.Wait()
		if got := w.task(id('a')).Status; got != ecs.Pending {
			t.Errorf("the task is %s", got)
		}
		if _, ok := w.hosts.Load("foreign"); ok {
			t.Error("an address for another instance's task is taken")
		}
		if _, ok := w.hosts.Load("own"); !ok {
			t.Error("an address for its own task is not taken")
		}
		a.ack(p.MessageId)
		a.ack(p.MessageId)
		synctest.Wait()
		if got := w.task(id('a')).Status; got != ecs.Stopping {
			t.Errorf("the task is %s", got)
		}
	})
}

func TestCredentialsAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.life = time.Hour
		w.run(id('a'), func(t *ecs.Task) { t.TaskRole, t.ExecutionRole = "arn:aws:iam::123456789012:role/app", "" })
		w.run(id('b'), func(t *ecs.Task) { t.TaskRole = "gone" })
		a := w.connect()
		a.ack(must[acs.TaskManifestMessage](a).MessageId)
		p := must[acs.PayloadMessage](a)
		equal(t, "payload", tasksOf(p), "a:RUNNING")
		if c := p.Tasks[0].RoleCredentials; c == nil || c.CredentialsId != "cid-TaskApplication" || p.Tasks[0].ExecutionRoleCredentials != nil {
			t.Errorf("credentials %+v", c)
		}
		a.ack(p.MessageId)
		began := time.Now()
		wait := func() (m acs.IAMRoleCredentialsMessage) {
			for time.Since(began) < 3*time.Hour {
				a.say(acs.HeartbeatAckRequest{})
				if m, ok := hear[acs.IAMRoleCredentialsMessage](a, 20*time.Second); ok {
					return m
				}
			}
			t.Fatal("no renewal came")
			return m
		}
		first := wait()
		if d := time.Since(began).Round(time.Minute); d != 45*time.Minute || first.RoleCredentials.CredentialsId != "cid-TaskApplication" || first.RoleType != "TaskApplication" {
			t.Errorf("after %s: %+v", d, first)
		}
		second := wait()
		if d := time.Since(began).Round(10 * time.Second); d != 45*time.Minute+30*time.Second {
			t.Errorf("repeated after %s", d)
		}
		a.say(acs.IAMRoleCredentialsAckRequest{MessageId: second.MessageId, CredentialsId: second.RoleCredentials.CredentialsId})
		began = time.Now()
		wait()
		if d := time.Since(began).Round(time.Minute); d != 45*time.Minute {
			t.Errorf("renewed again after %s", d)
		}
		// The role exists by now: the task that waited for it goes out.
		w.change(id('b'), func(t *ecs.Task) { t.TaskRole = "arn:aws:iam::123456789012:role/app" })
		for {
			a.say(acs.HeartbeatAckRequest{})
			if p, ok := hear[acs.PayloadMessage](a, 20*time.Second); ok {
				equal(t, "held back", tasksOf(p), "b:RUNNING")
				break
			}
			if time.Since(began) > 2*time.Hour {
				t.Fatal("the task was forgotten")
			}
		}
	})
}

func TestShutdownAsksAgentsToComeBackLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.connect()
		synctest.Wait()
		w.Close()
		<-a.closed
		if a.code != websocket.StatusServiceRestart {
			t.Errorf("closed with %d", a.code)
		}
		late := w.connect()
		<-late.closed
	})
}

func TestTelemetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(id('a'))
		a := newAgent(t)
		go newTelemetry(context.Background(), w.Dispatcher, a, w.instance()).run()
		for _, data := range recorded(t, "full-life-cycle.log", "TCS<-")[:4] {
			a.sayRaw(data)
		}
		must[tcs.AckPublishMetric](a)
		if ack := must[tcs.AckPublishHealth](a); ack.Message != "ok" {
			t.Errorf("%+v", ack)
		}
		must[tcs.AckPublishMetric](a)
		must[tcs.AckPublishInstanceStatus](a)
		if h := w.instance().Value.Health; len(h) != 1 || h[0].Type != "CONTAINER_RUNTIME" || h[0].Status != "OK" || h[0].LastStatusChange.IsZero() {
			t.Errorf("health of the instance %+v", h)
		}
		if got := w.task(id('a')).Containers[0].Health; got != "HEALTHY" {
			t.Errorf("health %s", got)
		}
		version := w.task(id('a')).Version

		report := tcs.PublishHealthRequest{Metadata: &tcs.HealthMetadata{ContainerInstance: instance},
			Tasks: []tcs.TaskHealth{{TaskArn: arnOf(id('a')), Containers: []tcs.ContainerHealth{{ContainerName: "db", HealthStatus: "HEALTHY"}, {ContainerName: "none", HealthStatus: "UNHEALTHY"}, {ContainerName: "db", HealthStatus: "POORLY"}}}}}
		a.say(report)
		must[tcs.AckPublishHealth](a)
		report.Metadata.ContainerInstance, report.Tasks[0].Containers[0].HealthStatus = "another", "UNHEALTHY"
		a.say(report)
		synctest.Wait()
		if got := w.task(id('a')); got.Version != version {
			t.Errorf("what is no news was written: %+v", got.Containers[0])
		}
		if _, ok := hear[tcs.HeartbeatMessage](a, 40*time.Second); !ok {
			t.Error("no heartbeat")
		}
		<-a.closed // nothing is heard of it
	})
}

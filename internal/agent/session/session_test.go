package session

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/task"
)

const (
	clusterARN = "arn:aws:ecs:us-east-1:123456789012:cluster/default"
	taskA      = "arn:aws:ecs:us-east-1:123456789012:task/default/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

func payloadFrame(id string, seq string, tasks string) []byte {
	return []byte(`{"type":"PayloadMessage","message":{"clusterArn":"` + clusterARN + `","containerInstanceArn":"` + instanceARN +
		`","messageId":"` + id + `","seqNum":` + seq + `,"tasks":[` + tasks + `]}}`)
}

func manifestFrame(id string, timeline string, tasks string) []byte {
	return []byte(`{"type":"TaskManifestMessage","message":{"clusterArn":"` + clusterARN + `","containerInstanceArn":"` + instanceARN +
		`","messageId":"` + id + `","timeline":` + timeline + `,"tasks":[` + tasks + `]}}`)
}

func TestAPayloadIsAcknowledgedOnceItIsDurable(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		r := run(t, newPlane(), file)
		c := <-r.plane.conns
		r.tasks.fails = errors.New("the disk is full")
		c.down <- payloadFrame("m-1", "7", `{"arn":"`+taskA+`","desiredStatus":"RUNNING"}`)
		if sent := c.sent(); len(sent) != 0 {
			t.Errorf("what is not on disk is answered with %s", sent)
		}
		r.tasks.mu.Lock()
		r.tasks.fails = nil
		r.tasks.mu.Unlock()
		c.down <- payloadFrame("m-1", "7", `{"arn":"`+taskA+`","desiredStatus":"RUNNING","roleCredentials":{"credentialsId":"c","accessKeyId":"A","secretAccessKey":"hush"},"shade":"green"}`)
		if sent := c.sent(); len(sent) != 2 || !strings.Contains(sent[0], "AckRequest") {
			t.Errorf("sent %s", sent)
		}
		if r.tasks.identity.Timeline != 7 {
			t.Errorf("the identity's timeline is %d", r.tasks.identity.Timeline)
		}
		kept := string(r.tasks.applied[0].Payload)
		if strings.Contains(kept, "hush") || !strings.Contains(kept, `"shade":"green"`) || !strings.Contains(kept, `"credentialsId":"c"`) {
			t.Errorf("what is kept of the payload is %s", kept)
		}
		if got, ok := r.Keyring.Get("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", acs.RoleTypeTaskApplication); !ok || got.SecretAccessKey != "hush" {
			t.Error("the credentials are not on the keyring")
		}
		_ = r.end()
	})
}

func TestOnlyAManifestThatIsNewerThanAllSeenIsTaken(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		r := run(t, newPlane(), file)
		c := <-r.plane.conns
		c.down <- payloadFrame("m-1", "10", `{"arn":"`+taskA+`","desiredStatus":"RUNNING"}`)
		c.sent()
		c.down <- manifestFrame("m-2", "10", "")
		if sent := c.sent(); len(sent) != 0 {
			t.Errorf("a manifest of the payload's own time is answered with %s", sent)
		}
		c.down <- manifestFrame("m-3", "11", `{"taskArn":"`+taskA+`","desiredStatus":"RUNNING"}`)
		if sent := c.sent(); len(sent) != 1 || !strings.Contains(sent[0], `"AckRequest"`) {
			t.Errorf("a manifest that names what runs is answered with %s", sent)
		}
		c.down <- manifestFrame("m-4", "12", "")
		if sent := c.sent(); len(sent) != 2 || !strings.Contains(sent[1], "TaskStopVerificationMessage") || !strings.Contains(sent[1], taskA) {
			t.Errorf("a manifest without what runs is answered with %s", sent)
		}
		for _, id := range []string{"m-3", "", "m-4"} {
			c.down <- []byte(`{"type":"TaskStopVerificationAck","message":{"messageId":"` + id + `","stopTasks":[{"taskArn":"` + taskA + `"}]}}`)
		}
		c.sent()
		if len(r.tasks.stopped) != 1 || r.Ignored() != 2 {
			t.Errorf("stopped %v; ignored %d frames", r.tasks.stopped, r.Ignored())
		}
		_ = r.end()

		// The next agent has seen what this one saw.
		r = run(t, r.plane, file)
		c = <-r.plane.conns
		c.down <- manifestFrame("m-5", "12", "")
		if sent := c.sent(); len(sent) != 0 {
			t.Errorf("an old manifest is answered after a restart with %s", sent)
		}
		_ = r.end()
	})
}

func TestFramesThatAreNotUnderstoodAreIgnored(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		r := run(t, newPlane(), file)
		c := <-r.plane.conns
		bad := []string{"", "{", `[]`, `{"message":{}}`, `{"type":"BerthTomorrowMessage","message":{"messageId":"x"}}`, `{"type":"PayloadMessage","message":{"seqNum":"seven"}}`,
			`{"type":"PayloadMessage","message":{}}`, string(payloadFrame("m", "1", `{"arn":"no task"}`)),
			strings.Replace(string(payloadFrame("m", "1", "")), instanceARN, "arn:another", 1),
			`{"type":"IAMRoleCredentialsMessage","message":{"taskArn":"` + taskA + `","roleCredentials":{}}}`}
		for _, frame := range bad {
			c.down <- []byte(frame)
		}
		if sent := c.sent(); len(sent) != 0 || r.Ignored() != int64(len(bad)) {
			t.Errorf("answered %s; ignored %d of %d", sent, r.Ignored(), len(bad))
		}
		c.down <- []byte(`{"type":"HeartbeatMessage","message":{"messageId":"hb"}}`)
		if sent := c.sent(); len(sent) != 1 {
			t.Errorf("a heartbeat after them is answered with %s", sent)
		}
		_ = r.end()
	})
}

func TestATaskThatCannotBeReadIsHandedOverAsBroken(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		r := run(t, newPlane(), file)
		c := <-r.plane.conns
		c.down <- payloadFrame("m-1", "1", `{"arn":"`+taskA+`","containers":"many"}`)
		sent := c.sent()
		if len(sent) != 1 || len(r.tasks.applied) != 1 || r.tasks.applied[0].Broken == nil {
			t.Errorf("answered %s, applied %+v", sent, r.tasks.applied)
		}
		_ = r.end()
	})
}

func TestASilentConnectionIsReplacedWithinTwoMinutes(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		r := run(t, newPlane(), file)
		first := <-r.plane.conns
		begin := time.Now()
		time.Sleep(50 * time.Second)
		first.down <- []byte(`{"type":"HeartbeatMessage","message":{"messageId":"hb"}}`)
		<-r.plane.conns
		since := time.Since(begin)
		synctest.Wait()
		if since < 110*time.Second || since > 171*time.Second || !strings.Contains(first.reason, "nothing was heard") {
			t.Errorf("replaced after %s because %q", since, first.reason)
		}
		if q := r.plane.dials; q[0].Get("sendCredentials") != "true" || q[1].Get("sendCredentials") != "false" || q[0].Get("protocolVersion") != "2" || q[0].Get("containerInstanceArn") != instanceARN {
			t.Errorf("the queries were %v", q)
		}
		if r.tasks.hurries != 2 {
			t.Errorf("%d hurries", r.tasks.hurries)
		}
		_ = r.end()
	})
}

func TestAConnectionIsUsedForHalfAnHour(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		r := run(t, newPlane(), file)
		first := <-r.plane.conns
		begin := time.Now()
		for open := true; open; {
			select {
			case <-first.closed:
				open = false
			case <-time.After(20 * time.Second):
				first.down <- []byte(`{"type":"HeartbeatMessage","message":{"messageId":"hb"}}`)
			}
		}
		if since := time.Since(begin); since < 30*time.Minute || since > 36*time.Minute || !strings.Contains(first.reason, "ConnectionExpired") {
			t.Errorf("closed after %s because %q", since, first.reason)
		}
		<-r.plane.conns
		_ = r.end()
	})
}

func TestHowSoonTheAgentComesBack(t *testing.T) {
	for _, c := range []struct {
		name        string
		heard       bool
		refuse      error
		least, most time.Duration
	}{
		{"at once after a connection that worked", true, nil, 0, soon},
		{"after an hour when the instance was deregistered", true, &refused{"InactiveInstanceException", ""}, 48 * time.Minute, 73 * time.Minute},
		{"soon after another refusal", true, &refused{"ServerException", ""}, 0, 3 * soon},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := path(t)
			synctest.Test(t, func(t *testing.T) {
				r := run(t, newPlane(), file)
				first := <-r.plane.conns
				if c.heard {
					first.down <- []byte(`{"type":"HeartbeatMessage","message":{"messageId":"hb"}}`)
					first.sent()
				}
				r.plane.mu.Lock()
				r.plane.refuse = c.refuse
				r.plane.mu.Unlock()
				begin := time.Now()
				first.Close("the server goes away")
				<-r.plane.conns
				if since := time.Since(begin); since < c.least || since > c.most {
					t.Errorf("back after %s", since)
				}
				_ = r.end()
			})
		})
	}
}

func TestADeregisteredInstanceEndsItsTasks(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		r := run(t, newPlane(), file)
		r.tasks.mu.Lock()
		r.tasks.live = []string{"one", "two"}
		r.tasks.mu.Unlock()
		first := <-r.plane.conns
		r.plane.mu.Lock()
		r.plane.refuse = &refused{"InactiveInstanceException", ""}
		r.plane.mu.Unlock()
		first.Close("it was deregistered")
		time.Sleep(time.Minute)
		_ = r.end()
		if got := strings.Join(r.tasks.stopped, " "); got != "one two" {
			t.Errorf("stopped: %q", got)
		}
	})
}

func TestWaitsGrowWhileNothingWorks(t *testing.T) {
	var p pacing
	last := p.wait(false, nil)
	for range 30 {
		last = p.wait(false, nil)
	}
	if last < most*4/5 || last > most*6/5 {
		t.Errorf("the wait grew to %s", last)
	}
	if again := p.wait(true, nil); again > soon || p.failures != 0 {
		t.Errorf("after a success it is %s", again)
	}
}

func TestAnAgentMakesTheDefaultClusterAndKeepsItsInstance(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPlane()
		known := p.answers["RegisterContainerInstance"]
		p.answers["RegisterContainerInstance"] = func(jsontext.Value) (int, string) {
			return 400, `{"__type":"ClusterNotFoundException","message":"Cluster not found."}`
		}
		p.answers["CreateCluster"] = func(jsontext.Value) (int, string) {
			p.answers["RegisterContainerInstance"] = known
			return 200, "{}"
		}
		r := run(t, p, file)
		<-p.conns
		_ = r.end()
		if made := p.called("CreateCluster"); len(made) != 1 || !strings.Contains(made[0], `"default"`) {
			t.Errorf("clusters made: %s", made)
		}
		r = run(t, p, file)
		<-p.conns
		_ = r.end()
		registered := p.called("RegisterContainerInstance")
		if n := len(registered); n != 3 || strings.Contains(registered[0], "containerInstanceArn") || !strings.Contains(registered[2], instanceARN) {
			t.Errorf("registered %d times: %s", n, registered)
		}
	})
}

func TestAForgottenInstanceIsRegisteredAgain(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPlane()
		p.refuse = &refused{"InvalidInstanceException", "not known"}
		r := run(t, p, file)
		<-p.conns
		synctest.Wait()
		if n := len(p.called("RegisterContainerInstance")); n != 2 {
			t.Errorf("registered %d times", n)
		}
		_ = r.end()
	})
}

func TestARefusedRegistrationEndsTheSession(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPlane()
		p.answers["RegisterContainerInstance"] = func(jsontext.Value) (int, string) {
			return 400, `{"__type":"ClientException","message":"no"}`
		}
		r := run(t, p, file)
		synctest.Wait()
		if err := r.end(); err == nil || !strings.Contains(err.Error(), "ClientException") {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestAttachmentsAreToldAtEachConnectionAndAsTheyCome(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		r := run(t, newPlane(), file)
		c := <-r.plane.conns
		synctest.Wait()
		a := task.Attachment{TaskARN: taskA, ARN: "arn:attachment", HostAddress: "100.80.16.7"}
		r.Attached(a)
		r.tasks.attached = []task.Attachment{a}
		c.Close("")
		again := <-r.plane.conns
		want := `{"type":"BerthAttachedMessage","message":{"taskArn":"` + taskA + `","attachmentArn":"arn:attachment","hostAddress":"100.80.16.7"}}`
		for name, sent := range map[string][]string{"as it comes": c.sent(), "at the next connection": again.sent()} {
			if len(sent) != 1 || sent[0] != want {
				t.Errorf("%s: %s", name, sent)
			}
		}
		_ = r.end()
		r.Attached(a) // without a connection nothing happens
	})
}

func TestTelemetrySaysThatTheMachineIsIdleAndWell(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		r := run(t, newPlane(), file)
		c := <-r.plane.telling
		time.Sleep(30 * time.Second)
		sent := c.sent()
		if len(sent) < 4 {
			t.Fatalf("sent %d frames in 30 s", len(sent))
		}
		for i, want := range []string{`"PublishMetricsRequest"`, `"PublishInstanceStatusRequest"`} {
			head, body, ok := strings.Cut(sent[i], "\r\n\r\n")
			if !ok || !strings.Contains(head, "Authorization: AWS4-HMAC-SHA256") || !strings.Contains(head, "Host: plane") || !strings.Contains(body, want) {
				t.Errorf("frame %d is %s", i, sent[i])
			}
		}
		if !strings.Contains(sent[0], `"idle":true`) || !strings.Contains(sent[1], `"status":"OK"`) {
			t.Errorf("sent %s", sent[:2])
		}
		c.down <- []byte(`{"type":"AckPublishMetric","message":{"message":"ok"}}`)
		c.sent()
		if r.Ignored() != 0 {
			t.Error("an acknowledgement is not understood")
		}
		_ = r.end()
	})
}

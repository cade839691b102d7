package iam

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

const account = "123456789012"

// TestMain is also the client of another process: it asks who it is with test/test and prints the answer.
func TestMain(m *testing.M) {
	if url := os.Getenv("BERTH_TEST_IAM_CLIENT"); url != "" {
		if cgroup := os.Getenv("BERTH_TEST_IAM_CGROUP"); cgroup != "" {
			if err := os.WriteFile(filepath.Join(cgroup, "cgroup.procs"), []byte("0"), 0); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
		fmt.Println(whoami(context.Background(), url, testKey, ""))
		return
	}
	os.Exit(m.Run())
}

// whoami is what STS says to a key: an ARN and a user id, or an error code.
func whoami(ctx context.Context, url string, key Key, token string) string {
	client := sts.New(sts.Options{Region: "eu-west-1", BaseEndpoint: &url, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, token)})
	out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	var refused smithy.APIError
	switch {
	case errors.As(err, &refused):
		return refused.ErrorCode()
	case err != nil:
		return err.Error()
	}
	return aws.ToString(out.Account) + " " + aws.ToString(out.Arn) + " " + aws.ToString(out.UserId)
}

func newKeys(t *testing.T) Keys {
	t.Helper()
	keys, err := OpenKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// serve runs the service behind a wire server and returns its URL.
func serve(t *testing.T, config Config) (*Service, string) {
	t.Helper()
	db := store.Memory()
	config.Account = account
	s := New(db, config)
	if err := db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := wire.New(wire.Config{Credentials: s})
	s.Register(server)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	http := server.HTTP()
	http.ConnContext = ConnContext
	go http.Serve(listener)
	t.Cleanup(func() {
		http.Close()
		db.Close()
	})
	return s, "http://" + listener.Addr().String()
}

const (
	root     = account + " arn:aws:iam::" + account + ":root " + account
	unknown  = "InvalidClientTokenId"
	expired  = "ExpiredToken"
	mismatch = "SignatureDoesNotMatch"
)

func check(t *testing.T, what, got, want string) {
	t.Helper()
	if !strings.HasPrefix(got, want) {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func TestLongLivedKeys(t *testing.T) {
	keys := newKeys(t)
	s, url := serve(t, Config{Keys: keys})
	dev := keys.Dev()
	check(t, "the dev key", whoami(t.Context(), url, dev, ""), root)
	check(t, "the dev key with a token", whoami(t.Context(), url, dev, "token"), unknown)
	check(t, "the dev key with another secret", whoami(t.Context(), url, Key{dev.ID, "x"}, ""), mismatch)
	check(t, "twelve digits", whoami(t.Context(), url, Key{"000000000001", "test"}, ""), unknown)
	check(t, "another installation's dev key", whoami(t.Context(), url, newKeys(t).Dev(), ""), unknown)

	agent := s.agentKey("m1")
	check(t, "an agent's key before it is issued", whoami(t.Context(), url, agent, ""), unknown)
	for range 2 {
		if issued, err := s.IssueAgent(t.Context(), "m1"); err != nil || issued != agent {
			t.Fatal(issued, err)
		}
	}
	check(t, "an agent's key", whoami(t.Context(), url, agent, ""), account+" arn:aws:sts::"+account+":assumed-role/berth-agent/m1 AROA")
	if c, err := s.Lookup(t.Context(), agent.ID, "", nil); err != nil || c.Caller.Machine != "m1" {
		t.Errorf("the agent's machine: %+v, %v", c, err)
	}
	for range 2 {
		if err := s.RevokeAgent(t.Context(), "m1"); err != nil {
			t.Fatal(err)
		}
	}
	check(t, "an agent's key once revoked", whoami(t.Context(), url, agent, ""), unknown)
}

func TestSessions(t *testing.T) {
	now, active := time.Now(), true
	s, url := serve(t, Config{Keys: newKeys(t), Now: func() time.Time { return now }, TaskActive: func(string) bool { return active }})
	role := TaskRole{Account: account, TaskARN: "arn:aws:ecs:eu-west-1:" + account + ":task/default/0123abcd", RoleARN: "arn:aws:iam::" + account + ":role/team/app", Type: TaskApplication}
	session, other := s.IssueTask(role), s.IssueTask(role)
	if session.CredentialsID != other.CredentialsID || session.ID == other.ID || !strings.HasPrefix(session.ID, "ASIA") || len(session.ID) != 20 || len(session.Secret) != 40 {
		t.Errorf("issued %+v and %+v", session, other)
	}
	if until := session.Expires.Sub(now); until < 5*time.Hour || until > 6*time.Hour {
		t.Errorf("expires in %v", until)
	}
	check(t, "a session", whoami(t.Context(), url, session.Key, session.Token), account+" arn:aws:sts::"+account+":assumed-role/app/0123abcd AROA")
	check(t, "without its token", whoami(t.Context(), url, session.Key, ""), unknown)
	check(t, "with another's token", whoami(t.Context(), url, session.Key, other.Token), unknown)
	check(t, "with a token of nobody", whoami(t.Context(), url, session.Key, "AAAA"+session.Token[4:]), unknown)
	c, err := s.Lookup(t.Context(), session.ID, session.Token, nil)
	if err != nil || c.Caller.Kind != wire.Task || c.Caller.TaskARN != role.TaskARN {
		t.Errorf("caller: %+v, %v", c.Caller, err)
	}
	role.Type = TaskExecution
	execution := s.IssueTask(role)
	if c, err := s.Lookup(t.Context(), execution.ID, execution.Token, nil); err != nil || c.Caller.Kind != wire.Role || execution.CredentialsID == session.CredentialsID {
		t.Errorf("execution role: %+v, %v", c, err)
	}
	active = false
	check(t, "when the task has stopped", whoami(t.Context(), url, session.Key, session.Token), expired)
	check(t, "the execution role then", whoami(t.Context(), url, execution.Key, execution.Token), account+" arn:aws:sts::")
	active, now = true, now.Add(6*time.Hour)
	check(t, "after six hours", whoami(t.Context(), url, session.Key, session.Token), expired)
}

func TestKeysFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if _, err := ReadKeys(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("before the first start: %v", err)
	}
	first, err := OpenKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenKeys(path)
	if err != nil || again.Dev() != first.Dev() {
		t.Fatal(again, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), first.Dev().Secret) {
		t.Fatal("the file holds a derived secret", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(path); err == nil || !strings.Contains(err.Error(), "open to others") {
		t.Errorf("a file that others can read: %v", err)
	}
	for _, text := range []string{"", "{}", `{"format":2,"master":"AAAA"}`, "garbage"} {
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeys(path); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%q: %v", text, err)
		}
		if left, _ := os.ReadFile(path); string(left) != text {
			t.Errorf("a damaged file was replaced")
		}
	}
}

func TestTheWellKnownKeyIsForWhoStartedBerth(t *testing.T) {
	_, url := serve(t, Config{Keys: newKeys(t), TestUsers: Starter()})
	_, closed := serve(t, Config{Keys: newKeys(t)})
	client := func(url, cgroup string, user uint32) string {
		t.Helper()
		child := exec.Command(os.Args[0])
		if user != 0 {
			child = exec.Command("/proc/self/exe") // the binary's directory is not everyone's to enter
			child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		}
		child.Env = []string{"BERTH_TEST_IAM_CLIENT=" + url, "BERTH_TEST_IAM_CGROUP=" + cgroup}
		child.Stderr = os.Stderr
		out, err := child.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	check(t, "another process of the same user", client(url, "", 0), root)
	check(t, "where it is not allowed at all", client(closed, "", 0), unknown)
	check(t, "this process, as which tasks' requests arrive", whoami(t.Context(), url, testKey, ""), unknown)
	if os.Getuid() != 0 {
		t.Skip("the rest needs root")
	}
	check(t, "a user who is nobody here", client(url, "", 54321), unknown)
	check(t, "a process in a task's cgroup", client(url, newTaskCgroup(t), 0), unknown)
}

// newTaskCgroup makes a cgroup such as a task's, in the first hierarchy that there is.
func newTaskCgroup(t *testing.T) string {
	t.Helper()
	for _, base := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(base, "cgroup.procs")); err != nil {
			continue
		}
		instance := filepath.Join(base, "berth", fmt.Sprintf("iamtest%d", os.Getpid()))
		dir := filepath.Join(instance, "task", "0123abcd", "app")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			continue
		}
		t.Cleanup(func() {
			for path := dir; path != base; path = filepath.Dir(path) {
				os.Remove(path)
			}
		})
		return dir
	}
	t.Skip("no cgroup can be made here")
	return ""
}

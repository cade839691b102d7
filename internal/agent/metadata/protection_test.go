package metadata

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/berth-dev/berth/api/acs"
)

const protectionPath = "/api/" + taskID + "-0/task-protection/v1/state"

// protecting is a task's listener before a control plane that answers each request with an answer, and tells what it was asked.
func protecting(t *testing.T, status int, reply string) (*served, *[]string) {
	t.Helper()
	var asked []string
	s := serve(t, Task{ID: taskID, HasRole: true, Describe: func() Description {
		return Description{Cluster: "prod", TaskARN: "arn:task", Containers: []Container{{ID: taskID + "-0"}}}
	}})
	s.plane.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=ASIAEXAMPLE/") {
			operation = "of somebody else: " + operation
		}
		asked = append(asked, operation+" "+string(body))
		w.Header().Set("X-Amzn-Requestid", "request-1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, reply)
	})
	s.Region = "us-east-1"
	s.keyring.Set(taskID, acs.RoleTypeTaskApplication, &roleCredentials)
	return s, &asked
}

func TestATaskIsProtectedFromInside(t *testing.T) {
	const protected = `{"protectedTasks":[{"taskArn":"arn:task","protectionEnabled":true,"expirationDate":1795273047.5}],"failures":[]}`
	for _, c := range []struct {
		name, method, body string
		status             int
		reply              string
		asked              string
		answers            int
		want               string
	}{
		{"is it protected", "GET", "", 200, `{"protectedTasks":[{"taskArn":"arn:task","protectionEnabled":false}],"failures":[]}`,
			`GetTaskProtection {"cluster":"prod","tasks":["arn:task"]}`, 200, `{"protection":{"ExpirationDate":null,"ProtectionEnabled":false,"TaskArn":"arn:task"}}`},
		{"protect it", "PUT", `{"ProtectionEnabled":true}`, 200, protected,
			`UpdateTaskProtection {"cluster":"prod","tasks":["arn:task"],"protectionEnabled":true}`, 200,
			`{"protection":{"ExpirationDate":"2026-11-21T14:57:27.5Z","ProtectionEnabled":true,"TaskArn":"arn:task"}}`},
		{"for an hour", "PUT", `{"protectionEnabled":true,"ExpiresInMinutes":60}`, 200, protected,
			`UpdateTaskProtection {"cluster":"prod","tasks":["arn:task"],"protectionEnabled":true,"expiresInMinutes":60}`, 200,
			`{"protection":{"ExpirationDate":"2026-11-21T14:57:27.5Z","ProtectionEnabled":true,"TaskArn":"arn:task"}}`},
		{"no longer", "PUT", `{"ProtectionEnabled":false,"ExpiresInMinutes":60}`, 200, `{"protectedTasks":[{"taskArn":"arn:task","protectionEnabled":false}]}`,
			`UpdateTaskProtection {"cluster":"prod","tasks":["arn:task"],"protectionEnabled":false}`, 200,
			`{"protection":{"ExpirationDate":null,"ProtectionEnabled":false,"TaskArn":"arn:task"}}`},
		{"a task of no service", "PUT", `{"ProtectionEnabled":true}`, 200, `{"protectedTasks":[],"failures":[{"arn":"arn:task","reason":"TASK_NOT_VALID"}]}`,
			`UpdateTaskProtection {"cluster":"prod","tasks":["arn:task"],"protectionEnabled":true}`, 200,
			`{"failure":{"Arn":"arn:task","Detail":null,"Reason":"TASK_NOT_VALID"}}`},
		{"what the control plane refuses", "PUT", `{"ProtectionEnabled":true,"ExpiresInMinutes":-4}`, 400, `{"__type":"InvalidParameterException","message":"No."}`,
			`UpdateTaskProtection {"cluster":"prod","tasks":["arn:task"],"protectionEnabled":true,"expiresInMinutes":-4}`, 400,
			`{"requestID":"request-1","error":{"Arn":"arn:task","Code":"InvalidParameterException","Message":"No."}}`},
		{"without saying what", "PUT", `{}`, 200, protected, "", 400,
			`{"error":{"Arn":"arn:task","Code":"InvalidParameterException","Message":"Invalid request: does not contain 'ProtectionEnabled' field"}}`},
		{"with more than it knows", "PUT", `{"ProtectionEnabled":true,"Colour":"red"}`, 200, protected, "", 400,
			`{"error":{"Code":"InvalidParameterException","Message":"UpdateTaskProtection: failed to decode request"}}`},
		{"nothing", "PUT", "", 200, protected, "", 400, `{"error":{"Code":"InvalidParameterException","Message":"UpdateTaskProtection: failed to decode request"}}`},
		{"by another method", "POST", "", 200, protected, "", 405,
			`{"error":{"Arn":"arn:task","Code":"InvalidParameterException","Message":"The task's protection is read by GET and changed by PUT."}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, asked := protecting(t, c.status, c.reply)
			status, body, header := answered(t, s.request(t, c.method, protectionPath, c.body))
			if status != c.answers || body != c.want || header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %s", status, body)
			}
			if got := strings.Join(*asked, "\n"); got != c.asked {
				t.Errorf("the control plane was asked %q", got)
			}
		})
	}
}

func TestATaskWithoutARoleIsNotProtectedFromInside(t *testing.T) {
	s := serve(t, Task{ID: taskID, Describe: func() Description {
		return Description{TaskARN: "arn:task", Containers: []Container{{ID: taskID + "-0"}}}
	}})
	for path, want := range map[string]string{
		protectionPath: `{"error":{"Arn":"arn:task","Code":"AccessDeniedException","Message":"Invalid Request: no task IAM role credentials available for task"}}`,
		"/api/" + taskID + "-1/task-protection/v1/state": `{"error":{"Code":"ResourceNotFoundException","Message":"Failed to find a task for the request"}}`,
	} {
		if _, body, _ := answered(t, s.request(t, "GET", path, "")); body != want {
			t.Errorf("%s: %s", path, body)
		}
	}
}

func TestAProtectionWaitsForNoControlPlane(t *testing.T) {
	s, _ := protecting(t, 200, "")
	s.plane.Close()
	status, body, _ := answered(t, s.request(t, "PUT", protectionPath, `{"ProtectionEnabled":true}`))
	if want := `{"error":{"Arn":"arn:task","Code":"ServerException","Message":"Berth's control plane cannot be reached."}}`; status != 500 || body != want {
		t.Errorf("%d %s", status, body)
	}
}

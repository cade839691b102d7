package metadata

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// What a container asks at $ECS_AGENT_URI/task-protection/v1/state: whether its task is protected from being scaled in, and to
// protect it. The agent asks the control plane for it by the credentials of the task's role, and answers in the form of Amazon's
// agent.

// protectionTimeout is how long the control plane may take, and maxProtectionBody how long a request may be.
const (
	protectionTimeout = 4 * time.Second
	maxProtectionBody = 8 << 10
)

// wantedProtection is what a container asks for.
type wantedProtection struct {
	ProtectionEnabled *bool
	ExpiresInMinutes  *int32
}

// protectionAnswer has one of the three, and the id of a request that the control plane refused.
type protectionAnswer struct {
	RequestID  string             `json:"requestID,omitzero"`
	Protection *protection        `json:"protection,omitzero"`
	Failure    *protectionFailure `json:"failure,omitzero"`
	Error      *protectionError   `json:"error,omitzero"`
}

type protection struct {
	ExpirationDate    *time.Time
	ProtectionEnabled bool
	TaskArn           string
}

type protectionFailure struct {
	Arn    string
	Detail *string
	Reason string
}

type protectionError struct {
	Arn     string `json:",omitzero"` // of the task
	Code    string
	Message string
}

// fault is an answer that is an error.
func fault(arn, code, message string) protectionAnswer {
	return protectionAnswer{Error: &protectionError{arn, code, message}}
}

// answerProtection answers a container's GET and PUT.
func (s *Server) answerProtection(t Task, w http.ResponseWriter, r *http.Request, container string) {
	status, told := s.protection(t, r, container)
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, PUT")
	}
	answer(w, status, told)
}

func (s *Server) protection(t Task, r *http.Request, container string) (status int, told protectionAnswer) {
	d := t.Describe()
	if d.container(container) == nil {
		return http.StatusNotFound, fault("", ecs.ResourceNotFoundException, "Failed to find a task for the request")
	}
	var change *ecs.UpdateTaskProtectionRequest
	switch r.Method {
	case http.MethodGet:
	case http.MethodPut:
		var why *protectionError
		if change, why = changeOf(r, d); why != nil {
			return http.StatusBadRequest, protectionAnswer{Error: why}
		}
	default:
		return http.StatusMethodNotAllowed, fault(d.TaskARN, ecs.InvalidParameterException, "The task's protection is read by GET and changed by PUT.")
	}
	credentials, ok := s.credentials(r.Context(), t)
	if !ok {
		return http.StatusForbidden, fault(d.TaskARN, ecs.AccessDeniedException, "Invalid Request: no task IAM role credentials available for task")
	}
	ctx, cancel := context.WithTimeout(r.Context(), protectionTimeout)
	defer cancel()
	protected, failures, err := s.protect(ctx, credentials, d, change)
	switch {
	case err != nil:
		return protectionFault(ctx, d.TaskARN, err)
	case len(failures) == 1:
		return http.StatusOK, protectionAnswer{Failure: failureOf(failures[0])}
	case len(failures) == 0 && len(protected) == 1:
		return http.StatusOK, protectionAnswer{Protection: protectionOf(protected[0])}
	}
	return http.StatusInternalServerError, fault(d.TaskARN, ecs.ServerException, "Unexpected error occurred")
}

// changeOf reads what a container wants to change.
func changeOf(r *http.Request, d Description) (*ecs.UpdateTaskProtectionRequest, *protectionError) {
	var want wantedProtection
	body, err := io.ReadAll(io.LimitReader(r.Body, maxProtectionBody))
	if err == nil {
		err = json.Unmarshal(body, &want, json.MatchCaseInsensitiveNames(true), json.RejectUnknownMembers(true))
	}
	switch {
	case err != nil:
		return nil, &protectionError{Code: ecs.InvalidParameterException, Message: "UpdateTaskProtection: failed to decode request"}
	case want.ProtectionEnabled == nil:
		return nil, &protectionError{d.TaskARN, ecs.InvalidParameterException, "Invalid request: does not contain 'ProtectionEnabled' field"}
	}
	change := &ecs.UpdateTaskProtectionRequest{Cluster: d.Cluster, Tasks: []string{d.TaskARN}, ProtectionEnabled: *want.ProtectionEnabled}
	if *want.ProtectionEnabled {
		change.ExpiresInMinutes = want.ExpiresInMinutes
	}
	return change, nil
}

// protect asks the control plane, as the task's role, for the task's protection, or for a change of it.
func (s *Server) protect(ctx context.Context, as acs.IAMRoleCredentials, d Description, change *ecs.UpdateTaskProtectionRequest) ([]ecs.ProtectedTask, []ecs.Failure, error) {
	c := client.New(s.Endpoint.String(), client.Static(as.AccessKeyId, as.SecretAccessKey, as.SessionToken), s.Region)
	c.HTTP = &http.Client{Transport: s.Transport}
	if change != nil {
		out, err := client.Call(ctx, c, ecs.UpdateTaskProtection, change)
		if err != nil {
			return nil, nil, err
		}
		return out.ProtectedTasks, out.Failures, nil
	}
	out, err := client.Call(ctx, c, ecs.GetTaskProtection, &ecs.GetTaskProtectionRequest{Cluster: d.Cluster, Tasks: []string{d.TaskARN}})
	if err != nil {
		return nil, nil, err
	}
	return out.ProtectedTasks, out.Failures, nil
}

func protectionOf(p ecs.ProtectedTask) *protection {
	out := &protection{ProtectionEnabled: p.ProtectionEnabled, TaskArn: p.TaskArn}
	if at := p.ExpirationDate.Time; !at.IsZero() {
		out.ExpirationDate = &at
	}
	return out
}

func failureOf(f ecs.Failure) *protectionFailure {
	out := &protectionFailure{Arn: f.Arn, Reason: f.Reason}
	if f.Detail != "" {
		out.Detail = &f.Detail
	}
	return out
}

// protectionFault is the answer when the control plane refuses, or can't be asked.
func protectionFault(ctx context.Context, arn string, err error) (status int, told protectionAnswer) {
	var refused *client.Error
	switch {
	case errors.As(err, &refused):
		told = fault(arn, refused.Code, refused.Message)
		told.RequestID = refused.RequestID
		return refused.Status, told
	case ctx.Err() != nil:
		return http.StatusGatewayTimeout, fault(arn, "RequestCanceled", "Timed out calling ECS Task Protection API")
	}
	return http.StatusInternalServerError, fault(arn, ecs.ServerException, "Berth's control plane cannot be reached.")
}

// Package hook calls the lifecycle hooks of deployments: Lambda functions at an endpoint that the operator configures, and
// webhooks. Package service calls it; what a hook is called with and what it answers is ECS's:
//
//	{"executionDetails": {...}, "executionId": "...", "lifecycleStage": "POST_SCALE_UP", "resourceArn": "arn:aws:ecs:...", "hookDetails": {...}}
//	{"hookStatus": "SUCCEEDED"}
package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Event is what a hook is called with.
type Event struct {
	ExecutionDetails Details        `json:"executionDetails"`
	ExecutionID      string         `json:"executionId"` // the same for each call of one hook at one stage
	LifecycleStage   string         `json:"lifecycleStage"`
	ResourceARN      string         `json:"resourceArn"` // of the service deployment
	HookDetails      jsontext.Value `json:"hookDetails,omitzero"`
}

// Details say where a deployment is. Weights are percents, by the ARN of the service revision.
type Details struct {
	ServiceARN               string             `json:"serviceArn"`
	TargetServiceRevisionARN string             `json:"targetServiceRevisionArn"`
	TestTrafficWeights       map[string]float64 `json:"testTrafficWeights"`
	ProductionTrafficWeights map[string]float64 `json:"productionTrafficWeights"`
}

// The statuses that a hook answers.
const (
	Succeeded  = "SUCCEEDED"
	Failed     = "FAILED"
	InProgress = "IN_PROGRESS"
)

// Answer is what a hook answers. After is for how long one that is IN_PROGRESS wants to be left alone; Details, if there are any,
// are for its next call.
type Answer struct {
	Status  string
	After   time.Duration
	Details jsontext.Value
}

// delay is how long a hook that is IN_PROGRESS is left alone if it does not say.
const delay = 30 * time.Second

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 256 << 10

// Caller calls hooks. The zero value calls webhooks alone.
type Caller struct {
	// Lambda is the endpoint at which Lambda functions are invoked: "http://127.0.0.1:9001".
	Lambda string
	// Client is nil for one that waits 15 minutes at most, as long as a function may run, and follows no redirects.
	Client *http.Client
}

// ErrUnknownTarget says that a hook's target is neither a Lambda function, where those can be called, nor the URL of a webhook.
var ErrUnknownTarget = errors.New("unknown hook target")

// Check returns ErrUnknownTarget, with what could be done about it, for a target that can't be called.
func (c *Caller) Check(target string) error {
	_, err := c.address(target)
	return err
}

func (c *Caller) address(target string) (string, error) {
	if u, err := url.Parse(target); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return target, nil
	}
	if parts := strings.SplitN(target, ":", 7); len(parts) != 7 || parts[2] != "lambda" || parts[5] != "function" {
		return "", fmt.Errorf("%w: %s is neither the ARN of a Lambda function nor an http or https URL", ErrUnknownTarget, target)
	}
	if c.Lambda == "" {
		return "", fmt.Errorf("%w: Lambda functions are called where --forward lambda=URL says; nothing does", ErrUnknownTarget)
	}
	return strings.TrimSuffix(c.Lambda, "/") + "/2015-03-31/functions/" + url.PathEscape(target) + "/invocations", nil
}

// Call calls a hook and waits for its answer. An error says that it could not be asked, and may be asked again; a function that
// failed, or answered something else than a hook does, is an Answer with status FAILED.
func (c *Caller) Call(ctx context.Context, target string, event Event) (Answer, error) {
	to, err := c.address(target)
	if err != nil {
		return Answer{}, err
	}
	body, err := json.Marshal(event)
	if err != nil {
		return Answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client().Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return Answer{}, err
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return Answer{}, fmt.Errorf("the hook answered %s", resp.Status)
	case resp.StatusCode != http.StatusOK || resp.Header.Get("X-Amz-Function-Error") != "":
		return Answer{Status: Failed}, nil
	}
	return read(said), nil
}

var standard = &http.Client{Timeout: 15 * time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (c *Caller) client() *http.Client {
	if c.Client != nil {
		return c.Client
	}
	return standard
}

// read is what a hook means.
func read(said []byte) Answer {
	var a struct {
		HookStatus    string         `json:"hookStatus"`
		CallBackDelay *float64       `json:"callBackDelay"` // seconds
		HookDetails   jsontext.Value `json:"hookDetails"`
	}
	if err := json.Unmarshal(said, &a); err != nil {
		return Answer{Status: Failed}
	}
	out := Answer{Status: a.HookStatus, Details: a.HookDetails, After: delay}
	if a.CallBackDelay != nil {
		out.After = time.Duration(min(max(*a.CallBackDelay, 1), 24*60*60) * float64(time.Second))
	}
	if out.Status != Succeeded && out.Status != InProgress {
		out.Status = Failed
	}
	return out
}

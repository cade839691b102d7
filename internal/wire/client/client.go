// Package client calls AWS APIs over awsJson with the generated types: small,
// signed, typed. The agent talks to its control plane with it, and the berth
// command to a server. People use their own SDKs.
//
//	c := client.New(endpoint, client.Static(id, secret, ""), "us-east-1")
//	out, err := client.Call(ctx, c, ecs.RunTask, &ecs.RunTaskRequest{...})
package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/codec"
	"github.com/berth-dev/berth/internal/wire/sigv4"
)

// Error is an error that the other side answered. errors.As finds it in what
// Call and Do return.
type Error = codec.Error

// Client calls one endpoint in one region. Its fields may be changed before
// its first use; it may be used concurrently.
type Client struct {
	Endpoint    string // "http://127.0.0.1:4566"
	Region      string
	Credentials aws.CredentialsProvider
	HTTP        *http.Client
	Attempts    int              // of a call that may be repeated; 0 is 3
	Backoff     time.Duration    // before the second attempt, then doubled; 0 is 50 ms
	UserAgent   string           // empty: "berth"
	Now         func() time.Time // nil: time.Now

	signer *v4.Signer
}

// New returns a client for an endpoint, which is a URL without a path.
func New(endpoint string, creds aws.CredentialsProvider, region string) *Client {
	return &Client{
		Endpoint: strings.TrimSuffix(endpoint, "/"), Region: region, Credentials: creds,
		HTTP: &http.Client{}, signer: v4.NewSigner(),
	}
}

// Static is an access key as credentials. token may be empty.
func Static(accessKeyID, secret, token string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secret, SessionToken: token}, nil
	})
}

// maxAnswer bounds an answer's body.
const maxAnswer = 64 << 20

// Call calls an operation. An error that the service answered is an *Error.
// An operation is tried again when it never reached the server; one that only
// reads, also when the server failed or the connection broke.
func Call[In, Out any](ctx context.Context, c *Client, op schema.Op[In, Out], in *In) (*Out, error) {
	api := op.Service
	contentType, err := contentType(api)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(in, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil, fmt.Errorf("encoding the input of %s: %w", op.Name, err)
	}
	header := http.Header{"Content-Type": {contentType}, "X-Amz-Target": {api.TargetPrefix + "." + op.Name}}
	answer, err := c.retry(ctx, readOnly(api, op.Name), func() ([]byte, error) {
		return c.send(ctx, http.MethodPost, "/", api.SigningName, header, body)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op.Name, err)
	}
	out := new(Out)
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, out); err != nil {
			return nil, fmt.Errorf("decoding the answer of %s: %w", op.Name, err)
		}
	}
	return out, nil
}

// Do sends a signed request to one of Berth's own paths ("/_berth/reset") and
// returns the body of its answer; a status of 400 and above is an *Error.
func (c *Client) Do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	answer, err := c.retry(ctx, method == http.MethodGet, func() ([]byte, error) {
		return c.send(ctx, method, path, "berth", nil, body)
	})
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return answer, nil
}

// Stream sends a signed request whose body is read as it is sent, once, and is not part of the signature.
func (c *Client) Stream(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.Endpoint+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", c.userAgent())
	r.Header.Set("X-Amz-Content-Sha256", sigv4.UnsignedPayload)
	if err := c.sign(ctx, r, "berth", sigv4.UnsignedPayload); err != nil {
		return nil, err
	}
	answer, err := c.answer(r)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return answer, nil
}

// Sign signs a request for a service with the client's credentials: for
// connections that the caller makes itself, such as a websocket.
func (c *Client) Sign(ctx context.Context, r *http.Request, service string, body []byte) error {
	return c.sign(ctx, r, service, sigv4.PayloadHash(body))
}

func (c *Client) sign(ctx context.Context, r *http.Request, service, payloadHash string) error {
	creds, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("no credentials: %w", err)
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	return c.signer.SignHTTP(ctx, creds, r, payloadHash, service, c.Region, now())
}

// send makes one attempt.
func (c *Client) send(ctx context.Context, method, path, service string, header http.Header, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.Endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("User-Agent", c.userAgent())
	if err := c.Sign(ctx, r, service, body); err != nil {
		return nil, err
	}
	return c.answer(r)
}

// answer sends a signed request and reads what comes back.
func (c *Client) answer(r *http.Request) ([]byte, error) {
	resp, err := c.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode >= 400 {
		return nil, answeredError(resp, answer)
	}
	return answer, nil
}

func (c *Client) userAgent() string {
	if c.UserAgent != "" {
		return c.UserAgent
	}
	return "berth"
}

// contentType is that of the JSON protocol that a service speaks.
func contentType(api *schema.Service) (string, error) {
	switch {
	case slices.Contains(api.Protocols, schema.JSON11):
		return "application/x-amz-json-1.1", nil
	case slices.Contains(api.Protocols, schema.JSON10):
		return "application/x-amz-json-1.0", nil
	}
	return "", fmt.Errorf("client: %s does not speak JSON", api.ID)
}

func readOnly(api *schema.Service, name string) bool {
	i := slices.IndexFunc(api.Operations, func(o schema.Operation) bool { return o.Name == name })
	return i >= 0 && api.Operations[i].ReadOnly
}

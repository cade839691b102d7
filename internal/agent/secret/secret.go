// Package secret reads, on a task's behalf, the secrets that its definition refers to: from Parameter Store and from Secrets
// Manager, with the credentials of the task's execution role. internal/agent/task calls it when a task starts.
//
// What is read is returned and nothing else: no value is kept, written to disk or logged here. Errors name the reference and
// say what went wrong, in the words of the ECS agent, or in Fargate's for its tasks.
package secret

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/agent/retry"
	"github.com/berth-dev/berth/internal/agent/task"
	"github.com/berth-dev/berth/internal/wire/client"
)

// Config sets up a Reader.
type Config struct {
	Endpoint string       // of the control plane: "http://127.0.0.1:4566"
	HTTP     *http.Client // nil: http.DefaultClient
	// Patience is how long a service that does not answer, or fails, is tried. Default 1 minute.
	Patience time.Duration
}

// Reader reads secrets. Its methods may be called at the same time.
type Reader struct{ Config }

var _ task.Secrets = (*Reader)(nil)

// New returns a reader.
func New(cfg Config) *Reader {
	if cfg.HTTP == nil {
		cfg.HTTP = http.DefaultClient
	}
	if cfg.Patience == 0 {
		cfg.Patience = time.Minute
	}
	return &Reader{cfg}
}

// atOnce is how many requests one task has under way at a time.
const atOnce = 8

// Read returns the values of references. The first error ends it.
func (r *Reader) Read(ctx context.Context, of task.SecretsOf, refs []task.SecretRef) (map[task.SecretRef]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	values := map[task.SecretRef]string{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	turn := make(chan struct{}, atOnce)
	for _, b := range batches(refs) {
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			if ctx.Err() != nil {
				return
			}
			found, err := r.read(ctx, of, b)
			if err != nil {
				cancel(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for ref, value := range found {
				values[ref] = value
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return values, nil
}

// batch is what one request reads: up to ten parameters of a region, or one version of a secret.
type batch struct {
	provider acs.SecretProvider
	region   string
	refs     []task.SecretRef
	selector selector // of a secret
}

// batches groups references so that the fewest requests read them.
func batches(refs []task.SecretRef) (all []*batch) {
	type key struct {
		provider acs.SecretProvider
		region   string
		selector selector
	}
	open := map[key]*batch{}
	for _, ref := range refs {
		k := key{provider: ref.Provider, region: ref.Region}
		most := maxNames
		if ref.Provider == acs.SecretProviderAsm {
			k.selector, _ = selectorOf(ref.ValueFrom) // the request tells of an error
			k.selector.jsonKey, most = "", len(refs)
		}
		b := open[k]
		if b == nil || len(b.refs) == most {
			b = &batch{provider: ref.Provider, region: ref.Region, selector: k.selector}
			open[k], all = b, append(all, b)
		}
		b.refs = append(b.refs, ref)
	}
	return all
}

func (r *Reader) read(ctx context.Context, of task.SecretsOf, b *batch) (map[task.SecretRef]string, error) {
	attempt := &attempt{Reader: r, of: of, region: b.region}
	if b.provider == acs.SecretProviderAsm {
		return attempt.secret(ctx, b)
	}
	return attempt.parameters(ctx, b)
}

// attempt is one request, repeated until it is answered.
type attempt struct {
	*Reader
	of     task.SecretsOf
	region string
	tries  int
}

// errNoRole is why nothing can be read for a task without an execution role.
var errNoRole = errors.New("unable to find execution role credentials")

// call calls an operation with the execution role's credentials. When patience ends, its error is that of the last attempt which had one of
// its own.
func call[In, Out any](ctx context.Context, a *attempt, op schema.Op[In, Out], in *In) (*Out, error) {
	role, ok := a.of.Credentials(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case !ok:
		return nil, errNoRole
	}
	c := client.New(a.Endpoint, nil, a.region)
	c.HTTP, c.Attempts = a.HTTP, 1
	c.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		if renewed, ok := a.of.Credentials(ctx); ok {
			role = renewed
		}
		return aws.Credentials{AccessKeyID: role.AccessKeyId, SecretAccessKey: role.SecretAccessKey, SessionToken: role.SessionToken}, nil
	})
	patient, cancel := context.WithTimeoutCause(ctx, a.Patience, fmt.Errorf("there was no answer within %v", a.Patience))
	defer cancel()
	var why error
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		a.tries++
		out, err := client.Call(patient, c, op, in)
		if err == nil {
			return out, nil
		}
		if why == nil || patient.Err() == nil {
			why = err
		}
		if !mayPass(err) || !retry.Pause(patient, wait) {
			return nil, why
		}
	}
}

// How long is waited between attempts.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 5 * time.Second
)

// mayPass says that the same request may succeed later: nothing was answered, or that the service can't answer now.
func mayPass(err error) bool {
	var answered *client.Error
	if !errors.As(err, &answered) {
		return true
	}
	return answered.Status >= http.StatusInternalServerError || answered.Code == "ThrottlingException" || answered.Code == "ExpiredTokenException"
}

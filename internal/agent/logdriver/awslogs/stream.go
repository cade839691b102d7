package awslogs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/wire/client"
)

// Prepare checks the options, and makes the stream, and the group when awslogs-create-group says so. While the service
// can't be reached it goes on trying until ctx ends. Its error is what fails the task, in the words of AWS.
func (d *Driver) Prepare(ctx context.Context, s logdriver.Source) error {
	to, err := d.destination(s)
	if err != nil {
		return err
	}
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		err := to.create(ctx)
		switch {
		case err == nil:
			return nil
		case verdictOf(err) == retry:
			if !sleep(ctx, wait) {
				return err
			}
		case verdictOf(err) == denied && to.fallBack():
		default:
			return fmt.Errorf("create stream has been retried 1 times: failed to create Cloudwatch log stream: %s : exit status 1", words(err))
		}
	}
}

// words is an answered error as AWS's clients print it.
func words(err error) string {
	var answered *client.Error
	if errors.As(err, &answered) {
		return answered.Code + ": " + answered.Message
	}
	return err.Error()
}

// destination is the stream that a container's output goes to, and how it is reached.
type destination struct {
	options
	stream string
	client *client.Client
	own    aws.CredentialsProvider // the agent's
}

func (d *Driver) destination(s logdriver.Source) (*destination, error) {
	o, err := optionsOf(s)
	if err != nil {
		return nil, err
	}
	to := &destination{options: o, stream: streamOf(s), client: client.New(d.Endpoint, d.Credentials, o.region)}
	to.client.HTTP = d.HTTP
	if s.Credentials != nil {
		to.own = d.Credentials
		to.client.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			role, ok := s.Credentials(ctx)
			if !ok {
				return d.Credentials.Retrieve(ctx)
			}
			return aws.Credentials{AccessKeyID: role.AccessKeyId, SecretAccessKey: role.SecretAccessKey, SessionToken: role.SessionToken}, nil
		})
	}
	return to, nil
}

// fallBack makes the agent's own credentials take the place of the task's, which have ended before its output was shipped.
// It says whether there was anything to replace.
func (d *destination) fallBack() bool {
	if d.own == nil {
		return false
	}
	d.client.Credentials, d.own = d.own, nil
	return true
}

// create makes the stream, and the group if it may.
func (d *destination) create(ctx context.Context) error {
	err := d.createStream(ctx)
	if code(err) != logs.ResourceNotFoundException || !d.createGroup {
		return err
	}
	_, err = call(ctx, d, logs.CreateLogGroup, &logs.CreateLogGroupRequest{LogGroupName: d.group})
	if err != nil && code(err) != logs.ResourceAlreadyExistsException {
		return err
	}
	return d.createStream(ctx)
}

func (d *destination) createStream(ctx context.Context) error {
	_, err := call(ctx, d, logs.CreateLogStream, &logs.CreateLogStreamRequest{LogGroupName: d.group, LogStreamName: d.stream})
	if code(err) == logs.ResourceAlreadyExistsException {
		return nil
	}
	return err
}

// callTimeout bounds one call: a service that does not answer is as good as away.
const callTimeout = 30 * time.Second

func call[In, Out any](ctx context.Context, d *destination, op schema.Op[In, Out], in *In) (*Out, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return client.Call(ctx, d.client, op, in)
}

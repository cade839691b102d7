package errors

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	ec2 "github.com/berth-dev/berth/api/ec2"
	ecsapi "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/server"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire/client"
	"github.com/berth-dev/berth/test/plane"
)

// world is the control plane that cases are made ready in.
type world struct {
	t        *testing.T
	server   *server.Server
	endpoint string
	key      iam.Key
}

// prepare makes the calls that a case needs made, in its region.
func (w *world) prepare(c testcase, region string) (*variables, error) {
	v := &variables{named: map[string]string{"account": plane.Account, "region": region, "id": strings.Repeat("0", 32)}}
	scope := store.Scope{Account: plane.Account, Region: region}
	if err := w.server.VPC.EnsureDefault(w.t.Context(), scope); err != nil {
		return nil, err
	}
	remote := client.New(w.endpoint, client.Static(w.key.ID, w.key.Secret, ""), region)
	subnets, err := client.Call(w.t.Context(), remote, ec2.DescribeSubnets, &ec2.DescribeSubnetsRequest{})
	if err != nil {
		return nil, err
	}
	v.named["subnet"] = subnets.Subnets[0].SubnetId
	for _, g := range c.Given {
		if g.Connect != "" {
			if err := w.connect(v, scope, g.Connect); err != nil {
				return nil, fmt.Errorf("connect %s: %w", g.Connect, err)
			}
			continue
		}
		for n := range max(1, g.Times) {
			v.named["n"] = strconv.Itoa(n)
			in, err := v.fill(g.Input)
			if err != nil {
				return nil, fmt.Errorf("given %s: %w", g.Op, err)
			}
			out, err := client.Call(w.t.Context(), remote, schema.Op[jsontext.Value, any]{Service: &ecsapi.API, Name: g.Op}, &in)
			if err != nil {
				return nil, fmt.Errorf("given %s: %w", g.Op, err)
			}
			if n == 0 {
				v.answers = append(v.answers, *out)
			}
		}
	}
	return v, nil
}

// connect records that an instance's agent is there.
func (w *world) connect(v *variables, scope store.Scope, arn string) error {
	arn, err := v.expand(arn)
	if err != nil {
		return err
	}
	v.answers = append(v.answers, nil)
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	return w.server.ECS.AgentConnected(w.t.Context(), scope, id, "session", ecs.Agent{Version: "1.0.0"})
}

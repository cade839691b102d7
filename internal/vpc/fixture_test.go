package vpc

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

const account = "123456789012"

// keys are the fixture's access keys: each one's secret is itself.
type keys struct{}

func (keys) Lookup(_ context.Context, key, _ string, _ *http.Request) (wire.Credential, error) {
	return wire.Credential{Secret: key, Caller: wire.Caller{Account: account, AccessKeyID: key, Kind: wire.Root}}, nil
}

// fixture is the service behind a real wire server.
type fixture struct {
	testing.TB
	*Service
	scope store.Scope
	url   string
	clock atomic.Int64 // seconds
}

func newFixture(t testing.TB, region string) *fixture {
	t.Helper()
	f := &fixture{TB: t, scope: store.Scope{Account: account, Region: region}}
	f.openOn(store.Memory())
	server := wire.New(wire.Config{Credentials: keys{}})
	f.Register(server)
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	f.url = listener.URL
	return f
}

// openOn makes the service anew over a database.
func (f *fixture) openOn(db *store.DB) {
	f.Helper()
	f.Service = New(db, Config{Now: func() time.Time { return time.Unix(1_700_000_000+f.clock.Add(1), 0) }})
	if err := db.Start(f.Context()); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	if err := f.EnsureDefault(f.Context(), f.scope); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) client() *ec2.Client {
	return ec2.New(ec2.Options{Region: f.scope.Region, BaseEndpoint: aws.String(f.url),
		Credentials: credentials.NewStaticCredentialsProvider("key", "key", "")})
}

// subnet is the id of the default VPC's n-th subnet.
func (f *fixture) subnet(n int) string { return defaults(f.scope).subnets[n].ID }

// create makes an interface in a transaction of its own.
func (f *fixture) create(spec InterfaceSpec) (made Interface, err error) {
	err = f.db.Update(f.Context(), func(tx *store.Tx) (err error) {
		made, err = f.CreateInterface(tx, f.scope, spec)
		return err
	})
	return made, err
}

func (f *fixture) mustCreate(spec InterfaceSpec) Interface {
	f.Helper()
	made, err := f.create(spec)
	if err != nil {
		f.Fatal(err)
	}
	return made
}

func (f *fixture) delete(id string) {
	f.Helper()
	if err := f.db.Update(f.Context(), func(tx *store.Tx) error { return f.DeleteInterface(tx, f.scope, id) }); err != nil {
		f.Fatal(err)
	}
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

// wantCode fails the test unless err is an AWS error with that code.
func wantCode(t testing.TB, err error, want string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Package iam knows who calls: the access keys that Berth accepts and whom each stands for, and STS GetCallerIdentity.
// It is the wire server's Credentials; dispatch asks it for the credentials of tasks, cmd/berth for those of agents.
//
// No secret is stored in the database. One master key lies in a file of the data directory (mode 0600), and every secret is derived
// from it and the id of its access key. So a copy of the database, or a backup of it, gives nobody access.
//
//	the dev key      the account's root; its id is derived too, so it stays the same for the life of the data directory
//	an agent's key   one a machine, a row in the store that can be revoked
//	a task's session temporary; its token is sealed under the master key and says for which task and role it is and until
//	                 when, so issuing one writes nothing. It lasts six hours; that of the containers ends with the task
//	                 (Config.TaskActive), that of the execution role lets the agent finish its work for it
//	test/test        what emulators have taught people to use: the root too, but only on connections of root or of the user
//	                 who started Berth, and never of a task (see owner.go)
//
// A 12-digit access key id does not choose an account, as it does in some emulators: accounts are a boundary here.
package iam

import (
	"context"
	"crypto/cipher"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/berth-dev/berth/api/sts"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// Service knows the principals. It implements wire.Credentials.
type Service struct {
	config Config
	dev    Key
	sealer cipher.AEAD
	db     *store.DB
	agents *store.Table[agent]
	owners owners
}

var _ wire.Credentials = (*Service)(nil)

// Config sets up a Service.
type Config struct {
	Account string // 12 digits; the dev key's and the agents'
	Keys    Keys
	// TaskActive says whether a task's containers may still use their credentials. Nil: until they expire.
	TaskActive func(taskARN string) bool
	// TestUsers are the users whose local connections may use test/test: Starter() in dev mode, nobody on a server.
	TestUsers []uint32
	Now       func() time.Time // nil: time.Now
}

// New makes the service and declares its table: it comes before the DB starts.
func New(db *store.DB, config Config) *Service {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Service{
		config: config,
		dev:    config.Keys.Dev(),
		sealer: config.Keys.sealer(),
		db:     db,
		agents: store.NewTable[agent](db, "iam", "agent"),
		owners: owners{users: config.TestUsers},
	}
}

// Register adds STS to the server.
func (s *Service) Register(server *wire.Server) {
	wire.Handle(server.Service(&sts.API), sts.GetCallerIdentity, s.GetCallerIdentity)
}

// Lookup returns the secret of an access key and whom it stands for.
func (s *Service) Lookup(ctx context.Context, id, token string, r *http.Request) (wire.Credential, error) {
	switch {
	case strings.HasPrefix(id, sessionPrefix):
		return s.lookupSession(id, token)
	case token != "" && token != testKey.Secret:
		return wire.Credential{}, wire.ErrUnknownKey // only sessions have a token; people set a third "test" all the same
	case subtle.ConstantTimeCompare([]byte(id), []byte(s.dev.ID)) == 1:
		return s.root(s.dev), nil
	case id == testKey.ID && s.owners.allow(r):
		return s.root(testKey), nil
	}
	return s.lookupAgent(id)
}

// testKey is the well-known key.
var testKey = Key{ID: "test", Secret: "test"}

func (s *Service) root(key Key) wire.Credential {
	return wire.Credential{Secret: key.Secret, Caller: wire.Caller{
		Account:     s.config.Account,
		AccessKeyID: key.ID,
		ARN:         "arn:aws:iam::" + s.config.Account + ":root",
		UserID:      s.config.Account,
		Kind:        wire.Root,
	}}
}

// GetCallerIdentity tells a caller who it is.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityRequest) (*sts.GetCallerIdentityResponse, error) {
	caller := wire.CallerOf(ctx)
	return &sts.GetCallerIdentityResponse{Account: caller.Account, Arn: caller.ARN, UserId: caller.UserID}, nil
}

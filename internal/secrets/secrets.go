// Package secrets is what people keep from others: AWS Secrets Manager (package secretsmanager) and Parameter Store (package
// parameterstore) over one key, which lies beside the store (package seal). internal/server makes it.
//
// The key is found or drawn before anything is sealed with it, and a store that holds values of another key is told at the
// start: a key that was lost and silently replaced would be noticed only when a task needs a password.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/berth-dev/berth/internal/secrets/parameterstore"
	"github.com/berth-dev/berth/internal/secrets/seal"
	"github.com/berth-dev/berth/internal/secrets/secretsmanager"
	"github.com/berth-dev/berth/internal/store"
)

// ErrKeyLost is in the chain of the error of a start whose store holds values that its key does not open.
var ErrKeyLost = errors.New("the key of the secrets is lost")

// Service is both services.
type Service struct {
	Manager    *secretsmanager.Service
	Parameters *parameterstore.Service

	db      *store.DB
	givenUp *store.Table[givenUp]
	others  func() iter.Seq[[]byte]
	key     *seal.Key
	giveUp  bool
	log     *slog.Logger
	now     func() time.Time
}

// Config sets up a Service.
type Config struct {
	Key *seal.Key // nil: one that is gone with the process
	// GiveUp starts although values were sealed with a key that is not there, now and from then on. They stay listed and can't be read.
	GiveUp bool
	// Others yields what else is sealed with the key. Nil: nothing.
	Others func() iter.Seq[[]byte]
	Log    *slog.Logger     // nil: slog.Default()
	Now    func() time.Time // nil: time.Now
}

// New makes the services and declares their tables: it comes before the DB starts.
func New(db *store.DB, config Config) *Service {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	key := config.Key
	if key == nil {
		key = seal.Draw()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Service{
		Manager:    secretsmanager.New(db, secretsmanager.Config{Key: key, Log: config.Log, Now: config.Now}),
		Parameters: parameterstore.New(db, parameterstore.Config{Key: key, Log: config.Log, Now: config.Now}),
		db:         db, givenUp: store.NewTable[givenUp](db, "secrets", "givenup"),
		others: config.Others, key: key, giveUp: config.GiveUp, log: config.Log, now: config.Now,
	}
}

// Start sees that the key is the one that the store's values were sealed with, and writes a new one down. The DB has started, and
// nothing is asked yet.
func (s *Service) Start(ctx context.Context) error {
	lost := s.lost()
	values := 0
	for _, n := range lost {
		values += n
	}
	switch {
	case values > 0 && s.giveUp:
		s.log.Warn("values of Secrets Manager, Parameter Store and Certificate Manager can't be read: their key is lost, and they are given up", "values", values)
		if err := s.forget(ctx, lost); err != nil {
			return err
		}
	case values > 0 && s.key.Fresh():
		return fmt.Errorf("%w: %s is not there, and %d values of Secrets Manager, Parameter Store and Certificate Manager were encrypted with it; "+
			"put the file back from a backup, or give those values up by --give-up-secrets", ErrKeyLost, s.key.Path(), values)
	case values > 0:
		return fmt.Errorf("%w: %d values of Secrets Manager, Parameter Store and Certificate Manager were encrypted with another key than those in %s; "+
			"put the right file there from a backup, or give those values up by --give-up-secrets", ErrKeyLost, values, s.key.Path())
	}
	return s.key.Keep()
}

// givenUp is the row of a key whose values nobody hopes to read again; its id is the key's.
type givenUp struct {
	At time.Time `json:"at"`
}

// lost counts the values that don't open and were not given up, by the id of their key.
func (s *Service) lost() map[string]int {
	lost := map[string]int{}
	all := []iter.Seq[[]byte]{s.Manager.Sealed(), s.Parameters.Sealed()}
	if s.others != nil {
		all = append(all, s.others())
	}
	for _, values := range all {
		for sealed := range values {
			if s.key.Has(sealed) {
				continue
			}
			id := seal.KeyOf(sealed)
			if _, ok := s.givenUp.Get(store.Scope{}, id); !ok {
				lost[id]++
			}
		}
	}
	return lost
}

func (s *Service) forget(ctx context.Context, keys map[string]int) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		for id := range keys {
			if err := s.givenUp.Put(tx, store.Scope{}, id, &givenUp{At: s.now().UTC()}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Run removes what is deleted for good, until ctx ends.
func (s *Service) Run(ctx context.Context) { s.Manager.Run(ctx) }

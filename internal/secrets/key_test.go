package secrets_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	managerapi "github.com/berth-dev/berth/api/secretsmanager"
	ssmapi "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/secrets"
	"github.com/berth-dev/berth/internal/secrets/seal"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/store/etcd"
	"github.com/berth-dev/berth/internal/wire"
)

// disk is a data directory: the state and, beside it, the key.
type disk struct {
	*testing.T
	dir string
}

func (d disk) key() string { return filepath.Join(d.dir, "secrets-key") }

// open starts the services over what is on disk. They end with closed.
func (d disk) open(giveUp bool) (s *secrets.Service, closed func(), err error) {
	d.Helper()
	_, err = os.Stat(filepath.Join(d.dir, "etcd"))
	db, err := etcd.Open(d.Context(), etcd.Config{Dir: filepath.Join(d.dir, "etcd"), Fresh: err != nil, Instance: "5ec2e700", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		d.Fatal(err)
	}
	closed = func() { db.Close() }
	key, err := seal.OpenFile(d.key())
	if err != nil {
		d.Fatal(err)
	}
	s = secrets.New(db, secrets.Config{Key: key, GiveUp: giveUp, Log: slog.New(slog.DiscardHandler)})
	if err := db.Start(d.Context()); err != nil {
		d.Fatal(err)
	}
	return s, closed, s.Start(d.Context())
}

// life is one life of the services.
func (d disk) life(giveUp bool, story func(s *secrets.Service)) {
	d.Helper()
	s, closed, err := d.open(giveUp)
	defer closed()
	if err != nil {
		d.Fatal(err)
	}
	story(s)
}

const hush = "hush-hush-plaintext"

func TestTheStateAloneTellsNoValue(t *testing.T) {
	d := disk{t, t.TempDir()}
	ctx := wire.WithCaller(t.Context(), wire.Caller{Account: account, Region: "eu-west-1"})
	read := func(s *secrets.Service) error {
		_, err := s.Manager.GetSecretValue(ctx, &managerapi.GetSecretValueRequest{SecretId: "db"})
		_, err2 := s.Parameters.GetParameter(ctx, &ssmapi.GetParameterRequest{Name: "p:1"})
		return errors.Join(err, err2)
	}
	d.life(false, func(s *secrets.Service) {
		must(s.Manager.CreateSecret(ctx, &managerapi.CreateSecretRequest{Name: "db", SecretString: hush}))(t)
		must(s.Manager.PutSecretValue(ctx, &managerapi.PutSecretValueRequest{SecretId: "db", SecretBinary: []byte(hush)}))(t)
		for _, kind := range []ssmapi.ParameterType{ssmapi.ParameterTypeString, ssmapi.ParameterTypeSecureString} {
			must(s.Parameters.PutParameter(ctx, &ssmapi.PutParameterRequest{Name: "p", Value: hush, Type: kind, Overwrite: new(true)}))(t)
		}
		if err := read(s); err != nil {
			t.Error(err)
		}
	})
	found := 0
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(hush)) {
			t.Errorf("%s tells a value", path)
		}
		if bytes.Contains(content, []byte("secretsmanager/secret/db")) {
			found++
		}
		return err
	})
	if err != nil || found == 0 {
		t.Fatalf("the state was not looked through: %v", err)
	}
	d.life(false, func(s *secrets.Service) {
		if err := read(s); err != nil {
			t.Errorf("after a restart: %v", err)
		}
	})
}

func TestALostKeyIsTold(t *testing.T) {
	d := disk{t, t.TempDir()}
	ctx := wire.WithCaller(t.Context(), wire.Caller{Account: account, Region: "eu-west-1"})
	d.life(false, func(s *secrets.Service) {
		must(s.Manager.CreateSecret(ctx, &managerapi.CreateSecretRequest{Name: "db", SecretString: hush}))(t)
		must(s.Parameters.PutParameter(ctx, &ssmapi.PutParameterRequest{Name: "p", Value: hush, Type: ssmapi.ParameterTypeString}))(t)
	})
	saved := d.key() + ".saved"
	if err := os.Rename(d.key(), saved); err != nil {
		t.Fatal(err)
	}
	refusal := func(what, text string) {
		t.Helper()
		_, closed, err := d.open(false)
		closed()
		if !errors.Is(err, secrets.ErrKeyLost) || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), d.key()) || !strings.Contains(err.Error(), "2 values") {
			t.Errorf("%s: %v", what, err)
		}
	}
	refusal("no key", "is not there")
	if _, err := os.Stat(d.key()); !errors.Is(err, fs.ErrNotExist) {
		t.Error("another key was made in its place")
	}
	other, err := seal.OpenFile(d.key())
	if err == nil {
		err = other.Keep()
	}
	if err != nil {
		t.Fatal(err)
	}
	refusal("another key", "encrypted with another key")
	for _, giveUp := range []bool{true, false} { // it is asked for once
		d.life(giveUp, func(s *secrets.Service) {
			_, err := s.Manager.GetSecretValue(ctx, &managerapi.GetSecretValueRequest{SecretId: "db"})
			if coded, ok := errors.AsType[*wire.Error](err); !ok || coded.Code != managerapi.DecryptionFailure {
				t.Errorf("a secret that was given up: %v", err)
			}
			_, err = s.Parameters.GetParameter(ctx, &ssmapi.GetParameterRequest{Name: "p"})
			if coded, ok := errors.AsType[*wire.Error](err); !ok || coded.Code != ssmapi.InvalidKeyId {
				t.Errorf("a parameter that was given up: %v", err)
			}
		})
	}
	d.life(false, func(s *secrets.Service) {
		must(s.Manager.PutSecretValue(ctx, &managerapi.PutSecretValueRequest{SecretId: "db", SecretString: "new"}))(t)
		if got := must(s.Manager.GetSecretValue(ctx, &managerapi.GetSecretValueRequest{SecretId: "db"}))(t); got.SecretString != "new" {
			t.Errorf("its new value is %q", got.SecretString)
		}
		must(s.Manager.DeleteSecret(ctx, &managerapi.DeleteSecretRequest{SecretId: "db", ForceDeleteWithoutRecovery: new(true)}))(t)
	})
	if err := os.Rename(saved, d.key()); err != nil {
		t.Fatal(err)
	}
	d.life(false, func(s *secrets.Service) {
		if got := must(s.Parameters.GetParameter(ctx, &ssmapi.GetParameterRequest{Name: "p"}))(t).Parameter; got.Value != hush {
			t.Errorf("with the key put back: %q", got.Value)
		}
	})
}

// TestAValueBelongsToItsSecret opens a value elsewhere than where it lies, as if somebody had moved it who can write to the state and has no key.
func TestAValueBelongsToItsSecret(t *testing.T) {
	key := seal.Draw()
	db := store.Memory()
	s := secrets.New(db, secrets.Config{Key: key, Log: slog.New(slog.DiscardHandler)})
	if err := errors.Join(db.Start(t.Context()), s.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx := wire.WithCaller(t.Context(), wire.Caller{Account: account, Region: "eu-west-1"})
	made := must(s.Manager.CreateSecret(ctx, &managerapi.CreateSecretRequest{Name: "db", SecretString: hush}))(t)
	for sealed := range s.Manager.Sealed() {
		if _, err := key.Open(sealed, "secretsmanager "+made.ARN+" "+made.VersionId); err != nil {
			t.Errorf("at its place: %v", err)
		}
		if _, err := key.Open(sealed, "secretsmanager "+made.ARN+" another"); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("as another version: %v", err)
		}
	}
}

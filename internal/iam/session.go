package iam

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/berth-dev/berth/internal/wire"
)

// RoleType is what a task's role is for, in the words of the agent protocol.
type RoleType string

// The role types.
const (
	TaskApplication RoleType = "TaskApplication" // the containers' own
	TaskExecution   RoleType = "TaskExecution"   // the agent's on the task's behalf: images, logs, secrets
)

// TaskRole names a role that a task has.
type TaskRole struct {
	Account string
	TaskARN string
	RoleARN string
	Type    RoleType
}

// Session is a task's temporary credentials.
type Session struct {
	CredentialsID string // names the role to the agent: the same for every session of one role of one task, and not to be guessed
	Key
	Token   string
	Expires time.Time
}

const (
	sessionPrefix = "ASIA"
	sessionLife   = 6 * time.Hour // dispatch renews it in time
)

// sealed is what a session token holds.
type sealed struct {
	ID      string   `json:"id"` // of the access key
	Account string   `json:"account"`
	Task    string   `json:"task"`
	Role    string   `json:"role"`
	Type    RoleType `json:"type"`
	Expires int64    `json:"expires"` // Unix seconds
}

// IssueTask makes a session for a role of a task. It stores nothing: calling it again renews.
func (s *Service) IssueTask(role TaskRole) Session {
	var random [10]byte
	rand.Read(random[:])
	id := sessionPrefix + base32.StdEncoding.EncodeToString(random[:])
	expires := s.config.Now().Add(sessionLife).Truncate(time.Second)
	text, err := json.Marshal(sealed{ID: id, Account: role.Account, Task: role.TaskARN, Role: role.RoleARN, Type: role.Type, Expires: expires.Unix()})
	if err != nil {
		panic(err) // strings and a number
	}
	return Session{
		CredentialsID: uuid.UUID(s.config.Keys.derive("credentials", string(role.Type)+"\x00"+role.TaskARN)[:16]).String(),
		Key:           Key{ID: id, Secret: s.config.Keys.secret(id)},
		Token:         base64.StdEncoding.EncodeToString(s.sealer.Seal(nil, nil, text, nil)),
		Expires:       expires.UTC(),
	}
}

// sealer encrypts session tokens, and shows whether a token is ours.
func (k Keys) sealer() cipher.AEAD {
	block, err := aes.NewCipher(k.derive("seal", "session"))
	if err != nil {
		panic(err) // of a key of another size
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

var errToken = errors.New("not a session token")

// open reads a session token.
func (s *Service) open(token string) (sealed, error) {
	var in sealed
	text, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return in, errToken
	}
	text, err = s.sealer.Open(nil, nil, text, nil)
	if err != nil {
		return in, errToken
	}
	return in, json.Unmarshal(text, &in)
}

func (s *Service) lookupSession(id, token string) (wire.Credential, error) {
	in, err := s.open(token)
	switch {
	case err != nil || in.ID != id:
		return wire.Credential{}, wire.ErrUnknownKey
	case s.config.Now().Unix() >= in.Expires:
		return wire.Credential{}, wire.ErrExpiredToken
	case in.Type == TaskApplication && s.config.TaskActive != nil && !s.config.TaskActive(in.Task):
		return wire.Credential{}, wire.ErrExpiredToken
	}
	role, session := lastPart(in.Role), lastPart(in.Task)
	kind := wire.Role
	if in.Type == TaskApplication {
		kind = wire.Task
	}
	return wire.Credential{Secret: s.config.Keys.secret(id), Caller: wire.Caller{
		Account:     in.Account,
		AccessKeyID: id,
		ARN:         "arn:aws:sts::" + in.Account + ":assumed-role/" + role + "/" + session,
		UserID:      s.roleID(in.Role) + ":" + session,
		Kind:        kind,
		TaskARN:     in.Task,
	}}, nil
}

// roleID is the unique id of a role, of the form that AWS's have.
func (s *Service) roleID(arn string) string {
	return "AROA" + base32.StdEncoding.EncodeToString(s.config.Keys.derive("role", arn))[:17]
}

// lastPart is what follows the last slash: a role's name without its path, a task's id.
func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

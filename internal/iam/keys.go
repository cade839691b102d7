package iam

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/instance"
)

// Key is an access key.
type Key struct{ ID, Secret string }

// Keys is the master key, from which all others are derived. Whoever has it is root.
type Keys struct{ master []byte }

// masterSize is the size of the master key in bytes.
const masterSize = 32

// keysFile is the file as JSON.
type keysFile struct {
	Format int    `json:"format"` // 1
	Master []byte `json:"master"`
}

// OpenKeys reads the master key, or makes one when the file is absent. A file that others than its owner may read, or that
// can't be understood, is refused: a new key would lock out everyone who has the old.
func OpenKeys(path string) (Keys, error) {
	keys, err := ReadKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	keys = Keys{master: make([]byte, masterSize)}
	rand.Read(keys.master)
	text, err := json.Marshal(keysFile{Format: 1, Master: keys.master})
	if err != nil {
		return Keys{}, err
	}
	if err := instance.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return Keys{}, fmt.Errorf("make the keys: %w", err)
	}
	return keys, nil
}

// ReadKeys reads the master key; fs.ErrNotExist before Berth's first start.
func ReadKeys(path string) (Keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Keys{}, fmt.Errorf("read the keys: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Keys{}, fmt.Errorf("read the keys: %s is open to others (mode %04o): whoever has read it is root here; chmod 600 it, or delete it for new keys", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Keys{}, fmt.Errorf("read the keys: %w", err)
	}
	var file keysFile
	if err := json.Unmarshal(text, &file); err != nil || file.Format != 1 || len(file.Master) != masterSize {
		return Keys{}, fmt.Errorf("read the keys: %s is damaged, or of a later version; delete it for new keys", path)
	}
	return Keys{master: file.Master}, nil
}

// Dev returns the key of the account's root.
func (k Keys) Dev() Key { return k.named("AKIA", "dev") }

// named returns the long-lived key of something that has a name.
func (k Keys) named(prefix, name string) Key {
	id := prefix + base32.StdEncoding.EncodeToString(k.derive("id", name))[:16]
	return Key{ID: id, Secret: k.secret(id)}
}

// secret is the secret of an access key: 40 characters, as AWS's are.
func (k Keys) secret(id string) string {
	return base64.StdEncoding.EncodeToString(k.derive("secret", id))[:40]
}

// derive makes 32 bytes for a purpose and a name, from which nothing is learnt of any others.
func (k Keys) derive(purpose, name string) []byte {
	mac := hmac.New(sha256.New, k.master)
	fmt.Fprintf(mac, "berth %s\x00%s", purpose, name)
	return mac.Sum(nil)
}

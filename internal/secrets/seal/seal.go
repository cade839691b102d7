// Package seal encrypts the values of secrets before they go to the store, under a key that is not there: a store that
// somebody copies, or a backup of it, says nothing without the key's file. internal/secrets opens the key; the services
// below it seal and open values.
//
// The key is a keyset of Tink (github.com/tink-crypto/tink-go): its file may hold several keys, of which the primary one
// seals, and each sealed value begins with the id of the key that it was sealed under. So a key is replaced by adding
// another and making that primary; what the older one sealed stays readable for as long as it is in the file.
package seal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Errors of Open.
var (
	// ErrOtherKey: the value was sealed under a key that is not in the file.
	ErrOtherKey = errors.New("it was encrypted with a key that this Berth does not have")
	// ErrDamaged: the value was changed since it was sealed, or is not the one that it is said to be.
	ErrDamaged = errors.New("it is damaged")
)

// Key seals values and opens them. Its methods may be called at the same time.
type Key struct {
	aead tink.AEAD
	ids  map[uint32]bool
	path string
	text []byte // of a file that is still to be written
}

// Draw makes a key that is gone with the process.
func Draw() *Key {
	k, err := drawn("")
	if err != nil {
		panic(err) // of an algorithm that is not there
	}
	k.text = nil
	return k
}

func keyOf(handle *keyset.Handle) (*Key, error) {
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, err
	}
	k := &Key{aead: primitive, ids: map[uint32]bool{}}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, err
		}
		if entry.KeyStatus() == keyset.Enabled {
			k.ids[entry.KeyID()] = true
		}
	}
	return k, nil
}

// Seal encrypts a value. about says what it is the value of, and so must whoever opens it: a value that is moved to
// another place of the store does not open there.
func (k *Key) Seal(value []byte, about string) ([]byte, error) {
	return k.aead.Encrypt(value, []byte(about))
}

// Open is the value that was sealed. The error is ErrOtherKey or ErrDamaged.
func (k *Key) Open(sealed []byte, about string) ([]byte, error) {
	value, err := k.aead.Decrypt(sealed, []byte(about))
	switch {
	case err == nil:
		return value, nil
	case !k.Has(sealed):
		return nil, ErrOtherKey
	}
	return nil, ErrDamaged
}

// Has says whether the key that a value was sealed under is here.
func (k *Key) Has(sealed []byte) bool {
	id, ok := keyID(sealed)
	return ok && k.ids[id]
}

// KeyOf names the key that a value was sealed under.
func KeyOf(sealed []byte) string {
	id, ok := keyID(sealed)
	if !ok {
		return "none"
	}
	return fmt.Sprintf("%08x", id)
}

// keyID reads the prefix that Tink gives to what it encrypts: a one, then the key's id.
func keyID(sealed []byte) (id uint32, ok bool) {
	if len(sealed) < 5 || sealed[0] != 1 {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[1:]), true
}

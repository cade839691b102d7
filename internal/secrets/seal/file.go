package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/berth-dev/berth/internal/instance"
)

// OpenFile reads the key from a file: a keyset of Tink in JSON, as tinkey writes it. Without a file it draws a key, which Keep
// writes down. A file that others than its owner may read, or that can't be understood, is refused.
func OpenFile(path string) (*Key, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return drawn(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of the secrets: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("read the key of the secrets: %s is open to others (mode %04o): whoever has read it can read all secrets of a copied store; chmod 600 it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key of the secrets: %w", err)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, fmt.Errorf("read the key of the secrets: %s is damaged, or no Tink keyset: %w; put it back from a backup", path, err)
	}
	k, err := keyOf(handle)
	if err != nil {
		return nil, fmt.Errorf("read the key of the secrets: the keyset in %s is not one that encrypts values (AEAD): %w", path, err)
	}
	k.path = path
	return k, nil
}

// drawn is a new key, which is still to be written.
func drawn(path string) (*Key, error) {
	handle, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	k, err := keyOf(handle)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	k.path, k.text = path, append(text.Bytes(), '\n')
	return k, nil
}

// Path is where the key lies; empty for one that is gone with the process.
func (k *Key) Path() string { return k.path }

// Fresh says that the key was drawn and is not written down yet: nothing may be sealed with it before Keep.
func (k *Key) Fresh() bool { return k.text != nil }

// Keep writes a fresh key to its file, for its owner alone. It comes before the first use of the key.
func (k *Key) Keep() error {
	if k.text == nil {
		return nil
	}
	if err := instance.WriteFile(k.path, k.text, 0o600); err != nil {
		return fmt.Errorf("write the key of the secrets: %w", err)
	}
	k.text = nil
	return nil
}

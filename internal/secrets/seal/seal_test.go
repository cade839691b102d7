package seal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// kept is a key whose file is written.
func kept(t *testing.T, path string) *Key {
	t.Helper()
	k, err := OpenFile(path)
	if err == nil {
		err = k.Keep()
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAValueOpensWhereItWasSealedAndNowhereElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	first := kept(t, path)
	sealed, err := first.Seal([]byte("hush"), "the password")
	if err != nil || bytes.Contains(sealed, []byte("hush")) {
		t.Fatal(sealed, err)
	}
	again := kept(t, path)
	if value, err := again.Open(sealed, "the password"); err != nil || string(value) != "hush" {
		t.Errorf("opened %q, %v", value, err)
	}
	if _, err := again.Open(sealed, "another password"); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened as another's: %v", err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if value, err := again.Open(changed, "the password"); err == nil {
			t.Errorf("opened with byte %d changed: %q", i, value)
		}
	}
	other := kept(t, filepath.Join(t.TempDir(), "key"))
	if _, err := other.Open(sealed, "the password"); !errors.Is(err, ErrOtherKey) || other.Has(sealed) || !first.Has(sealed) {
		t.Errorf("another key: %v", err)
	}
}

func TestAKeyIsWrittenDownOnlyWhenItIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	k, err := OpenFile(path)
	if err != nil || !k.Fresh() {
		t.Fatal(k, err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is there before Keep")
	}
	if err := k.Keep(); err != nil || k.Fresh() {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	if again := kept(t, path); again.Fresh() {
		t.Error("a key that is in a file is not fresh")
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	kept(t, path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"others may read it", string(good), 0o640, "open to others"},
		{"it is empty", "", 0o600, "damaged"},
		{"it is cut short", string(good[:len(good)/2]), 0o600, "damaged"},
		{"it is something else", `{"primaryKeyId": 1}`, 0o600, "damaged"},
	} {
		if err := errors.Join(os.WriteFile(path, []byte(c.text), c.mode), os.Chmod(path, c.mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenFile(path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", c.name, err)
		}
		if left, _ := os.ReadFile(path); string(left) != c.text {
			t.Errorf("%s: it was replaced", c.name)
		}
	}
}

// TestAnOlderKeyStillOpens rotates a key as tinkey does: another one becomes primary.
func TestAnOlderKeyStillOpens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	sealed, err := kept(t, path).Seal([]byte("old"), "it")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	rotation := keyset.NewManagerFromHandle(handle)
	id, err := rotation.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = rotation.SetPrimary(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	if handle, err = rotation.Handle(); err != nil {
		t.Fatal(err)
	}
	var rotated bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&rotated)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, rotated.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	k := kept(t, path)
	if value, err := k.Open(sealed, "it"); err != nil || string(value) != "old" {
		t.Errorf("what the older key sealed: %q, %v", value, err)
	}
	fresh, err := k.Seal([]byte("new"), "it")
	if err != nil {
		t.Fatal(err)
	}
	if used, _ := keyID(fresh); used != id {
		t.Errorf("sealed with key %d, want the primary %d", used, id)
	}
}

func FuzzOpen(f *testing.F) {
	k := Draw()
	sealed, err := k.Seal([]byte("v"), "it")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if value, err := k.Open(b, "it"); err == nil && !bytes.Equal(b, sealed) {
			t.Errorf("opened %x as %q", b, value)
		}
	})
}

package instance

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// record is instance.json.
type record struct {
	Format  int            `json:"format"`
	ID      string         `json:"instance"`
	Parts   []string       `json:"parts,omitzero"` // what Begin noted
	Unknown jsontext.Value `json:",embed"`         // members of another release, kept
}

const recordName = "instance.json"

var idPattern = regexp.MustCompile(`^[0-9a-f]{8}$`)

const whatNow = "restore the directory from a backup, or delete it as a whole to begin anew without what it held"

// readRecord reads a directory's record: ErrNone when it has none.
func readRecord(dir string) (r record, err error) {
	path := filepath.Join(dir, recordName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%s: %w", dir, ErrNone)
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%w: %s: %w; %s", ErrDamaged, path, err, whatNow)
	}
	if r.Format > Format {
		return r, fmt.Errorf("%w: %s has format %d and this one reads up to %d; run the version that wrote it, or a later one", ErrTooNew, dir, r.Format, Format)
	}
	if !idPattern.MatchString(r.ID) || r.Format < 1 {
		return r, fmt.Errorf("%w: %s has no valid id and format (%q, %d); %s", ErrDamaged, path, r.ID, r.Format, whatNow)
	}
	return r, nil
}

func (r record) write(dir string) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return WriteFile(filepath.Join(dir, recordName), append(data, '\n'), 0o600)
}

// vacant refuses a directory in which no instance can begin: one that holds more than what a first start leaves when it is cut short.
func vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case slices.Contains([]string{"lock", recordName + ".new", "lost+found"}, e.Name()):
		case slices.Contains([]string{"etcd", "logs", "history", "keys", "secrets-key", "agent", "bin"}, e.Name()):
			return fmt.Errorf("%w: %s has %s and no %s; %s", ErrDamaged, dir, e.Name(), recordName, whatNow)
		default:
			return fmt.Errorf("%w: %s has %s and no %s; choose an empty one by --data-dir", ErrForeign, dir, e.Name(), recordName)
		}
	}
	return nil
}

// create begins a data directory.
func create(dir string) (record, error) {
	var id [4]byte
	rand.Read(id[:])
	r := record{Format: Format, ID: hex.EncodeToString(id[:])}
	return r, r.write(dir)
}

// Began tells whether Begin has noted that part. Its absence from the disk is damage then, and no first start.
func (in *Instance) Began(part string) bool { return slices.Contains(in.record.Parts, part) }

// Begin notes durably that a part of the data ("etcd") was made and is whole. It is for the owner of an open instance.
func (in *Instance) Begin(part string) error {
	if in.Began(part) {
		return nil
	}
	next := in.record
	next.Parts = append(slices.Clip(next.Parts), part)
	if err := next.write(in.Dir); err != nil {
		return fmt.Errorf("note that %s was begun: %w", part, err)
	}
	in.record = next
	return nil
}

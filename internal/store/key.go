package store

import (
	"fmt"
	"strings"
)

// Root is the prefix of every key of this layout.
const Root = "/berth/v1/"

// Scope is whose a row is. Nothing is shared between accounts or regions: every read and write names its scope.
// Rows of a whole account have no Region; rows of the whole installation have neither.
type Scope struct {
	Account, Region string
}

// String is the scope as it stands in keys: "account/region", with "-" for what is not set.
func (s Scope) String() string {
	return or(s.Account) + "/" + or(s.Region)
}

func or(part string) string {
	if part == "" {
		return "-"
	}
	return part
}

func part(key string) string {
	if key == "-" {
		return ""
	}
	return key
}

// appendPrefix appends "/berth/v1/<account>/<region>/<service>/<kind>/": what the keys of a table's rows in one scope begin with.
func appendPrefix(b []byte, s Scope, name string) []byte {
	b = append(b, Root...)
	b = append(b, or(s.Account)...)
	b = append(b, '/')
	b = append(b, or(s.Region)...)
	b = append(b, '/')
	b = append(b, name...)
	return append(b, '/')
}

func prefixOf(s Scope, name string) string {
	return string(appendPrefix(make([]byte, 0, 64), s, name))
}

// splitKey takes a row's key apart: its scope, its table ("service/kind") and its id, which may hold slashes of its own.
func splitKey(key string) (scope Scope, table, id string, ok bool) {
	rest, ok := strings.CutPrefix(key, Root)
	if !ok {
		return Scope{}, "", "", false
	}
	account, rest, ok1 := strings.Cut(rest, "/")
	region, rest, ok2 := strings.Cut(rest, "/")
	slash := strings.IndexByte(rest, '/')
	if !ok1 || !ok2 || slash < 0 {
		return Scope{}, "", "", false
	}
	end := strings.IndexByte(rest[slash+1:], '/')
	if end < 0 {
		return Scope{}, "", "", false
	}
	end += slash + 1
	return Scope{part(account), part(region)}, rest[:end], rest[end+1:], rest[end+1:] != ""
}

// checkID refuses what can't stand in a key.
func checkID(s Scope, table, id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%s: a row needs an id", table)
	case strings.ContainsAny(s.Account, "/\x00") || strings.ContainsAny(s.Region, "/\x00"):
		return fmt.Errorf("%s %q: the scope %q holds a slash", table, id, s)
	case strings.IndexByte(id, 0) >= 0:
		return fmt.Errorf("%s %q: the id holds a zero byte", table, id)
	}
	return nil
}

// afterPrefix is the first key beyond all that begin with prefix.
func afterPrefix(prefix string) string {
	return prefix[:len(prefix)-1] + string(prefix[len(prefix)-1]+1)
}

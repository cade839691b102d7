package elb

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	"github.com/berth-dev/berth/internal/store"
)

// The kinds of things that have an ARN: what stands before their ids.
const (
	kindBalancer = "loadbalancer/"
	kindGroup    = "targetgroup/"
	kindListener = "listener/"
	kindRule     = "listener-rule/"
)

// arnOf is the ARN of a thing by its id.
func arnOf(scope store.Scope, kind, id string) string {
	return "arn:aws:elasticloadbalancing:" + scope.Region + ":" + scope.Account + ":" + kind + id
}

// slashes is how many slashes the ids of each kind have.
var slashes = map[string]int{kindBalancer: 2, kindGroup: 1, kindListener: 3, kindRule: 4}

// parseARN takes an ARN of a kind apart. ok is false when it is none.
func parseARN(kind, arn string) (scope store.Scope, id string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "elasticloadbalancing" {
		return store.Scope{}, "", false
	}
	id, ok = strings.CutPrefix(parts[5], kind)
	if !ok || strings.Count(id, "/") != slashes[kind] || strings.Contains("/"+id+"/", "//") {
		return store.Scope{}, "", false
	}
	return store.Scope{Account: parts[4], Region: parts[3]}, id, true
}

// idIn is the id in an ARN of the scope; empty when it is none.
func idIn(scope store.Scope, kind, arn string) string {
	if of, id, ok := parseARN(kind, arn); ok && of == scope {
		return id
	}
	return ""
}

// newID draws the last part of an id: 16 hexadecimal digits.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

package main

import (
	"go/token"
	"strings"
	"unicode"
)

// exported is an AWS name as an exported Go name: "clusterArn" is ClusterArn.
func exported(name string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	out := b.String()
	if out == "" || unicode.IsDigit(rune(out[0])) {
		out = "V" + out
	}
	return out
}

// constant is the Go name of a value of an enumeration: LaunchType "EXTERNAL"
// is LaunchTypeExternal, "awsvpc" of NetworkMode NetworkModeAwsvpc.
func constant(enum, value string) string {
	var b strings.Builder
	b.WriteString(enum)
	for _, word := range strings.FieldsFunc(value, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		if strings.ToUpper(word) == word {
			word = strings.ToLower(word)
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// tagName is name as it stands in a json struct tag.
func tagName(name string) string {
	if token.IsIdentifier(name) || token.IsKeyword(name) {
		return name
	}
	return "'" + name + "'"
}

// readOnly reports whether an operation changes nothing, by its name.
func readOnly(op string) bool {
	for _, verb := range []string{"BatchGet", "Describe", "Discover", "Get", "Head", "List", "Search"} {
		if strings.HasPrefix(op, verb) {
			return op != "GetSessionToken" && op != "GetFederationToken"
		}
	}
	return false
}

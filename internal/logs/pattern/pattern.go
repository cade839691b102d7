// Package pattern understands CloudWatch Logs' filter patterns: unstructured terms, JSON expressions, space-delimited
// fields and regular expressions, as "Filter pattern syntax" of the CloudWatch Logs user guide describes them.
// internal/logs uses it to choose events.
package pattern

import (
	"errors"
	"strings"
)

// ErrInvalid is returned for a pattern that is not understood.
var ErrInvalid = errors.New("invalid filter pattern")

// Pattern is a parsed filter pattern. The zero Pattern matches every message.
type Pattern struct{ match func(message string) bool }

// Match says whether the message matches.
func (p Pattern) Match(message string) bool { return p.match == nil || p.match(message) }

// Parse reads a filter pattern; ErrInvalid.
func Parse(text string) (Pattern, error) {
	p := &parser{text: text}
	p.space()
	var match func(string) bool
	switch {
	case p.end():
		return Pattern{}, nil
	case p.take("{"):
		match = p.json()
	case p.take("["):
		match = p.fields()
	default:
		match = p.terms()
	}
	if p.space(); p.failed || !p.end() {
		return Pattern{}, ErrInvalid
	}
	return Pattern{match}, nil
}

// maxDepth bounds the parentheses of an expression and maxRegexes its regular expressions (the latter is AWS's bound).
const (
	maxDepth   = 32
	maxRegexes = 2
)

// parser goes through a pattern from left to right. After a mistake failed is set, and what is parsed means nothing.
type parser struct {
	text    string
	at      int
	depth   int
	regexes int
	failed  bool
}

func (p *parser) fail() { p.failed = true }

func (p *parser) end() bool { return p.at == len(p.text) }

func (p *parser) rest() string { return p.text[p.at:] }

func (p *parser) space() {
	p.at = len(p.text) - len(strings.TrimLeft(p.rest(), " \t\r\n"))
}

// take goes past token when it is next.
func (p *parser) take(token string) bool {
	if !strings.HasPrefix(p.rest(), token) {
		return false
	}
	p.at += len(token)
	return true
}

// word takes what comes before the first character of stop.
func (p *parser) word(stop string) string {
	n := strings.IndexAny(p.rest(), stop)
	if n < 0 {
		n = len(p.rest())
	}
	w := p.rest()[:n]
	p.at += n
	return w
}

// quoted takes the rest of a text in quotes, the first of which is taken already. A backslash makes a quote or a
// backslash a character like any other.
func (p *parser) quoted(quote byte) string {
	var b strings.Builder
	for ; !p.end(); p.at++ {
		c := p.text[p.at]
		if c == quote {
			p.at++
			return b.String()
		}
		if c == '\\' && p.at+1 < len(p.text) && (p.text[p.at+1] == quote || p.text[p.at+1] == '\\') {
			p.at++
			c = p.text[p.at]
		}
		b.WriteByte(c)
	}
	p.fail()
	return ""
}

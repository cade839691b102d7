package query

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	end    kind = iota
	word        // a subject, a word that is an operator, or a value
	quoted      // a value in quotes, without them
	sign        // an operator or punctuation
)

type token struct {
	kind kind
	text string
	at   int // offset in bytes
}

func (t token) String() string {
	if t.kind == end {
		return "the end"
	}
	return fmt.Sprintf("%q", t.text)
}

// signs are the operators and punctuation, those that others begin with last.
var signs = []string{"==", "!=", ">=", "<=", "=~", "!~", "&&", "||", ">", "<", "!", "(", ")", "[", "]", ","}

// lexer cuts an expression into tokens.
type lexer struct {
	text string
	at   int
}

func (l *lexer) blank() {
	for l.at < len(l.text) {
		r, n := utf8.DecodeRuneInString(l.text[l.at:])
		if !unicode.IsSpace(r) {
			return
		}
		l.at += n
	}
}

func (l *lexer) next() (token, error) {
	l.blank()
	t := token{at: l.at}
	rest := l.text[l.at:]
	switch {
	case rest == "":
		return t, nil
	case rest[0] == '\'' || rest[0] == '"':
		return l.quoted()
	}
	for _, s := range signs {
		if strings.HasPrefix(rest, s) {
			t.kind, t.text = sign, s
			l.at += len(s)
			return t, nil
		}
	}
	n := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("=!<>&|()[],'\"", r) })
	if n < 0 {
		n = len(rest)
	}
	if n == 0 {
		return t, fmt.Errorf("%q at character %d is no operator", rest[:1], l.at+1)
	}
	t.kind, t.text = word, rest[:n]
	l.at += n
	return t, nil
}

// quoted is a value in quotes. A backslash before such a quote makes it part of the value, and is itself elsewhere.
func (l *lexer) quoted() (token, error) {
	t := token{kind: quoted, at: l.at}
	quote := l.text[l.at]
	var value strings.Builder
	for i := l.at + 1; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == quote:
			l.at, t.text = i+1, value.String()
			return t, nil
		case c == '\\' && i+1 < len(l.text) && l.text[i+1] == quote:
			i++
			value.WriteByte(quote)
		default:
			value.WriteByte(c)
		}
	}
	return t, fmt.Errorf("the quote at character %d is not closed", l.at+1)
}

// pattern is a regular expression: in quotes, or up to a blank, a Boolean operator, or a parenthesis that it didn't open.
func (l *lexer) pattern() (token, error) {
	l.blank()
	t := token{kind: word, at: l.at}
	rest := l.text[l.at:]
	if rest != "" && (rest[0] == '\'' || rest[0] == '"') {
		return l.quoted()
	}
	depth, class, n := 0, false, 0
scan:
	for ; n < len(rest); n++ {
		c := rest[n]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || strings.HasPrefix(rest[n:], "&&") || strings.HasPrefix(rest[n:], "||"):
			break scan
		case c == '\\' && n+1 < len(rest) && rest[n+1] != ' ':
			n++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			if depth == 0 {
				break scan
			}
			depth--
		}
	}
	t.text = rest[:min(n, len(rest))]
	l.at += len(t.text)
	if t.text == "" {
		t.kind = end
	}
	return t, nil
}

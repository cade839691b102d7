package proxy

// pattern is a value of a rule's condition: * stands for any characters, ? for exactly one, and a backslash takes the
// meaning of the one behind it away.
type pattern struct {
	text []wild
	// plain is the text when nothing in it is a wildcard; whole that it matches anything.
	plain string
	exact bool
	whole bool
	fold  bool
}

type wild struct {
	c    byte
	kind uint8
}

const (
	literal uint8 = iota
	anyOne
	anyMany
)

// newPattern compiles a pattern; with insensitive it takes letters of either case.
func newPattern(text string, insensitive bool) pattern {
	p := pattern{fold: insensitive, exact: true}
	for i := 0; i < len(text); i++ {
		w := wild{c: text[i]}
		switch {
		case w.c == '*':
			w.kind = anyMany
		case w.c == '?':
			w.kind = anyOne
		case w.c == '\\' && i+1 < len(text) && (text[i+1] == '*' || text[i+1] == '?' || text[i+1] == '\\'):
			i++
			w.c = text[i]
		}
		if insensitive {
			w.c = fold(w.c)
		}
		if w.kind != literal {
			p.exact = false
		}
		if n := len(p.text); w.kind == anyMany && n > 0 && p.text[n-1].kind == anyMany {
			continue
		}
		p.text = append(p.text, w)
		p.plain += string(w.c)
	}
	p.whole = len(p.text) == 1 && p.text[0].kind == anyMany
	return p
}

// match is whether the whole of s is as the pattern says. It takes time in proportion to both at most.
func (p *pattern) match(s []byte) bool {
	switch {
	case p.whole:
		return true
	case p.exact && p.fold:
		return equalFold(s, p.plain)
	case p.exact:
		return string(s) == p.plain
	}
	at, in := 0, 0
	star, resume := -1, 0
	for in < len(s) {
		if at < len(p.text) && p.text[at].kind == anyMany {
			star, resume = at, in
			at++
			continue
		}
		if at < len(p.text) && p.one(p.text[at], s[in]) {
			at, in = at+1, in+1
			continue
		}
		if star < 0 {
			return false
		}
		resume++
		at, in = star+1, resume
	}
	for at < len(p.text) && p.text[at].kind == anyMany {
		at++
	}
	return at == len(p.text)
}

func (p *pattern) one(w wild, c byte) bool {
	if p.fold {
		c = fold(c)
	}
	return w.kind == anyOne || w.c == c
}

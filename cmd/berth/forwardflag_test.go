package main

import (
	"strings"
	"testing"
)

func TestForwardFlag(t *testing.T) {
	var f forwardFlag
	if err := f.Set("lambda=http://127.0.0.1:9001"); err != nil || f.to["lambda"] != "http://127.0.0.1:9001" {
		t.Errorf("%+v, %v", f.to, err)
	}
	var again forwardFlag // as a start in the background passes it on
	if err := again.Set(f.String()); err != nil || again.String() != f.String() {
		t.Errorf("%q becomes %q, %v", f.String(), again.String(), err)
	}
	for bad, want := range map[string]string{
		"": "can be elsewhere", "sqs=http://a": "can be elsewhere", "lambda": "not the URL", "lambda=127.0.0.1:9001": "not the URL", "lambda=http://a?b=c": "not the URL",
		"lambda=http://127.0.0.1:9002": "twice",
	} {
		if err := f.Set(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

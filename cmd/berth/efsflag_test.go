package main

import (
	"strings"
	"testing"
)

func TestEFSFlag(t *testing.T) {
	var f efsFlag
	for _, s := range []string{"fs-1=/srv/a", "fs-2=nfs://files.lan/export?vers=4.2,fs-3=/srv/b"} {
		if err := f.Set(s); err != nil {
			t.Fatal(err)
		}
	}
	if f.systems["fs-1"].Directory != "/srv/a" || f.systems["fs-2"].NFS.Host != "files.lan" || f.systems["fs-3"].Directory != "/srv/b" {
		t.Errorf("%+v", f.systems)
	}
	var again efsFlag // as a start in the background passes it on
	if err := again.Set(f.String()); err != nil || again.String() != f.String() {
		t.Errorf("%q becomes %q, %v", f.String(), again.String(), err)
	}
	for bad, want := range map[string]string{
		"": "id of a file system", "fs-9": "neither", "/srv/a": "id of a file system", "fs-9=srv": "neither", "fs-1=/srv/c": "twice", "fsap-1=/srv": "id of a file system",
	} {
		if err := f.Set(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

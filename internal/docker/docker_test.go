package docker

import (
	"os"
	"testing"
)

func TestStarter(t *testing.T) {
	t.Setenv("SUDO_UID", "")
	t.Setenv("HOME", "/home/of/starter")
	if p := Starter(); p.UID != uint32(os.Getuid()) || p.Home != "/home/of/starter" || p.dir() != "/home/of/starter/.docker" {
		t.Errorf("without sudo: %+v", p)
	}
	if os.Getuid() != 0 {
		t.Skip("the rest is for root")
	}
	t.Setenv("SUDO_UID", "65534")
	t.Setenv("SUDO_GID", "65534")
	if p := Starter(); p.UID != 65534 || p.GID != 65534 || p.Name != "nobody" || p.Home == "/home/of/starter" || len(p.Groups) == 0 || p.Groups[0] == 0 {
		t.Errorf("under sudo: %+v", p)
	}
	t.Setenv("SUDO_UID", "nonsense")
	if p := Starter(); p.UID != 0 {
		t.Errorf("with nonsense: %+v", p)
	}
}

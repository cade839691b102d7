package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVariablesAreThoseOfTheProcessOverTheFileBesideIt(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("CHECKED_A=file\nCHECKED_B=file-${CHECKED_A}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CHECKED_A", "process")
	values, err := variables(dir)
	if err != nil || values["CHECKED_A"] != "process" || values["CHECKED_B"] != "file-process" {
		t.Errorf("A is %q, B is %q, %v", values["CHECKED_A"], values["CHECKED_B"], err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("A='open\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := variables(dir); err == nil || !strings.Contains(err.Error(), ".env") {
		t.Errorf("a file that can't be read: %v", err)
	}
}

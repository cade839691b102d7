package progress

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAStateChangesInPlaceOnATerminal(t *testing.T) {
	var out strings.Builder
	w := To(&out)
	w.width = 12
	w.Step("PENDING")
	w.State("pulling 1 of 3")
	w.State("pulling 1 of 3")
	w.State("2 of 3")
	w.Step("RUNNING")
	w.Done()
	const want = "PENDING\n" + "\r\x1b[Kpulling 1 …" + "\r\x1b[K2 of 3" + "\r\x1b[KRUNNING\n"
	if out.String() != want {
		t.Errorf("wrote %q\nwant  %q", out.String(), want)
	}
}

func TestElsewhereAStateIsToldNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		w := To(&out)
		for i := range 120 {
			w.State("%d s", i/10)
			time.Sleep(100 * time.Millisecond)
		}
		w.Done()
		if want := "5 s\n10 s\n"; out.String() != want {
			t.Errorf("wrote %q, want %q", out.String(), want)
		}
	})
}

package logsource

import "testing"

func TestToken(t *testing.T) {
	want := Range{Source: "a1b2/web:1", First: 3, End: 1 << 63}
	if got, ok, err := Parse(want.Token()); got != want || !ok || err != nil {
		t.Fatalf("%+v, %v, %v", got, ok, err)
	}
	if _, ok, err := Parse("49612345"); ok || err != nil {
		t.Fatalf("a token of an old client: %v, %v", ok, err)
	}
	for _, token := range []string{"berth:", "berth:1:2:", "berth:2:2:a", "berth:3:2:a", "berth:-1:2:a", "berth:x:2:a", "berth:1:99999999999999999999:a"} {
		if _, ok, err := Parse(token); !ok || err == nil {
			t.Errorf("%s: %v, %v", token, ok, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("berth:1:2:a")
	f.Fuzz(func(t *testing.T, token string) {
		r, ok, err := Parse(token)
		if !ok || err != nil {
			return
		}
		if again, _, err := Parse(r.Token()); again != r || err != nil {
			t.Fatalf("%+v, %v; was %+v", again, err, r)
		}
	})
}

package placement

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestDistribute(t *testing.T) {
	for name, c := range map[string]struct {
		providers []Provider
		count     int
		want      []int
	}{
		"one takes all":                          {[]Provider{{Weight: 1}}, 7, []int{7}},
		"equal weights":                          {[]Provider{{Weight: 1}, {Weight: 1}}, 5, []int{3, 2}},
		"one to four":                            {[]Provider{{Weight: 1}, {Weight: 4}}, 10, []int{2, 8}},
		"a base first":                           {[]Provider{{Base: 3, Weight: 1}, {Weight: 1}}, 2, []int{2, 0}},
		"a base, then by weight":                 {[]Provider{{Base: 3, Weight: 1}, {Weight: 3}}, 7, []int{4, 3}},
		"a base of one that has no weight":       {[]Provider{{Base: 2}, {Weight: 1}}, 5, []int{2, 3}},
		"a base that stands last":                {[]Provider{{Weight: 1}, {Base: 1, Weight: 1}}, 1, []int{0, 1}},
		"a base that is met by what is there":    {[]Provider{{Base: 2, Weight: 1, Present: 2}, {Weight: 1}}, 2, []int{1, 1}},
		"what is there counts":                   {[]Provider{{Weight: 1, Present: 4}, {Weight: 1}}, 3, []int{0, 3}},
		"the heavier goes first":                 {[]Provider{{Weight: 1}, {Weight: 9}}, 1, []int{0, 1}},
		"no weight is no tasks beyond the bases": {[]Provider{{Base: 1}, {}}, 3, []int{1, 0}},
		"nothing asked for":                      {[]Provider{{Weight: 1}}, 0, []int{0}},
	} {
		if got := Distribute(c.providers, c.count); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// From nothing, every base is filled before anything goes by weight, and no provider is a whole task or more away from its exact part
// for each other provider.
func TestDistributeKeepsBasesAndWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		providers := make([]Provider, rapid.IntRange(1, 5).Draw(t, "providers"))
		bases, weights := 0, 0
		for i := range providers {
			providers[i] = Provider{Base: rapid.SampledFrom([]int{0, 0, 0, 1, 4}).Draw(t, "base"), Weight: rapid.IntRange(0, 6).Draw(t, "weight")}
			bases += providers[i].Base
			weights += providers[i].Weight
		}
		count := rapid.IntRange(0, 60).Draw(t, "count")
		got, sum := Distribute(providers, count), 0
		for i, p := range providers {
			sum += got[i]
			beyond := got[i] - p.Base
			switch {
			case got[i] < 0, count >= bases && beyond < 0, count < bases && beyond > 0:
				t.Fatalf("%+v, %d: %v: the base of %d is not kept", providers, count, got, i)
			case p.Weight == 0 && beyond > 0:
				t.Fatalf("%+v, %d: %v: %d has no weight", providers, count, got, i)
			}
			if count > bases && weights > 0 {
				exact := float64((count-bases)*p.Weight) / float64(weights)
				if far := float64(len(providers)); float64(beyond) > exact+far || float64(beyond) < exact-far {
					t.Fatalf("%+v, %d: %v: %d is %d beyond its base, exactly it were %.2f", providers, count, got, i, beyond, exact)
				}
			}
		}
		want := count
		if weights == 0 {
			want = min(count, bases)
		}
		if sum != want {
			t.Fatalf("%+v, %d: %v: %d were given out, want %d", providers, count, got, sum, want)
		}
	})
}

// Tasks that come one by one, as RunTask's and a service's do, end up as tasks that come together.
func TestDistributeRemembersByWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		providers := make([]Provider, rapid.IntRange(1, 4).Draw(t, "providers"))
		for i := range providers {
			providers[i] = Provider{Base: rapid.IntRange(0, 3).Draw(t, "base"), Weight: rapid.IntRange(0, 5).Draw(t, "weight")}
		}
		count := rapid.IntRange(0, 40).Draw(t, "count")
		together := Distribute(providers, count)
		one := slices.Clone(providers)
		for range count {
			for i, n := range Distribute(one, 1) {
				one[i].Present += n
			}
		}
		for i := range one {
			if one[i].Present != together[i] {
				t.Fatalf("%+v, %d: one by one %+v, together %v", providers, count, one, together)
			}
		}
	})
}

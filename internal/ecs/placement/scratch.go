package placement

// draw is a random number below n, the try-th of a seed (a finalizer that spreads the bits of both).
func draw(seed, try uint64, n int) int {
	h := seed*0x9e3779b97f4a7c15 + try
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return int((h ^ h>>31) % uint64(n))
}

// scratch is memory that placements use one after the other.
type scratch struct {
	answers []answer
	fits    []bool
	best    []int32
	values  [][]int64
	slots   [][]int32
}

func (s *scratch) known(n int) []answer { return cleared(&s.answers, n) }

func (s *scratch) look(n int) (fit []bool, best []int32) {
	return cleared(&s.fits, n), cleared(&s.best, n)
}

// order is memory for the i-th strategy.
func (s *scratch) order(i, n int) (values []int64, slots []int32) {
	for len(s.values) <= i {
		s.values, s.slots = append(s.values, nil), append(s.slots, nil)
	}
	return cleared(&s.values[i], n), cleared(&s.slots[i], n)
}

func cleared[T any](memory *[]T, n int) []T {
	if cap(*memory) < n {
		*memory = make([]T, n, n+n/4)
	}
	*memory = (*memory)[:n]
	clear(*memory)
	return *memory
}

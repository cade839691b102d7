package placement

import (
	"cmp"
	"strings"
)

// order is one strategy's opinion of the candidates: the less the better.
type order struct {
	Strategy
	// values are by slot: one of the candidate's own, or one that it shares with those of the same attribute.
	values []int64
	slots  []int32 // nil: the candidate's position
}

// order works out the opinions of the strategies. Chance decides where there are none, and what comes after it is idle.
func (s *search) order() (orders []order) {
	for i, strategy := range s.Strategies {
		if strategy.Type == Random {
			break
		}
		o := order{Strategy: strategy}
		values, slots := s.ledger.scratch.order(i, len(s.candidates))
		o.values = values
		if name, ok := strings.CutPrefix(strategy.Field, FieldAttribute); ok && strategy.Type == Spread {
			o.slots = slots
			s.spread(&o, name)
		} else {
			for at, c := range s.candidates {
				values[at] = s.value(strategy, c)
			}
		}
		orders = append(orders, o)
	}
	return orders
}

// value is what a strategy thinks of a candidate by itself.
func (s *search) value(strategy Strategy, c *member) int64 {
	m := c.machine
	switch {
	case strategy.Type == Spread:
		return c.of(s.group)
	case strategy.Type == Emptiest:
		if m.total.Memory == 0 {
			return 0
		}
		return m.used.Memory << 20 / m.total.Memory
	case strategy.Field == FieldCPU:
		return m.total.CPU - m.used.CPU
	}
	return m.total.Memory - m.used.Memory
}

// spread counts the group's tasks by the value of an attribute, on all instances of the pool, whether they fit or not.
func (s *search) spread(o *order, name string) {
	bySet := make([]int32, len(s.ledger.sets)) // slot + 1
	byValue := map[string]int32{}
	for at, c := range s.candidates {
		slot := &bySet[c.set.index]
		if *slot == 0 {
			value, ok := c.set.values[name]
			if ok {
				value = "=" + value
			}
			if byValue[value] == 0 {
				byValue[value] = int32(len(byValue)) + 1
			}
			*slot = byValue[value]
		}
		o.slots[at] = *slot - 1
		o.values[*slot-1] += c.of(s.group)
	}
}

// update brings the opinion of a candidate up to date whose machine has got a task; chosen: on this identity.
func (o *order) update(s *search, at int, chosen bool) {
	switch {
	case o.slots == nil:
		o.values[at] = s.value(o.Strategy, s.candidates[at])
	case chosen:
		o.values[o.slots[at]]++
	}
}

func (o *order) of(at int) int64 {
	if o.slots != nil {
		at = int(o.slots[at])
	}
	return o.values[at]
}

// compare compares two candidates by the strategies in their order.
func (s *search) compare(a, b int) int {
	for i := range s.orders {
		o := &s.orders[i]
		if d := cmp.Compare(o.of(a), o.of(b)); d != 0 {
			return d
		}
	}
	return 0
}

package codec

import (
	"math"
	"reflect"
	"unicode/utf8"

	"github.com/berth-dev/berth/api/schema"
)

// cborReader reads CBOR values into bound types. Every length that the data
// claims is held against the bytes that are left before anything is set aside
// for it.
type cborReader struct {
	unknown
	data       []byte
	at         int
	structures int // so far
}

// head is a value's first bytes: its major type and argument. The argument of
// an indefinite length is unknown.
type head struct {
	major      byte
	info       byte // the low five bits
	n          uint64
	indefinite bool
}

const cborBreak = 0xff

func (r *cborReader) short() error { return malformed("The CBOR value ends too early.") }

func (r *cborReader) head() (head, error) {
	if r.at >= len(r.data) {
		return head{}, r.short()
	}
	c := r.data[r.at]
	r.at++
	h := head{major: c & 0xe0, info: c & 31}
	switch {
	case h.info < 24:
		h.n = uint64(h.info)
	case h.info <= 27:
		size := 1 << (h.info - 24)
		if len(r.data)-r.at < size {
			return h, r.short()
		}
		for _, b := range r.data[r.at : r.at+size] {
			h.n = h.n<<8 | uint64(b)
		}
		r.at += size
	case h.info == 31 && h.major >= cborBytes && h.major <= cborMap:
		h.indefinite = true
	default:
		return h, malformed("The CBOR value has a byte 0x%02x where none is allowed.", c)
	}
	return h, nil
}

// broken reports whether a break comes next, and passes it.
func (r *cborReader) broken() bool {
	if r.at < len(r.data) && r.data[r.at] == cborBreak {
		r.at++
		return true
	}
	return false
}

// each calls item for every item of an array or map, or chunk of a string.
func (r *cborReader) each(h head, item func() error) error {
	if !h.indefinite && h.n > uint64(len(r.data)-r.at) {
		return r.short() // an item is at least one byte
	}
	for i := uint64(0); h.indefinite || i < h.n; i++ {
		if h.indefinite && r.broken() {
			return nil
		}
		if err := item(); err != nil {
			return err
		}
	}
	return nil
}

// bytes reads a byte or text string after its head.
func (r *cborReader) bytes(h head) ([]byte, error) {
	if !h.indefinite {
		if h.n > uint64(len(r.data)-r.at) {
			return nil, r.short()
		}
		b := r.data[r.at : r.at+int(h.n)]
		r.at += int(h.n)
		return b, nil
	}
	var out []byte
	err := r.each(h, func() error {
		chunk, err := r.head()
		if err != nil {
			return err
		}
		if chunk.major != h.major || chunk.indefinite {
			return malformed("The CBOR value has a string inside a string.")
		}
		b, err := r.bytes(chunk)
		out = append(out, b...)
		return err
	})
	return out, err
}

func (r *cborReader) text(h head) (string, error) {
	b, err := r.bytes(h)
	if err == nil && !utf8.Valid(b) {
		err = malformed("The CBOR value has text that is not UTF-8.")
	}
	return string(b), err
}

// key reads a map's key.
func (r *cborReader) key() (string, error) {
	h, err := r.head()
	if err != nil {
		return "", err
	}
	if h.major != cborText {
		return "", malformed("The CBOR value has a map with a key that is not text.")
	}
	return r.text(h)
}

// skip passes over a value of no interest.
func (r *cborReader) skip(depth int) error {
	if depth > maxDepth {
		return tooDeep()
	}
	h, err := r.head()
	if err != nil {
		return err
	}
	switch h.major {
	case cborBytes, cborText:
		_, err = r.bytes(h)
	case cborArray:
		err = r.each(h, func() error { return r.skip(depth + 1) })
	case cborMap:
		err = r.each(h, func() error {
			if err := r.skip(depth + 1); err != nil {
				return err
			}
			return r.skip(depth + 1)
		})
	case cborTag:
		err = r.skip(depth + 1)
	}
	return err
}

// null passes a null or undefined, if that comes next.
func (r *cborReader) null() bool {
	if r.at < len(r.data) && (r.data[r.at] == 0xf6 || r.data[r.at] == 0xf7) {
		r.at++
		return true
	}
	return false
}

// value reads a value into v by its type.
func (r *cborReader) value(t *Type, v reflect.Value, path string, depth int) error {
	if depth > maxDepth {
		return tooDeep()
	}
	h, err := r.head()
	if err != nil {
		return err
	}
	switch {
	case t.Kind == schema.Structure && h.major == cborMap:
		return r.structure(t, h, v, path, depth)
	case t.Kind == schema.List && h.major == cborArray:
		list := reflect.MakeSlice(t.Go, 0, 0)
		err := r.each(h, func() error {
			item := reflect.New(t.Go.Elem()).Elem()
			if r.null() {
				return malformed("The list %s has a null in it.", path)
			}
			err := r.value(t.Elem, item, path, depth+1)
			list = reflect.Append(list, item)
			return err
		})
		v.Set(list)
		return err
	case t.Kind == schema.Map && h.major == cborMap:
		m := reflect.MakeMap(t.Go)
		err := r.each(h, func() error {
			name, err := r.key()
			if err != nil {
				return err
			}
			item := reflect.New(t.Go.Elem()).Elem()
			if !r.null() {
				err = r.value(t.Elem, item, path+"."+clip(name), depth+1)
			}
			m.SetMapIndex(reflect.ValueOf(name).Convert(t.Go.Key()), item)
			return err
		})
		v.Set(m)
		return err
	}
	return r.scalar(t, h, v, path)
}

func (r *cborReader) structure(t *Type, h head, v reflect.Value, path string, depth int) error {
	if r.structures++; r.structures > maxStructures {
		return tooMany()
	}
	return r.each(h, func() error {
		name, err := r.key()
		if err != nil {
			return err
		}
		f := t.field(name)
		switch {
		case r.null():
			return nil
		case f == nil:
			r.add(name)
			return r.skip(depth + 1)
		}
		r.enter(name)
		defer r.leave()
		return r.value(f.Type, f.settable(v), path+"."+name, depth+1)
	})
}

func (r *cborReader) scalar(t *Type, h head, v reflect.Value, path string) error {
	switch {
	case t.Kind == schema.String && h.major == cborText:
		s, err := r.text(h)
		v.SetString(s)
		return err
	case t.Kind == schema.Blob && h.major == cborBytes:
		b, err := r.bytes(h)
		v.SetBytes(append([]byte{}, b...))
		return err
	case t.Kind == schema.Boolean && h.major == cborSimple && (h.info == 20 || h.info == 21):
		v.SetBool(h.info == 21)
		return nil
	case t.Kind == schema.Timestamp && h.major == cborTag && h.n == 1:
		h, err := r.head()
		if err != nil {
			return err
		}
		if seconds, ok := number(h); ok {
			at, err := schema.FromEpoch(seconds)
			v.Set(reflect.ValueOf(at))
			if err != nil {
				return malformed("The %v (at %s).", err, path)
			}
			return nil
		}
	case t.Kind == schema.Integer || t.Kind == schema.Long:
		if n, ok := integer(h); ok && !v.OverflowInt(n) {
			v.SetInt(n)
			return nil
		}
	case t.Kind == schema.Float || t.Kind == schema.Double:
		if f, ok := number(h); ok && !v.OverflowFloat(f) {
			v.SetFloat(f)
			return nil
		}
	}
	what, _ := javaName(t.Go)
	return malformed("The value of %s can not be converted to %s.", path, what)
}

// integer is a head as a whole number.
func integer(h head) (int64, bool) {
	switch {
	case h.major == cborUint && h.n <= math.MaxInt64:
		return int64(h.n), true
	case h.major == cborNegative && h.n <= math.MaxInt64:
		return -1 - int64(h.n), true
	}
	f, ok := number(h)
	n := int64(f)
	return n, ok && math.Abs(f) < 1<<53 && float64(n) == f
}

// number is a head as a number of any kind.
func number(h head) (float64, bool) {
	switch {
	case h.major == cborUint:
		return float64(h.n), true
	case h.major == cborNegative:
		return -1 - float64(h.n), true
	case h.major != cborSimple:
		return 0, false
	}
	switch h.info {
	case 25:
		return half(uint16(h.n)), true
	case 26:
		return float64(math.Float32frombits(uint32(h.n))), true
	case 27:
		return math.Float64frombits(h.n), true
	}
	return 0, false
}

// half is a 16-bit float.
func half(bits uint16) float64 {
	sign, exp, frac := 1.0, int(bits>>10&31), float64(bits&1023)
	if bits>>15 == 1 {
		sign = -1
	}
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac == 0 {
			return math.Inf(int(sign))
		}
		return math.NaN()
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

package schema

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Time is a timestamp of an AWS API. In JSON it is a number of seconds since
// 1970 with at most three decimals, as AWS sends it; the XML codecs write it
// as ISO 8601. The zero Time is an absent one.
type Time struct{ time.Time }

// Now is the current time, cut to the milliseconds that the wire carries.
func Now() Time { return At(time.Now()) }

// At is t in UTC, cut to the milliseconds that the wire carries.
func At(t time.Time) Time {
	if t.IsZero() {
		return Time{}
	}
	return Time{t.UTC().Truncate(time.Millisecond)}
}

// What is read is bounded by the years that ISO 8601 writes: from 0001, of which the first moment is the zero Time, to 9999.
const (
	minSeconds = -62135596800
	maxSeconds = 253402300799
)

// FromEpoch is the time s seconds after 1970, rounded to milliseconds.
func FromEpoch(s float64) (Time, error) {
	if math.IsNaN(s) || s < minSeconds || s > maxSeconds {
		return Time{}, fmt.Errorf("timestamp %v is out of range", s)
	}
	return Time{time.UnixMilli(int64(math.Round(s * 1000))).UTC()}, nil
}

// AppendEpoch appends t as seconds since 1970 with at most three decimals.
func (t Time) AppendEpoch(b []byte) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		b, ms = append(b, '-'), -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	if frac := ms % 1000; frac != 0 {
		b = append(b, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
}

// MarshalJSONTo writes the time as a number, and the zero time as null.
func (t Time) MarshalJSONTo(enc *jsontext.Encoder) error {
	if t.IsZero() {
		return enc.WriteToken(jsontext.Null)
	}
	return enc.WriteValue(t.AppendEpoch(make([]byte, 0, 20)))
}

// UnmarshalJSONFrom reads a number of seconds; null leaves the zero time.
func (t *Time) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch k := dec.PeekKind(); k {
	case 'n':
		*t = Time{}
		return dec.SkipValue()
	case '0':
		tok, err := dec.ReadToken()
		if err != nil {
			return err
		}
		s, err := tok.Float()
		if err != nil {
			return err
		}
		*t, err = FromEpoch(s)
		return err
	case jsontext.KindInvalid:
		_, err := dec.ReadToken()
		return err
	default:
		return &json.SemanticError{JSONKind: k, Err: errors.New("a timestamp is a number of seconds")}
	}
}

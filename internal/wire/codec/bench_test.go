package codec_test

import (
	"reflect"
	"testing"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/codec"
)

// BenchmarkDecode reads inputs as SDKs send them, with nothing unknown in them, and one with a member that is not in the model.
func BenchmarkDecode(b *testing.B) {
	const run = `{"cluster":"default","taskDefinition":"web:3","count":10,"launchType":"FARGATE","startedBy":"benchmark",` +
		`"networkConfiguration":{"awsvpcConfiguration":{"subnets":["subnet-0123456789abcdef0"],"securityGroups":["sg-0123456789abcdef0"],"assignPublicIp":"ENABLED"}},` +
		`"overrides":{"containerOverrides":[{"name":"web","environment":[{"name":"A","value":"1"},{"name":"B","value":"2"}]}]},"tags":[{"key":"k","value":"v"}]`
	b.Run("DescribeTasks", func(b *testing.B) {
		decode(b, ecs.DescribeTasks, `{"cluster":"default","tasks":["arn:aws:ecs:us-east-1:000000000000:task/default/0123456789abcdef0123456789abcdef"]}`)
	})
	b.Run("RunTask", func(b *testing.B) { decode(b, ecs.RunTask, run+"}") })
	b.Run("RunTask with an unknown member", func(b *testing.B) { decode(b, ecs.RunTask, run+`,"unknown":{"to":"the model"}}`) })
}

func decode[In, Out any](b *testing.B, op schema.Op[In, Out], body string) {
	bound, err := codec.NewBinder(&ecs.API).Operation(op.Name, reflect.TypeFor[In](), reflect.TypeFor[Out]())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := codec.For(schema.JSON11).Decode(bound, &codec.Request{Body: []byte(body)}, new(In)); err != nil {
			b.Fatal(err)
		}
	}
}

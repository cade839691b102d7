package wire_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

func TestAnInputIsExamined(t *testing.T) {
	s := wire.New(wire.Config{Credentials: oneKey{}, Log: quiet})
	wire.Handle(s.Service(&ecs.API), ecs.RegisterTaskDefinition, nil,
		wire.Validate(func(in *ecs.RegisterTaskDefinitionRequest) error {
			if in.Family == "bad" {
				return wire.Errorf(ecs.ClientException, "A bad family.")
			}
			return nil
		}),
		wire.Refuse("containerDefinitions.secrets", "secrets are not built"),
		wire.Refuse("networkMode", "only awsvpc", "awsvpc"),
		wire.RefuseWhere(func(in *ecs.RegisterTaskDefinitionRequest) (found []wire.Refusal) {
			if in.NetworkMode == "" {
				found = append(found, wire.Refusal{Where: "networkMode", Why: "it is absent"})
			}
			for i, c := range in.ContainerDefinitions {
				if c.LogConfiguration != nil && c.LogConfiguration.Options["x"] != "" {
					found = append(found, wire.Refusal{Where: fmt.Sprintf("containerDefinitions[%d].logConfiguration.options.x", i), Why: "no x"})
				}
			}
			return found
		}),
		wire.Note("networkMode", "another net"), wire.Note("containerDefinitions.image", "pulled"), wire.Note("", "nothing runs"))
	for _, c := range []struct {
		name, operation, input string
		partial                bool
		want                   []string
	}{
		{"nothing to say of it", "RegisterTaskDefinition", `{"family":"f","networkMode":"awsvpc","containerDefinitions":[]}`, false,
			[]string{"differs networkMode: another net", "differs : nothing runs"}},
		{"each place of each kind", "RegisterTaskDefinition", `{"family":"f","networkMode":"host","colour":1,"containerDefinitions":[
			{"secrets":[{"name":"a","valueFrom":"b"}]},{"image":"i"},{"secrets":[{"name":"a","valueFrom":"b"}],"logConfiguration":{"logDriver":"awslogs","options":{"x":"1"}}}]}`, false,
			[]string{"refused containerDefinitions[0].secrets: secrets are not built", "refused containerDefinitions[2].secrets: secrets are not built",
				"refused networkMode: only awsvpc", "refused containerDefinitions[2].logConfiguration.options.x: no x",
				"differs containerDefinitions[1].image: pulled", "differs : nothing runs", "ignored colour: Berth's API model has no such parameter"}},
		{"what AWS would not take", "RegisterTaskDefinition", `{"family":"bad","networkMode":"awsvpc","containerDefinitions":[]}`, false,
			[]string{"invalid : A bad family.", "differs networkMode: another net", "differs : nothing runs"}},
		{"by the model", "RegisterTaskDefinition", `{"networkMode":"fast"}`, false, []string{
			"invalid family: Value null at 'family' failed to satisfy constraint: Member must not be null",
			"invalid containerDefinitions: Value null at 'containerDefinitions' failed to satisfy constraint: Member must not be null",
			"invalid networkMode: Value 'fast' at 'networkMode' failed to satisfy constraint: Member must satisfy enum value set: [bridge, host, awsvpc, none]",
			"refused networkMode: only awsvpc", "differs : nothing runs"}},
		{"deep inside", "RegisterTaskDefinition", `{"family":"f","networkMode":"awsvpc","containerDefinitions":[{},{"ulimits":[{"name":"x","softLimit":1,"hardLimit":1}]}]}`, true, []string{
			"invalid containerDefinitions[1].ulimits[0].name: Value 'x' at 'containerDefinitions.2.member.ulimits.1.member.name' failed to satisfy constraint: " +
				"Member must satisfy enum value set: [core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack]",
			"differs networkMode: another net", "differs : nothing runs"}},
		{"a part of which more is known later", "RegisterTaskDefinition", `{"family":"bad"}`, true, []string{"differs : nothing runs"}},
		{"not JSON", "RegisterTaskDefinition", `{"family":1}`, false, []string{"invalid : NUMBER_VALUE can not be converted to a String (at /family)"}},
		{"not built", "CreateService", `{}`, false, []string{"refused : the operation is not built"}},
		{"not in the model", "MakeTea", `{}`, false, []string{"refused : Berth's API model has no such operation"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range s.Examine("ecs", c.operation, []byte(c.input), c.partial) {
				got = append(got, fmt.Sprintf("%s %s: %s", f.Severity, f.Where, f.Why))
				if f.Operation != "ecs "+c.operation {
					t.Errorf("%+v", f)
				}
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
	if found := s.Examine("s3", "ListBuckets", nil, false); len(found) != 1 || found[0].Severity != wire.Refused || found[0].Why != "the service is not there" {
		t.Errorf("%+v", found)
	}
}

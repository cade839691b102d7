package definition

import (
	"errors"
	"reflect"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// Whatever is asked for, the answer is an error of the API, or a definition that registers as itself again.
func FuzzValidate(f *testing.F) {
	for _, seed := range []string{
		`{"family": "f", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": ".25 vCPU", "memory": "0.5 GB", "containerDefinitions": [{"name": "a", "image": "i", "portMappings": [{"containerPort": 80}]}]}`,
		`{"family": "f", "containerDefinitions": [{"name": "a", "image": "i", "memory": 64, "links": ["b:c"], "dependsOn": [{"containerName": "b", "condition": "HEALTHY"}]}, {"name": "b", "image": "i", "memory": 64, "healthCheck": {"command": ["CMD"]}}]}`,
		`{"family": "f", "networkMode": "bridge", "volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs"}}], "containerDefinitions": [{"name": "a", "image": "i", "memory": 64, "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}], "portMappings": [{"containerPortRange": "1-9", "protocol": "udp"}, {"containerPort": 5, "hostPort": 0}]}]}`,
		`{"family": "f", "executionRoleArn": "r", "containerDefinitions": [{"name": "a", "image": "i", "memoryReservation": 64, "secrets": [{"name": "A", "valueFrom": "p"}], "logConfiguration": {"logDriver": "awsfirelens"}, "linuxParameters": {"capabilities": {"add": ["ALL"]}, "tmpfs": [{"containerPath": "/t", "size": 1, "mountOptions": ["rw"]}]}}, {"name": "r", "image": "i", "memory": 6, "firelensConfiguration": {"type": "fluentbit"}}]}`,
		`{"family": "f", "networkMode": "awsvpc", "proxyConfiguration": {"containerName": "a", "properties": [{"name": "ProxyIngressPort", "value": "1"}]}, "placementConstraints": [{"expression": "x"}], "ephemeralStorage": {"sizeInGiB": 21}, "containerDefinitions": [{"name": "a", "image": "i", "memory": 64, "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": -1}], "systemControls": [{"namespace": "net.a", "value": "1"}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var r request
		if json.Unmarshal(text, &r) != nil {
			return
		}
		if err := Validate(&r); err != nil {
			var told *wire.Error
			if !errors.As(err, &told) || told.Code != api.ClientException || told.Message == "" {
				t.Fatalf("%v is no error of the API", err)
			}
			return
		}
		d := Complete(&r)
		next := again(t, d)
		if err := Validate(next); err != nil {
			if full, _ := json.Marshal(next); len(full) > maxBytes { // the defaults fill it up
				return
			}
			t.Fatalf("what %s registers is refused: %v", text, err)
		}
		if same := Complete(next); !reflect.DeepEqual(plain(t, same), plain(t, d)) {
			t.Fatalf("%s\n registers %v,\n again %v", text, plain(t, d), plain(t, same))
		}
	})
}

// plain is a definition as clients read it: absent and empty are told apart as they are on the wire.
func plain(t *testing.T, d api.TaskDefinition) (v any) {
	t.Helper()
	text, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A size has one form, and that form is the same size, whatever it was written as.
func TestEveryWayToWriteASize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := rapid.Int64Range(1, maxCPU/128).Draw(t, "eighths of a vCPU") * 128
		vcpu := strconv.FormatFloat(float64(units)/1024, 'f', -1, 64)
		gb := strconv.FormatFloat(float64(units)/1024, 'f', -1, 64)
		space := rapid.SampledFrom([]string{"", " ", "  "}).Draw(t, "space")
		for _, cpu := range []string{strconv.FormatInt(units, 10), vcpu + space + "vCPU", vcpu + space + "VCPU", vcpu + space + "vcpus"} {
			for _, memory := range []string{strconv.FormatInt(units, 10), gb + space + "GB", gb + space + "gb"} {
				s, err := SizeOf(cpu, memory)
				if err != nil || s != (Size{units, units}) {
					t.Fatalf("%q and %q are %+v, %v; want %d", cpu, memory, s, err, units)
				}
				same, err := SizeOf(amount(s.CPU), amount(s.Memory))
				if err != nil || same != s {
					t.Fatalf("%+v written down is %+v, %v", s, same, err)
				}
			}
		}
	})
}

// Text that is no size is no size, and none is beyond the bounds.
func TestSizesStayInTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`-?[0-9.]{0,12} ?(vCPU|GB|MB|)`)).Draw(t, "text")
		s, err := SizeOf(text, text)
		if err == nil && text != "" && (s.CPU < minCPU || s.CPU > maxCPU || s.Memory < MinMemory) {
			t.Fatalf("%q is taken for %+v", text, s)
		}
		if offered := FargateOffers(s); offered && (s.CPU < 256 || s.Memory < 2*s.CPU || s.Memory > 8*s.CPU) {
			t.Fatalf("Fargate offers %+v", s)
		}
	})
}

package vpc

import (
	"net/netip"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// What an installation has stored is read by every later release: these are the values of this one.
func TestGoldenRows(t *testing.T) {
	data, err := os.ReadFile("testdata/rows.json")
	if err != nil {
		t.Fatal(err)
	}
	type rows struct {
		VPC       vpcRow       `json:"vpc"`
		Subnet    subnetRow    `json:"subnet"`
		Group     groupRow     `json:"security-group"`
		Interface interfaceRow `json:"network-interface"`
	}
	var got rows
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := rows{
		VPC: vpcRow{ID: "vpc-0a", CIDR: netip.MustParsePrefix("172.31.0.0/16"), Default: true, Association: "vpc-cidr-assoc-0a",
			DHCPOptions: "dopt-0a", Group: "sg-0a"},
		Subnet: subnetRow{ID: "subnet-0a", VPC: "vpc-0a", CIDR: netip.MustParsePrefix("172.31.0.0/20"), Zone: "us-east-1a", ZoneID: "use1-az1",
			Default: true, MapPublic: true},
		Group: groupRow{ID: "sg-0a", VPC: "vpc-0a", Name: "default", Description: "default VPC security group",
			Ingress: []rule{{Group: "sg-0a"}}, Egress: []rule{{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}},
		Interface: interfaceRow{ID: "eni-0a", Subnet: "subnet-0a", VPC: "vpc-0a", Zone: "us-east-1a", ZoneID: "use1-az1",
			Address: netip.MustParseAddr("172.31.0.4"), MAC: "02:00:00:00:00:01", DNSName: "ip-172-31-0-4.ec2.internal", Groups: []string{"sg-0a"},
			Description: "arn:aws:ecs:us-east-1:000000000000:attachment/1", Attachment: "eni-attach-0a",
			Owner: "arn:aws:ecs:us-east-1:000000000000:task/default/1", Public: true,
			CreatedAt: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC), HostAddress: netip.MustParseAddr("100.64.16.4")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v\nwant\n%+v", got, want)
	}
}

package tasks

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/test/berthtest"
)

// TestTheNetworkInterfaceOfATask follows it from RunTask to the task's end.
func TestTheNetworkInterfaceOfATask(t *testing.T) {
	w := start(t)
	in := w.request(fargate(named("main", "8080")))
	committed := w.run(in)[0]
	if got := committed.Attachments; len(got) != 1 || aws.ToString(got[0].Type) != "ElasticNetworkInterface" || aws.ToString(got[0].Status) != "PRECREATED" {
		t.Errorf("RunTask answers the attachments %+v", got)
	}
	task := w.until("RUNNING", committed)
	eni, address := w.eni(task), w.publicIP(task)

	t.Run("task and interface say the same", func(t *testing.T) {
		for name, want := range map[string]*string{"networkInterfaceId": eni.NetworkInterfaceId, "privateIPv4Address": eni.PrivateIpAddress,
			"macAddress": eni.MacAddress, "subnetId": eni.SubnetId, "privateDnsName": eni.PrivateDnsName} {
			if got := detail(task, name); got == "" || got != aws.ToString(want) {
				t.Errorf("%s of the attachment is %q, the interface has %q", name, got, aws.ToString(want))
			}
		}
		shown := w.byName(task, "main").NetworkInterfaces
		if len(shown) != 1 || aws.ToString(shown[0].PrivateIpv4Address) != aws.ToString(eni.PrivateIpAddress) || aws.ToString(shown[0].AttachmentId) != aws.ToString(task.Attachments[0].Id) {
			t.Errorf("the container shows the interfaces %+v", shown)
		}
		if eni.Status != ec2types.NetworkInterfaceStatusInUse || aws.ToString(task.Attachments[0].Status) != "ATTACHED" {
			t.Errorf("the interface is %s, the attachment %s", eni.Status, aws.ToString(task.Attachments[0].Status))
		}
		if aws.ToString(eni.SubnetId) != w.subnets[0] || aws.ToString(eni.AvailabilityZone) != aws.ToString(task.AvailabilityZone) {
			t.Errorf("the interface is in %s, %s; the task in %s", aws.ToString(eni.SubnetId), aws.ToString(eni.AvailabilityZone), aws.ToString(task.AvailabilityZone))
		}
	})
	t.Run("its public address is where the host reaches the task", func(t *testing.T) {
		w := w.in(t)
		if got := w.ask(address+":8080", "name"); got != "main" {
			t.Errorf("%s answers %q", address, got)
		}
		out, err := w.ec2.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{Filters: []ec2types.Filter{
			{Name: aws.String("association.public-ip"), Values: []string{address}}}})
		if err != nil || len(out.NetworkInterfaces) != 1 || aws.ToString(out.NetworkInterfaces[0].NetworkInterfaceId) != aws.ToString(eni.NetworkInterfaceId) {
			t.Errorf("the interface is not found by its public address: %v %+v", err, out)
		}
	})
	t.Run("both stay over a restart", func(t *testing.T) {
		w := w.in(t)
		w.Kill()
		w.Restart()
		if now := w.publicIP(task); now != address {
			t.Errorf("the public address was %s and is %s", address, now)
		}
		if got := w.ask(address+":8080", "name"); got != "main" {
			t.Errorf("%s answers %q", address, got)
		}
	})
	t.Run("it has none where none is asked for", func(t *testing.T) {
		w := w.in(t)
		in := w.request(fargate(named("main", "8080")))
		in.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp = types.AssignPublicIpDisabled
		private := w.until("RUNNING", w.run(in)[0])
		if a := w.eni(private).Association; a != nil {
			t.Errorf("it has the public address %s", aws.ToString(a.PublicIp))
		}
	})
	t.Run("it goes with the task, and its address is not used again at once", func(t *testing.T) {
		w := w.in(t)
		stopped := w.stop(task)
		_, err := w.ec2.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{aws.ToString(eni.NetworkInterfaceId)}})
		w.wantError(err, "InvalidNetworkInterfaceID.NotFound", aws.ToString(eni.NetworkInterfaceId))
		if got := aws.ToString(stopped.Attachments[0].Status); got != "DELETED" {
			t.Errorf("the attachment is %s", got)
		}
		if got := detail(stopped, "privateIPv4Address"); got != aws.ToString(eni.PrivateIpAddress) {
			t.Errorf("the stopped task's address is %q", got)
		}
		privates, publics := []string{aws.ToString(eni.PrivateIpAddress)}, []string{address}
		for range 4 {
			next := w.until("RUNNING", w.run(in)[0])
			private, public := detail(next, "privateIPv4Address"), w.publicIP(next)
			if slices.Contains(privates, private) || slices.Contains(publics, public) {
				t.Errorf("%s and %s were used a moment ago", private, public)
			}
			privates, publics = append(privates, private), append(publics, public)
			w.stop(next)
		}
	})
	t.Run("nothing is left of those that stopped", func(t *testing.T) {
		berthtest.Eventually(t, 20*time.Second, "one interface is left", func() bool {
			out, err := w.ec2.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{})
			return err == nil && len(out.NetworkInterfaces) == 1
		})
	})
}

package vpc

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"sync"
	"testing"

	"github.com/berth-dev/berth/internal/store"
)

func TestCreateInterface(t *testing.T) {
	f := newFixture(t, "us-east-1")
	const attachment = "arn:aws:ecs:us-east-1:123456789012:attachment/1dc9a2a6-8e0d-4b11-a2f7-cbcbb1a8a1a5"
	made := f.mustCreate(InterfaceSpec{Subnets: []string{f.subnet(1)}, Attachment: attachment})
	d := defaults(f.scope)
	if made.VPC != d.vpc.ID || made.VPCCIDR != "172.31.0.0/16" || made.Subnet != f.subnet(1) || made.Zone != "us-east-1b" ||
		made.CIDR != "172.31.16.0/20" || made.Gateway != "172.31.16.1" || fmt.Sprint(made.DNS) != "[172.31.0.2]" ||
		fmt.Sprint(made.SecurityGroups) != "["+d.group.ID+"]" {
		t.Errorf("%+v", made)
	}
	for value, pattern := range map[string]string{made.ID: `^eni-[0-9a-f]{17}$`, made.MAC: `^02(:[0-9a-f]{2}){5}$`,
		made.PrivateDNSName: `^ip-172-31-\d+-\d+\.ec2\.internal$`} {
		if !regexp.MustCompile(pattern).MatchString(value) {
			t.Errorf("%q does not match %s", value, pattern)
		}
	}
	if !netip.MustParsePrefix(made.CIDR).Contains(netip.MustParseAddr(made.Address)) {
		t.Errorf("address %s is not in %s", made.Address, made.CIDR)
	}
	if row, _ := f.tables.interfaces.Get(f.scope, made.ID); row.Value.Description != attachment {
		t.Errorf("the description is %q", row.Value.Description)
	}
}

func TestCreateInterfaceErrors(t *testing.T) {
	f := newFixture(t, "us-east-1")
	tests := []struct {
		name string
		spec InterfaceSpec
		want error
	}{
		{"no such subnet", InterfaceSpec{Subnets: []string{"subnet-00000000"}}, ErrNoSubnet},
		{"no such security group", InterfaceSpec{Subnets: []string{f.subnet(0)}, SecurityGroups: []string{"sg-00000000"}}, ErrNoSecurityGroup},
		{"a subnet of another region", InterfaceSpec{Subnets: []string{defaults(store.Scope{Account: account, Region: "eu-west-1"}).subnets[0].ID}}, ErrNoSubnet},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if made, err := f.create(test.spec); !errors.Is(err, test.want) {
				t.Errorf("got %v, %v, want %v", made, err, test.want)
			}
		})
	}
	f.delete("eni-that-is-not-there")
}

// small makes a subnet of eight addresses, three of which interfaces may have.
func (f *fixture) small(id string) {
	f.Helper()
	subnet := &subnetRow{ID: id, VPC: defaults(f.scope).vpc.ID, CIDR: netip.MustParsePrefix("172.31.240.0/29"), Zone: "us-east-1a"}
	if err := f.db.Update(f.Context(), func(tx *store.Tx) error { return f.tables.subnets.Put(tx, f.scope, id, subnet) }); err != nil {
		f.Fatal(err)
	}
}

func TestASubnetHandsOutAllItsAddressesInTurn(t *testing.T) {
	f := newFixture(t, "us-east-1")
	f.small("subnet-small")
	spec := InterfaceSpec{Subnets: []string{"subnet-small"}}
	seen := map[string]bool{}
	var last Interface
	for range 3 {
		last = f.mustCreate(spec)
		seen[last.Address] = true
	}
	for _, address := range []string{"172.31.240.4", "172.31.240.5", "172.31.240.6"} {
		if !seen[address] {
			t.Errorf("%s was not handed out: %v", address, seen)
		}
	}
	if _, err := f.create(spec); !errors.Is(err, ErrNoAddress) {
		t.Errorf("a full subnet: %v", err)
	}
	spec.Subnets = append(spec.Subnets, f.subnet(0))
	if made := f.mustCreate(spec); made.Subnet != f.subnet(0) {
		t.Errorf("with room in another subnet: made in %s", made.Subnet)
	}
	f.delete(last.ID)
	if made := f.mustCreate(InterfaceSpec{Subnets: []string{"subnet-small"}}); made.Address != last.Address {
		t.Errorf("got %s, only %s is free", made.Address, last.Address)
	}
}

func TestAFreedAddressIsNotReusedSoon(t *testing.T) {
	f := newFixture(t, "us-east-1")
	seen := map[string]bool{}
	for i := range 400 {
		if i == 200 { // a restart forgets what it was about to hand out
			f.cursors = map[cursorKey]uint32{}
		}
		made := f.mustCreate(InterfaceSpec{Subnets: []string{f.subnet(0)}})
		if seen[made.Address] {
			t.Fatalf("%s was handed out again after %d others", made.Address, i)
		}
		seen[made.Address] = true
		if i%2 == 0 {
			f.delete(made.ID)
		}
	}
}

func TestManyInterfacesAtOnce(t *testing.T) {
	f := newFixture(t, "us-east-1")
	const transactions, each = 40, 10
	var runs, mu = 0, sync.Mutex{}
	seen := map[string]bool{}
	var working sync.WaitGroup
	for range transactions {
		working.Go(func() {
			var made []Interface
			err := f.db.Update(f.Context(), func(tx *store.Tx) error {
				mu.Lock()
				runs++
				mu.Unlock()
				made = nil
				for range each {
					i, err := f.CreateInterface(tx, f.scope, InterfaceSpec{Subnets: []string{f.subnet(0), f.subnet(1)}})
					if err != nil {
						return err
					}
					made = append(made, i)
				}
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			for _, i := range made {
				if seen[i.Address] {
					t.Errorf("%s was handed out twice", i.Address)
				}
				seen[i.Address] = true
			}
		})
	}
	working.Wait()
	if runs != transactions {
		t.Errorf("%d transactions took %d attempts: they were in each other's way", transactions, runs)
	}
}

// Two servers over one store don't share their turns.
func TestTwoServersDoNotHandOutTheSameAddress(t *testing.T) {
	f := newFixture(t, "us-east-1")
	f.mustCreate(InterfaceSpec{Subnets: []string{f.subnet(0)}})
	other := &Service{db: f.db, tables: f.tables, now: f.now, cursors: map[cursorKey]uint32{}}
	var one, two Interface
	var working sync.WaitGroup
	begun := make(chan struct{})
	for s, made := range map[*Service]*Interface{f.Service: &one, other: &two} {
		working.Go(func() {
			var once sync.Once
			err := f.db.Update(f.Context(), func(tx *store.Tx) (err error) {
				*made, err = s.CreateInterface(tx, f.scope, InterfaceSpec{Subnets: []string{f.subnet(0)}})
				once.Do(func() { // both have chosen before either commits
					select {
					case begun <- struct{}{}:
					case <-begun:
					}
				})
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	working.Wait()
	if one.Address == two.Address {
		t.Errorf("both handed out %s", one.Address)
	}
}

func TestHostAddressIsThePublicOneIfAskedFor(t *testing.T) {
	f := newFixture(t, "us-east-1")
	public := f.mustCreate(InterfaceSpec{Subnets: []string{f.subnet(0)}, Public: true})
	private := f.mustCreate(InterfaceSpec{Subnets: []string{f.subnet(0)}})
	if got := f.PublicAddress(f.scope, public.ID); got != "" {
		t.Errorf("before its agent has said anything the public address is %q", got)
	}
	host := netip.MustParseAddr("100.64.16.4")
	err := f.db.Update(f.Context(), func(tx *store.Tx) error {
		return errors.Join(f.SetHostAddress(tx, f.scope, public.ID, host), f.SetHostAddress(tx, f.scope, private.ID, host),
			f.SetHostAddress(tx, f.scope, "eni-gone", host))
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.PublicAddress(f.scope, public.ID); got != host.String() {
		t.Errorf("the public address is %q", got)
	}
	if got := f.PublicAddress(f.scope, private.ID); got != "" {
		t.Errorf("an interface without a public address has %q", got)
	}
}

package ecs

import "strings"

// taskInterfaces is how many network interfaces an EC2 instance of a type has for tasks: all but its own. ok is false for
// types that are not known. The figures are those of the EC2 user guide, "IP addresses per network interface per
// instance type".
func taskInterfaces(instanceType string) (n int64, ok bool) {
	if n, ok = interfacesOfTypes[instanceType]; ok {
		return n - 1, true
	}
	family, size, _ := strings.Cut(instanceType, ".")
	if n, ok = interfacesOfSizes[size]; ok && strings.Contains(" "+familiesBySize+" ", " "+family+" ") {
		return n - 1, true
	}
	return 0, false
}

// familiesBySize are the families that have as many interfaces as interfacesOfSizes says.
const familiesBySize = "c3 c4 c5 c5a c5ad c5d c5n c6g d2 i2 i3 i3en m3 m5 m5a m5ad m5d m5dn m5n m6g r3 r4 r5 r5a r5ad r5d r5dn r5n r6g"

var interfacesOfSizes = map[string]int64{
	"medium": 2, "large": 3, "xlarge": 4, "2xlarge": 4, "3xlarge": 4, "4xlarge": 8, "6xlarge": 8, "8xlarge": 8, "9xlarge": 8,
	"12xlarge": 8, "16xlarge": 15, "18xlarge": 15, "24xlarge": 15, "metal": 15,
}

var interfacesOfTypes = map[string]int64{
	"t2.nano": 2, "t2.micro": 2, "t2.small": 3, "t2.medium": 3, "t2.large": 3, "t2.xlarge": 3, "t2.2xlarge": 3,
	"t3.nano": 2, "t3.micro": 2, "t3.small": 3, "t3.medium": 3, "t3.large": 3, "t3.xlarge": 4, "t3.2xlarge": 4,
	"t3a.nano": 2, "t3a.micro": 2, "t3a.small": 2, "t3a.medium": 3, "t3a.large": 3, "t3a.xlarge": 4, "t3a.2xlarge": 4,
	"m4.large": 2, "m4.xlarge": 4, "m4.2xlarge": 4, "m4.4xlarge": 8, "m4.10xlarge": 8, "m4.16xlarge": 8,
	"a1.medium": 2, "a1.large": 3, "a1.xlarge": 4, "a1.2xlarge": 4, "a1.4xlarge": 8, "a1.metal": 8,
	"g2.2xlarge": 4, "g2.8xlarge": 8, "g3s.xlarge": 4, "g3.4xlarge": 8, "g3.8xlarge": 8, "g3.16xlarge": 15,
	"g4dn.xlarge": 3, "g4dn.2xlarge": 3, "g4dn.4xlarge": 3, "g4dn.8xlarge": 4, "g4dn.12xlarge": 8, "g4dn.16xlarge": 4, "g4dn.metal": 15,
	"p2.xlarge": 4, "p2.8xlarge": 8, "p2.16xlarge": 8, "p3.2xlarge": 4, "p3.8xlarge": 8, "p3.16xlarge": 8, "p3dn.24xlarge": 15,
	"inf1.xlarge": 4, "inf1.2xlarge": 4, "inf1.6xlarge": 8, "inf1.24xlarge": 15,
	"x1.16xlarge": 8, "x1.32xlarge": 8, "x1e.xlarge": 3, "x1e.2xlarge": 4, "x1e.4xlarge": 4, "x1e.8xlarge": 4, "x1e.16xlarge": 8, "x1e.32xlarge": 8,
}

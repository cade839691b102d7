package definition

import "testing"

func TestSizesAreNormalised(t *testing.T) {
	for in, want := range map[string]int64{"256": 256, "1 vCPU": 1024, ".5 vCPU": 512, "0.25vcpu": 256, "2 VCPU": 2048, "16 vCPUs": 16384, " 512 ": 512} {
		if n, ok := parseCPU(in); !ok || n != want {
			t.Errorf("cpu %q is %d, %v; want %d", in, n, ok, want)
		}
	}
	for in, want := range map[string]int64{"512": 512, "1 GB": 1024, "0.5GB": 512, "30gb": 30720, ".5 gb": 512} {
		if n, ok := parseMemory(in); !ok || n != want {
			t.Errorf("memory %q is %d, %v; want %d", in, n, ok, want)
		}
	}
	for _, in := range []string{"", "x", "1 GB", "1.2.3 vCPU", "0.3333 vCPU", "99999999999", "1e3", "9999999999999999999999 vCPU"} {
		if n, ok := parseCPU(in); ok {
			t.Errorf("cpu %q is taken for %d", in, n)
		}
	}
}

func TestFargateSizeTable(t *testing.T) {
	offered := map[int64][]int64{
		256:   {512, 1024, 2048},
		512:   {1024, 2048, 3072, 4096},
		1024:  {2048, 3072, 8192},
		2048:  {4096, 5120, 16384},
		4096:  {8192, 30720},
		8192:  {16384, 20480, 61440},
		16384: {32768, 40960, 122880},
	}
	refused := map[int64][]int64{
		256:   {0, 256, 1536, 3072},
		512:   {512, 5120},
		1024:  {1024, 9216},
		4096:  {7168, 31744},
		8192:  {17408, 15360, 65536},
		16384: {33792, 131072},
		128:   {512},
		300:   {1024},
	}
	for cpu, memories := range offered {
		for _, m := range memories {
			if !FargateOffers(Size{cpu, m}) {
				t.Errorf("cpu %d with memory %d is refused", cpu, m)
			}
		}
	}
	for cpu, memories := range refused {
		for _, m := range memories {
			if FargateOffers(Size{cpu, m}) {
				t.Errorf("cpu %d with memory %d is offered", cpu, m)
			}
		}
	}
}

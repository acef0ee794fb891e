package rules

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAccelerators(t *testing.T) {
	t.Parallel()
	for machine, want := range map[string]int{
		"": 0, "t3.medium": 0, "m7i.8xlarge": 0, "c5.large": 0, "r6g.xlarge": 0, "ml.m5.large": 0, "e2-standard-4": 0,
		"n2-standard-96": 0, "Standard_D4s_v5": 0, "gp3": 0, "g5.xlarge": 1, "ml.g5.2xlarge": 1, "g5.48xlarge": 8,
		"g6e.12xlarge": 4, "g4dn.metal": 8, "p3.2xlarge": 1, "p4d.24xlarge": 8, "p5.48xlarge": 8, "p5.4xlarge": 1,
		"p6-b200.48xlarge": 8, "inf2.48xlarge": 12, "trn1.2xlarge": 1, "trn1.32xlarge": 16, "g2-standard-4": 1,
		"g2-standard-96": 8, "a2-highgpu-1g": 1, "a3-highgpu-8g": 8, "zones/eu/machineTypes/a2-ultragpu-2g": 2,
		"ct5lp-hightpu-4t": 4, "Standard_NC4as_T4_v3": 1, "standard_nc64as_t4_v3": 4, "Standard_ND96isr_H100_v5": 8,
		"g7e.24xlarge": 4, "gr6.4xlarge": 1,
	} {
		assert.Equal(t, want, accelerators(machine), machine)
	}
}

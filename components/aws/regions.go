package aws

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/components"
)

// region is what the target knows of a region without asking for it.
type region struct {
	// partition is the first part of ARNs.
	partition string
	// zonePrefix and zones give the ids of the availability zones, which unlike their names mean the same zone in every
	// account. Source: docs.aws.amazon.com/global-infrastructure, Availability Zones.
	zonePrefix string
	zones      []int
}

// zoneIDs are the ids of the first n zones.
func (r region) zoneIDs(n int) ([]string, error) {
	if n > len(r.zones) {
		return nil, fmt.Errorf("zones: found %d, want at most %d, the zones of the region: %w", n, len(r.zones),
			components.ErrRange)
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-az%d", r.zonePrefix, r.zones[i])
	}
	return ids, nil
}

var three = []int{1, 2, 3}

// regions lists the regions that the target builds in: all of the commercial partition with SageMaker, and those of
// GovCloud. use1-az3 is left out because it lacks newer machines.
var regions = map[string]region{
	"us-east-1": {"aws", "use1", []int{1, 2, 4, 5, 6}}, "us-east-2": {"aws", "use2", three},
	"us-west-1": {"aws", "usw1", []int{1, 3}}, "us-west-2": {"aws", "usw2", []int{1, 2, 3, 4}},
	"ca-central-1": {"aws", "cac1", []int{1, 2, 4}}, "sa-east-1": {"aws", "sae1", three},
	"eu-central-1": {"aws", "euc1", three}, "eu-central-2": {"aws", "euc2", three},
	"eu-west-1": {"aws", "euw1", three}, "eu-west-2": {"aws", "euw2", three}, "eu-west-3": {"aws", "euw3", three},
	"eu-north-1": {"aws", "eun1", three}, "eu-south-1": {"aws", "eus1", three}, "eu-south-2": {"aws", "eus2", three},
	"ap-northeast-1": {"aws", "apne1", []int{1, 2, 4}}, "ap-northeast-2": {"aws", "apne2", []int{1, 2, 3, 4}},
	"ap-northeast-3": {"aws", "apne3", three}, "ap-southeast-1": {"aws", "apse1", three},
	"ap-southeast-2": {"aws", "apse2", three}, "ap-southeast-3": {"aws", "apse3", three},
	"ap-south-1": {"aws", "aps1", three}, "ap-east-1": {"aws", "ape1", three}, "af-south-1": {"aws", "afs1", three},
	"me-south-1": {"aws", "mes1", three}, "me-central-1": {"aws", "mec1", three}, "il-central-1": {"aws", "ilc1", three},
	"us-gov-west-1": {"aws-us-gov", "usgw1", three}, "us-gov-east-1": {"aws-us-gov", "usge1", three},
}

func regionNames() string { return strings.Join(slices.Sorted(maps.Keys(regions)), ", ") }

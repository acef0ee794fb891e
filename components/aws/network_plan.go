package aws

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mlpathway/mlpathway/components"
)

// subnetPlan says how a range is shared out.
type subnetPlan struct {
	// private and public subnets, one of each per zone.
	private, public []netip.Prefix
}

// planSubnets shares a range out over zones: each private subnet gets a quarter of it, and the last quarter is shared
// by the public ones. A plan for more zones begins with the plan for fewer, so that a zone more replaces no subnet.
func planSubnets(cidr string, zones int) (subnetPlan, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil || !prefix.Addr().Is4() || prefix.Bits() > 24 {
		return subnetPlan{}, fmt.Errorf("cidr: found %q, want an IPv4 range of /24 or larger: %w", cidr, components.ErrCIDR)
	}
	if zones < 2 || zones > 3 { // a cluster, Airflow and whatever is to survive a zone need two
		return subnetPlan{}, fmt.Errorf("zones: found %d, want 2 or 3: %w", zones, components.ErrRange)
	}
	plan := subnetPlan{}
	rest := part(prefix, 2, 3)
	for i := range zones {
		plan.private = append(plan.private, part(prefix, 2, i))
		plan.public = append(plan.public, part(rest, 2, i))
	}
	return plan, nil
}

// part is the i-th of 2^bits equal parts of a range.
func part(prefix netip.Prefix, bits, i int) netip.Prefix {
	first := prefix.Masked().Addr().As4()
	length := prefix.Bits() + bits
	address := binary.BigEndian.Uint32(first[:]) + uint32(i)<<(32-length)
	var at [4]byte
	binary.BigEndian.PutUint32(at[:], address)
	return netip.PrefixFrom(netip.AddrFrom4(at), length)
}

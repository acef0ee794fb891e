package aws

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
)

// FuzzPlanSubnets: the subnets lie in the range, do not overlap, are large enough for AWS, and a zone more moves none.
func FuzzPlanSubnets(f *testing.F) {
	f.Add(uint32(0x0a140000), 16, 3)
	f.Add(uint32(0xc0a80100), 24, 2)
	f.Fuzz(func(t *testing.T, address uint32, bits, zones int) {
		bits, zones = 16+abs(bits)%9, 2+abs(zones)%2
		whole := netip.PrefixFrom(netip.AddrFrom4([4]byte{
			byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address),
		}), bits).Masked()
		plan, err := planSubnets(whole.String(), zones)
		require.NoError(t, err)
		require.Len(t, plan.private, zones)
		require.Len(t, plan.public, zones)
		all := append(append([]netip.Prefix{}, plan.private...), plan.public...)
		for i, subnet := range all {
			assert.True(t, whole.Contains(subnet.Addr()) && subnet.Bits() > whole.Bits(), "%s in %s", subnet, whole)
			assert.Equal(t, subnet.Masked(), subnet)
			assert.LessOrEqual(t, subnet.Bits(), 28, "AWS has no smaller subnets")
			for _, other := range all[:i] {
				assert.False(t, subnet.Overlaps(other), "%s and %s", subnet, other)
			}
		}
		if zones > 2 {
			fewer, err := planSubnets(whole.String(), zones-1)
			require.NoError(t, err)
			assert.Equal(t, plan.private[:zones-1], fewer.private)
			assert.Equal(t, plan.public[:zones-1], fewer.public)
		}
	})
}

func abs(i int) int {
	if i < 0 {
		return -(i + 1) // the smallest number has no opposite
	}
	return i
}

func TestPlanSubnets(t *testing.T) {
	t.Parallel()
	plan, err := planSubnets("10.20.0.0/16", 3)
	require.NoError(t, err)
	var got []string
	for _, subnet := range append(plan.private, plan.public...) {
		got = append(got, subnet.String())
	}
	assert.Equal(t, []string{
		"10.20.0.0/18", "10.20.64.0/18", "10.20.128.0/18", "10.20.192.0/20", "10.20.208.0/20", "10.20.224.0/20",
	}, got)
	for _, cidr := range []string{"10.20.0.0/25", "fd00::/48", "here"} {
		_, err := planSubnets(cidr, 2)
		require.ErrorIs(t, err, components.ErrCIDR, cidr)
	}
	for _, zones := range []int{0, 1, 4} {
		_, err = planSubnets("10.20.0.0/16", zones)
		require.ErrorIs(t, err, components.ErrRange)
	}
}

func TestZoneIDs(t *testing.T) {
	t.Parallel()
	ids, err := regions["ap-northeast-1"].zoneIDs(3)
	require.NoError(t, err)
	assert.Equal(t, []string{"apne1-az1", "apne1-az2", "apne1-az4"}, ids)
	_, err = regions["us-west-1"].zoneIDs(3)
	require.ErrorContains(t, err, "at most 2")
	for name, r := range regions {
		assert.GreaterOrEqual(t, len(r.zones), 2, name)
		assert.NotEmpty(t, r.partition+r.zonePrefix, name)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	for days, want := range map[int]int{1: 1, 2: 3, 14: 14, 31: 60, 365: 365, 366: 400, 3653: 3653, 9999: 3653} {
		assert.Equal(t, want, retention(days), days)
	}
}

func TestCronExpression(t *testing.T) {
	t.Parallel()
	for five, want := range map[string]string{
		"*/15 * * * *":   "cron(*/15 * * * ? *)",
		"0 2 * * *":      "cron(0 2 * * ? *)",
		"30 6 1 */3 *":   "cron(30 6 1 */3 ? *)",
		"0 8 * * 1-5":    "cron(0 8 ? * MON,TUE,WED,THU,FRI *)",
		"0 8 * * 0":      "cron(0 8 ? * SUN *)",
		"0 8 * * SAT":    "cron(0 8 ? * SAT *)",
		"0 8 * 1,7 6,0":  "cron(0 8 ? 1,7 SUN,SAT *)",
		"15 10,22 * * *": "cron(15 10,22 * * ? *)",
	} {
		got, err := cronExpression(five)
		require.NoError(t, err)
		assert.Equal(t, want, got, five)
	}
	for _, bad := range []string{"0 0 1 * 1", "x", "0 0 * *", "@daily"} {
		_, err := cronExpression(bad)
		require.ErrorIs(t, err, components.ErrSchedule, bad)
	}
}

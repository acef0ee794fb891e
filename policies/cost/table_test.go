package cost_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/cost"
)

const header = "cloud,service,sku,region,unit,usd,source,date,mark\n"

var today = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func TestReadPricesRefuses(t *testing.T) {
	t.Parallel()
	good := "aws,kms,key,us-east-1,month,1,a page,2024-07-01,\n"
	for name, test := range map[string]struct{ rows, want string }{
		"no source":        {"aws,kms,key,us-east-1,month,1,,2024-07-01,\n", "line 2: source is missing"},
		"no date":          {"aws,kms,key,us-east-1,month,1,a page,,\n", "line 2: date is missing"},
		"undated":          {"aws,kms,key,us-east-1,month,1,a page,undated,\n", `found "undated"`},
		"no such day":      {"aws,kms,key,us-east-1,month,1,a page,2024-02-31,\n", `found "2024-02-31"`},
		"from the future":  {"aws,kms,key,us-east-1,month,1,a page,2027-01-01,\n", "not in the future"},
		"negative":         {"aws,kms,key,us-east-1,month,-1,a page,2024,\n", "above 0"},
		"zero":             {"aws,kms,key,us-east-1,month,0,a page,2024,\n", "above 0"},
		"no number":        {"aws,kms,key,us-east-1,month,cheap,a page,2024,\n", "above 0"},
		"infinite":         {"aws,kms,key,us-east-1,month,1e999,a page,2024,\n", "above 0"},
		"sentinel":         {"gcp,gce-ondemand,a2,us-central1,hour,700.0,a page,2024,\n", "placeholder"},
		"duplicate":        {good + good, "line 3: aws/kms/key/us-east-1 stands on line 2 already"},
		"unknown mark":     {"aws,kms,key,us-east-1,month,1,a page,2024,maybe\n", `found "maybe"`},
		"too few fields":   {"aws,kms\n", "wrong number of fields"},
		"spot above":       {spotAbove(""), "is above on demand at 1"},
		"regions apart":    {good + "aws,kms,key,eu-west-1,month,3.5,a page,2024,\n", "more than 3 times the 1 of us-east-1"},
		"every bad row":    {"aws,a,b,c,hour,0,d,2024,\naws,a,b,c,hour,x,d,2024,\n", "line 3"},
		"a broken quote":   {"aws,\"kms,key\n", "price table"},
		"bad month":        {"aws,kms,key,us-east-1,month,1,a page,2024-13,\n", `found "2024-13"`},
		"free-form period": {"aws,kms,key,us-east-1,month,1,a page,2023-2026,\n", `found "2023-2026"`},
	} {
		_, err := cost.ReadPrices(strings.NewReader(header+test.rows), today)
		require.ErrorContains(t, err, test.want, name)
	}
	_, err := cost.ReadPrices(strings.NewReader("cloud,usd\n"), today)
	require.ErrorContains(t, err, "want the columns")
	rows, err := cost.ReadPrices(strings.NewReader(header+good+spotAbove(cost.SpotAboveOnDemand)), today)
	require.NoError(t, err, "a spot price above on demand that was seen so")
	assert.Len(t, rows, 3)
}

func spotAbove(mark string) string {
	return "aws,ec2-ondemand,m5.large,us-east-1,hour,1,a page,2024,\n" +
		"aws,ec2-spot-max-az,m5.large,us-east-1,hour,1.1,a page,2024," + mark + "\n"
}

func files(t *testing.T) (prices, manifest []byte) {
	t.Helper()
	prices, err := os.ReadFile("prices.csv")
	require.NoError(t, err)
	manifest, err = os.ReadFile("manifest.json")
	require.NoError(t, err)
	return prices, manifest
}

func TestLoadTableRefusesAChangedFile(t *testing.T) {
	t.Parallel()
	prices, manifest := files(t)
	_, err := cost.LoadTable(prices, manifest)
	require.NoError(t, err)
	_, err = cost.LoadTable(bytes.Replace(prices, []byte(",hour,"), []byte(",month,"), 1), manifest)
	require.ErrorContains(t, err, "SHA-256")
	for from, to := range map[string]string{
		`"version": 1`: `"version": 2`, "USD": "EUR", `"date": "`: `"date": "the `, `"aws": `: `"aws": 1`,
		`"rows"`: `"lines"`,
	} {
		_, err = cost.LoadTable(prices, bytes.Replace(manifest, []byte(from), []byte(to), 1))
		require.Error(t, err, from)
	}
}

// TestFind uses rows of its own: the embedded table is renewed, and its tests must not say which regions it has.
func TestFind(t *testing.T) {
	t.Parallel()
	table := tableOf(t, header+
		"aws,nat-gateway,hour,us-east-1,hour,0.045,a page,2024,\n"+
		"aws,nat-gateway,hour,eu-west-1,hour,0.048,a page,2024,\n"+
		"aws,emr-serverless,vcpu,ap-southeast-1,hour,0.06,a page,2024,\n"+
		"aws,sagemaker-instance,ml.p4d.24xlarge,us-east-1,hour,37.7,a page,2024,superseded\n")
	assert.Zero(t, table.AgeDays(today))
	assert.Equal(t, 181, table.AgeDays(today.AddDate(0, 0, 181)))
	for region, want := range map[string]float64{"us-east-1": 0.045, "eu-west-1": 0.048} {
		nat, ok := table.Find("aws", "nat-gateway", "hour", region)
		require.True(t, ok)
		assert.InDelta(t, want, nat.USD, 1e-12)
	}
	nat, ok := table.Find("aws", "nat-gateway", "hour", "eu-central-1")
	require.True(t, ok)
	assert.Equal(t, "us-east-1", nat.Region, "the reference region stands in")
	spark, ok := table.Find("aws", "emr-serverless", "vcpu", "us-east-1")
	require.True(t, ok)
	assert.Equal(t, "ap-southeast-1", spark.Region, "the only region that the table has")
	_, ok = table.Find("aws", "sagemaker-instance", "ml.p4d.24xlarge", "us-east-1")
	assert.False(t, ok, "a superseded price is no price")
	_, ok = table.Find("aws", "kms", "lock", "us-east-1")
	assert.False(t, ok)
}

// TestEveryRowHasAnOrigin: a figure that nobody can check is no figure.
func TestEveryRowHasAnOrigin(t *testing.T) {
	t.Parallel()
	table, err := cost.Embedded()
	require.NoError(t, err)
	assert.Greater(t, len(table.Prices()), 400)
	for _, p := range table.Prices() {
		assert.NotEmpty(t, p.Source, p.Ref())
		assert.NotEmpty(t, p.Date, p.Ref())
		machine := p.Cloud == "gcp" && !strings.HasPrefix(p.Service, "gce-vm") && !strings.HasPrefix(p.Service, "gce-gpu")
		bundled := slices.ContainsFunc([]string{"a2-", "a3-", "g2-"}, func(family string) bool {
			return machine && strings.HasPrefix(p.SKU, family)
		})
		assert.Equal(t, bundled, p.Has(cost.AcceleratorIncluded), p.Ref())
	}
}

func FuzzReadPrices(f *testing.F) {
	f.Add(header + "aws,kms,key,us-east-1,month,1,a page,2024-07-01,\n")
	f.Add(header + spotAbove(""))
	f.Add("cloud\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := cost.ReadPrices(strings.NewReader(text), today)
		if err != nil {
			return
		}
		for _, p := range rows {
			assert.Positive(t, p.USD)
			assert.NotEmpty(t, p.Source)
			assert.NotEmpty(t, p.Date)
		}
	})
}

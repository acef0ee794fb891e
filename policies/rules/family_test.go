package rules

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLocalDisks(t *testing.T) {
	t.Parallel()
	for machine, want := range map[string]bool{
		"ml.m5.large": false, "ml.m5d.large": true, "ml.c6i.xlarge": false, "ml.c6id.xlarge": true, "ml.g5.xlarge": true,
		"ml.g4dn.xlarge": true, "ml.p5.48xlarge": true, "ml.p3.2xlarge": false, "ml.inf2.xlarge": false, "": false,
	} {
		assert.Equal(t, want, hasLocalDisk(machine), machine)
	}
}

func TestPinnedSubjects(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]bool{
		"repo:a/b:ref:refs/heads/main": true, "repo:a/b:ref:refs/tags/v*": true, "repo:a/b:environment:prod": true,
		"repo:a/b:pull_request": true, "repo:a/b:*": false, "repo:a/*:ref:refs/heads/main": false, "repo:a/b": false,
		"repo:a/b:ref:*": false, "repo:a/b:ref:refs/heads/*": false, "repo:*": false, "*": false, "": false,
		"repo:/b:ref:refs/heads/main": false, "repo:a:ref:refs/heads/main": false, "user:a/b:ref:x": false,
	} {
		assert.Equal(t, want, pinnedSubject(subject), subject)
	}
}

func TestActionsThatNameResources(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]bool{
		"s3:GetObject": true, "s3:ListBucket": true, "s3:List*": true, "s3:ListAllMyBuckets": false, "ec2:Describe*": false,
		"ec2:D*": true, "ecr:GetAuthorizationToken": false, "ecr:*": true, "*": true, "iam:PassRole": true,
		"cloudwatch:putmetricdata": false, "kms:Decrypt": true,
	} {
		assert.Equal(t, want, namesResource(action), action)
	}
}

func TestNetworksThatMeanEverybody(t *testing.T) {
	t.Parallel()
	for network, want := range map[string]bool{
		"0.0.0.0/0": true, "::/0": true, "*": true, "Internet": true, "0.0.0.0/1": true, "2000::/3": true,
		"10.0.0.0/8": false, "fc00::/7": false, "203.0.113.7/32": false, "VirtualNetwork": false,
		"": false, "nonsense": false,
	} {
		assert.Equal(t, want, isWorld(network), network)
	}
	assert.Equal(t, Maybe, worldwide(ListValue([]Value{StringValue("10.0.0.0/8"), UnknownValue()})))
	assert.Equal(t, Yes, worldwide(ListValue([]Value{UnknownValue(), StringValue("::/0")})))
	assert.Equal(t, No, worldwide(Value{}))
}

func TestPortRanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ports any
		want  Tri
	}{
		{"22", Yes}, {22.0, Yes}, {"20-30", Yes}, {"443", No}, {"8000-8100", No}, {"*", Yes}, {[]any{"80", "5432"}, Yes},
		{[]any{}, No}, {nil, No}, {"ssh", Maybe}, {"22-x", Maybe}, {UnknownValue(), Maybe}, {true, Maybe},
	} {
		assert.Equal(t, c.want, portRanges(Of(c.ports)), "%v", c.ports)
	}
	assert.Equal(t, Yes, awsPorts(StringValue("-1"), Value{}, Value{}), "all protocols")
	assert.Equal(t, Yes, awsPorts(StringValue("tcp"), Value{}, Value{}), "no numbers are all ports")
	assert.Equal(t, No, awsPorts(StringValue("icmp"), NumberValue(0), NumberValue(65535)))
	assert.Equal(t, Maybe, awsPorts(StringValue("tcp"), NumberValue(0), UnknownValue()))
}

func TestSecretNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"PASSWORD": true, "dbPasswd": true, "API_KEY": true, "apiKey": true, "TOKEN": true, "AWS_SECRET_ACCESS_KEY": true,
		"SECRET_ARN": false, "TOKEN_URI": false, "API_TOKEN_FILE": false, "AWS_ACCESS_KEY_ID": false, "KMS_KEY": false,
		"LOG_LEVEL": false, "TOKENIZER": false, "secretName": false, "CONNECTION_STRING": true, "PASSWORD_LENGTH": false,
	} {
		assert.Equal(t, want, secretNamed(name), name)
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"86400s": 1, "7776000s": 90, "43200.0s": 0.5} {
		days, ok := duration(StringValue(text))
		assert.True(t, ok, text)
		assert.InDelta(t, want, days, 1e-9, text)
	}
	for _, text := range []string{"", "s", "90d", "86400"} {
		_, ok := duration(StringValue(text))
		assert.False(t, ok, text)
	}
}

// TestRemediesMendAndComeToRest applies the remedies of every rule to what breaks it by a flag: afterwards the resource
// needs no remedy any more.
func TestRemediesMendAndComeToRest(t *testing.T) {
	t.Parallel()
	remedies := 0
	for _, rule := range Catalogue() {
		for i := range rule.Matchers {
			m := &rule.Matchers[i]
			if m.Remedy == nil {
				continue
			}
			r := &Resource{URN: "urn", Type: m.Type, Properties: MapValue(nil)}
			for _, environment := range Environments() {
				c := &Check{
					Resource: r, Graph: NewGraph([]*Resource{r}), Stack: &Stack{Environment: environment},
					result: &result{documents: documents{}},
				}
				for _, change := range m.Remedy(c) {
					remedies++
					r.Properties = r.Properties.With(change.Path, change.New)
				}
				assert.Empty(t, m.Remedy(c), "%s %s", rule.ID, m.Type)
			}
		}
	}
	assert.Greater(t, remedies, 20)
}

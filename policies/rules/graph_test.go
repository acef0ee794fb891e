package rules

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
)

const (
	bucketType = "aws:s3/bucketV2:BucketV2"
	blockType  = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
)

// made is a resource with a URN that ends in its name.
func made(typ, name string, properties map[string]any) *Resource {
	return &Resource{
		URN: "urn:pulumi:s::p::" + typ + "::" + name, Type: typ, Name: name, Custom: true, Properties: Of(properties),
	}
}

func (r *Resource) from(property string, targets ...*Resource) *Resource {
	r.PropertyDependencies = map[string][]string{}
	for _, target := range targets {
		r.PropertyDependencies[property] = append(r.PropertyDependencies[property], target.URN)
	}
	return r
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for token, want := range map[string][2]string{
		"azure-native:storage/v20230101:StorageAccount": {"azure-native:storage:StorageAccount", "v20230101"},
		"azure-native:storage:StorageAccount":           {"azure-native:storage:StorageAccount", ""},
		bucketType:                                      {bucketType, ""},
		"kubernetes:apps/v1:Deployment":                 {"kubernetes:apps/v1:Deployment", ""},
		"azure-native:odd":                              {"azure-native:odd", ""},
		"":                                              {"", ""},
	} {
		normal, version := SplitToken(token)
		assert.Equal(t, want, [2]string{normal, version}, token)
	}
	assert.Equal(t, Kubernetes, CloudOf("kubernetes:apps/v1:Deployment"))
	assert.Empty(t, CloudOf("pulumi:providers:aws"))
	assert.Empty(t, CloudOf("mlpathway:data:Lake"))
}

func TestNewGraph(t *testing.T) {
	t.Parallel()
	b, a := made(bucketType, "b", nil), made(bucketType, "a", nil)
	account := made("azure-native:storage/v20230101:StorageAccount", "c", nil)
	g := NewGraph([]*Resource{b, account, a})
	assert.Equal(t, []*Resource{a, b}, g.OfType(bucketType))
	assert.Equal(t, []*Resource{account}, g.OfType("azure-native:storage:StorageAccount"))
	assert.True(t, g.HasType(blockType, bucketType))
	assert.False(t, g.HasType(blockType))
	assert.Equal(t, "v20230101", account.APIVersion)
	assert.Equal(t, a, g.Resource(a.URN))
	assert.Nil(t, g.Resource("urn:pulumi:s::p::x:y:Z::none"))
	assert.True(t, g.Has(Azure))
	assert.False(t, g.Has(GCP))
}

func TestAncestorsEndInACycle(t *testing.T) {
	t.Parallel()
	a, b, c := made("x:y:Z", "a", nil), made("x:y:Z", "b", nil), made("x:y:Z", "c", nil)
	a.Parent, b.Parent, c.Parent = b.URN, c.URN, a.URN
	assert.Equal(t, []*Resource{b, c}, NewGraph([]*Resource{a, b, c}).Ancestors(a))
}

func TestLinks(t *testing.T) {
	t.Parallel()
	raw := made(bucketType, "raw", map[string]any{"bucket": "fraud-raw"})
	curated := made(bucketType, "curated", nil)
	curated.ID = "fraud-curated"
	other := made(bucketType, "other", nil)
	byURN := made(blockType, "1", map[string]any{"bucket": UnknownValue()}).from("bucket", raw)
	byName := made(blockType, "2", map[string]any{"bucket": "fraud-raw"})
	byID := made(blockType, "3", map[string]any{"bucket": "fraud-curated"})
	both := made(blockType, "4", map[string]any{"bucket": "fraud-curated"}).from("bucket", curated)
	g := NewGraph([]*Resource{raw, curated, other, byURN, byName, byID, both})

	assert.Equal(t, Links{Found: []*Resource{byURN, byName}}, g.Links(raw, blockType, "bucket"))
	assert.Equal(t, Links{Found: []*Resource{both, byID}}, g.Links(curated, blockType, "bucket"))
	assert.Empty(t, g.Links(other, blockType, "bucket"))
	assert.Equal(t, []*Resource{raw}, g.Refers(byURN, "bucket"))
	assert.Empty(t, g.Refers(byURN, "bucket", "aws:kms/key:Key"))

	loose := made(blockType, "5", map[string]any{"bucket": UnknownValue()})
	g = NewGraph([]*Resource{other, loose})
	assert.Equal(t, Links{Unclear: []*Resource{loose}}, g.Links(other, blockType, "bucket"))
}

func TestTooManyNamesakesTellNothing(t *testing.T) {
	t.Parallel()
	bucket := made(bucketType, "b", map[string]any{"bucket": "same"})
	all := []*Resource{bucket}
	for i := range maxNamesakes + 1 {
		all = append(all, made(blockType, strconv.Itoa(i), map[string]any{"bucket": "same"}))
	}
	links := NewGraph(all).Links(bucket, blockType, "bucket")
	assert.Empty(t, links.Found)
	assert.Len(t, links.Unclear, maxNamesakes+1)
}

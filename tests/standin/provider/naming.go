package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/mlpathway/mlpathway/tests/standin/schema"
)

// naming decides under which property a type is named, and names what the program left unnamed.
type naming struct {
	definition *schema.Definition
	urn        resource.URN
	generation int
}

// digits are hexadecimal digits that follow from the resource alone, so that every run invents the same.
func (n naming) digits(salt string, length int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s", n.urn, n.generation, salt))
	return hex.EncodeToString(sum[:])[:length]
}

func (n naming) uuid(salt string) string {
	d := n.digits(salt, 32)
	return strings.Join([]string{d[:8], d[8:12], d[12:16], d[16:20], d[20:]}, "-")
}

func (n naming) pkg() string { return string(n.urn.Type().Package()) }

// service is the part of the token that names a service: s3, compute, storage, apps.
func (n naming) service() string {
	module := string(n.urn.Type().Module().Name())
	service, _, _ := strings.Cut(module, "/")
	return service
}

// object tells whether the type is an object of Kubernetes, with metadata; a release of a Helm chart is none.
func (n naming) object() bool { return n.pkg() == "kubernetes" && n.service() != "helm.sh" }

func (n naming) typeName() string { return string(n.urn.Type().Name()) }

// property is the input that names a resource of the type; "" where there is none.
func (n naming) property() string {
	if n.definition == nil {
		return ""
	}
	candidates := n.candidates()
	i := slices.IndexFunc(candidates, func(name string) bool {
		known, ok := n.definition.Inputs[name]
		return ok && known.Type.Kind == schema.String
	})
	if i < 0 {
		return ""
	}
	return candidates[i]
}

func (n naming) candidates() []string {
	name := n.typeName()
	own := strings.ToLower(name[:1]) + name[1:]
	last := lastWord(name)
	switch n.pkg() {
	case "aws":
		if name == "Bucket" || name == "BucketV2" {
			return []string{"bucket"}
		}
		return []string{"name", own + "Name", last + "Name", own + "Identifier", last + "Identifier"}
	case "gcp":
		return []string{"name", own + "Id", last + "Id", own + "Name", "accountId"}
	case "azure-native":
		return []string{own + "Name", last + "Name", "resourceName", "name"}
	}
	return []string{"name"}
}

// lastWord is the last word of a name in camel case, in lower case.
func lastWord(name string) string {
	i := strings.LastIndexFunc(name, unicode.IsUpper)
	return strings.ToLower(name[max(i, 0):])
}

// autoname adds the name that the program left out, and says so under defaults. A name that was chosen before stays.
func (n naming) autoname(inputs, before property.Map) property.Map {
	if n.object() {
		return n.autonameMetadata(inputs, before)
	}
	name := n.property()
	if name == "" || !inputs.Get(name).IsNull() || n.definition.Inputs[name].Required ||
		!inputs.Get(name+"Prefix").IsNull() {
		return inputs
	}
	chosen := text(plain(before), name)
	if chosen == "" || before.Get(defaults).IsNull() {
		chosen = n.choose()
	}
	return inputs.Set(name, property.New(chosen)).
		Set(defaults, property.New([]property.Value{property.New(name)}))
}

// choose makes up a name as the real providers do: the logical name and some digits.
func (n naming) choose() string {
	name := n.urn.Name()
	switch {
	case n.pkg() != "azure-native":
		return name + "-" + n.digits("name", 7)
	case n.service() == "authorization":
		return n.uuid("name")
	default:
		return strings.ReplaceAll(name, "-", "") + n.digits("name", 8)
	}
}

func (n naming) autonameMetadata(inputs, before property.Map) property.Map {
	metadata := inputs.Get("metadata")
	if metadata.IsComputed() || metadata.IsMap() &&
		(!metadata.AsMap().Get("name").IsNull() || !metadata.AsMap().Get("generateName").IsNull()) {
		return inputs
	}
	values := property.Map{}
	if metadata.IsMap() {
		values = metadata.AsMap()
	}
	chosen := text(plain(before), "metadata", "name")
	if chosen == "" || before.Get(defaults).IsNull() {
		chosen = n.urn.Name() + "-" + n.digits("name", 8)
	}
	return inputs.Set("metadata", property.New(values.Set("name", property.New(chosen)))).
		Set(defaults, property.New([]property.Value{property.New("metadata.name")}))
}

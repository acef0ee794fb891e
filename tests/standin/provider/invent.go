package provider

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/mlpathway/mlpathway/tests/standin/schema"
)

// Where everything that the stand-in invents lies.
const (
	account      = "123456789012"
	region       = "eu-central-1"
	project      = "standin-project"
	subscription = "00000000-1111-2222-3333-444444444444"
	tenant       = "99999999-8888-7777-6666-555555555555"
	moment       = "2026-01-01T00:00:00Z"
)

// SecretMark begins every text that the stand-in invents where a real provider would give a secret. It must never show
// in a state.
const SecretMark = "standin-secret-"

// invention makes up what a provider returns. It depends on nothing but the resource, its inputs and how often it was
// made before.
type invention struct {
	definition *schema.Definition
	urn        resource.URN
	inputs     property.Map
	generation int
	// old is the state before an update.
	old property.Map
}

func (i invention) naming() naming {
	return naming{definition: i.definition, urn: i.urn, generation: i.generation}
}

// name is what the resource is called in its cloud.
func (i invention) name() string {
	n := i.naming()
	key := n.property()
	if key == "" {
		return i.urn.Name()
	}
	if name := text(i.inputs, key); name != "" {
		return name
	}
	return text(i.inputs, key+"Prefix") + n.digits("name", 10)
}

// id makes up the id of a resource.
func (i invention) id() string {
	switch i.naming().pkg() {
	case "aws":
		return i.awsID()
	case "gcp":
		return i.gcpID()
	case "azure-native":
		return i.azureID()
	case "kubernetes":
		return i.kubernetesID()
	default:
		return i.naming().service() + "-" + i.naming().digits("id", 17)
	}
}

// scalars joins the texts that a resource requires: the id of what has no name of its own, such as an attachment.
func (i invention) scalars() string {
	if i.definition == nil {
		return ""
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(i.definition.Inputs)) {
		kind := i.definition.Inputs[key].Type.Kind
		if i.definition.Inputs[key].Required && (kind == schema.String || kind == schema.Any) {
			if value := text(i.inputs, key); value != "" && len(value) < 200 {
				parts = append(parts, value)
			}
		}
	}
	return strings.Join(parts, "/")
}

// outputs are the inputs and what a cloud adds to them.
func (i invention) outputs(inputs property.Map, id string) property.Map {
	outputs := inputs.Delete(defaults).AsMap()
	if outputs == nil {
		outputs = map[string]property.Value{}
	}
	if i.naming().object() {
		i.kubernetesOutputs(outputs)
	}
	if i.definition == nil {
		return property.NewMap(outputs)
	}
	for key, known := range i.definition.Outputs {
		if _, given := outputs[key]; given || !known.Required {
			continue
		}
		_, input := i.definition.Inputs[key]
		value := i.value(key, known.Type, id, !input, 0)
		if slices.Contains(i.definition.Secrets, key) {
			value = value.WithSecret(true)
		}
		outputs[key] = value
	}
	return property.NewMap(outputs)
}

// preview is what is known before anything is made.
func (i invention) preview(inputs property.Map) property.Map {
	outputs := inputs.Delete(defaults).AsMap()
	if outputs == nil {
		outputs = map[string]property.Value{}
	}
	if i.definition != nil {
		for key, known := range i.definition.Outputs {
			if _, given := outputs[key]; given || !known.Required {
				continue
			}
			if before, ok := i.old.GetOk(key); ok {
				outputs[key] = before
				continue
			}
			outputs[key] = property.New(property.Computed)
		}
	}
	return property.NewMap(outputs)
}

// value makes up an output. computed outputs, which no program can give, are filled to the leaves.
func (i invention) value(key string, typ schema.Type, id string, computed bool, depth int) property.Value {
	switch typ.Kind {
	case schema.String:
		return property.New(i.text(key, id))
	case schema.Boolean:
		return property.New(false)
	case schema.Integer, schema.Number:
		return property.New(1.0)
	case schema.Array:
		if !computed || depth > 4 {
			return property.New([]property.Value{})
		}
		return property.New([]property.Value{i.value(key, *typ.Elem, id, computed, depth+1)})
	case schema.Map:
		if key == "tagsAll" || key == "effectiveLabels" || key == "pulumiLabels" {
			return i.tags()
		}
		return property.New(map[string]property.Value{})
	case schema.Struct:
		return property.New(i.object(i.definition.Objects[typ.Ref], id, computed, depth))
	default:
		return property.Value{}
	}
}

func (i invention) object(o schema.Object, id string, computed bool, depth int) map[string]property.Value {
	fields := map[string]property.Value{}
	for name, known := range o {
		if depth < 5 && (computed || known.Required) {
			fields[name] = i.value(name, known.Type, id, computed, depth+1)
		}
	}
	return fields
}

func (i invention) tags() property.Value {
	for _, key := range []string{"tags", "labels"} {
		if tags := i.inputs.Get(key); tags.IsMap() {
			return tags
		}
	}
	return property.New(map[string]property.Value{})
}

var (
	sensitive = regexp.MustCompile(`(?i)(password|privatekey|secretkey|primarykey|secondarykey|accesskey|` +
		`connectionstring|kubeconfig|kubeconfigraw|token|secret|clientkey)$`)
	address = regexp.MustCompile(`(?i)(url|uri|endpoint|issuer|link)$`)
	instant = regexp.MustCompile(`(Date|At|Time|Timestamp)$`)
	status  = regexp.MustCompile(`(?i)(status|state)$`)
)

// text makes up a text for an output by its name.
func (i invention) text(key, id string) string {
	n := i.naming()
	switch {
	case sensitive.MatchString(key):
		return SecretMark + n.digits(key, 24)
	case key == n.property():
		return i.name()
	case key == "id":
		return id
	case key == "region" || key == "location":
		return region
	case key == "project":
		return project
	case strings.HasSuffix(strings.ToLower(key), "arn"):
		return i.arn(key)
	case key == "name":
		return i.name()
	}
	if value, ok := i.special(key); ok {
		return value
	}
	return i.likely(key)
}

// likely makes up a text whose form follows from the end of the name.
func (i invention) likely(key string) string {
	n := i.naming()
	switch {
	case address.MatchString(key):
		return "https://" + n.digits(key, 12) + "." + n.service() + "." + n.pkg() + ".standin.invalid"
	case instant.MatchString(key):
		return moment
	case key == "provisioningState":
		return "Succeeded"
	case status.MatchString(key):
		return "ACTIVE"
	case key == "ownerId" || key == "accountId" || key == "registryId":
		return account
	case strings.HasSuffix(key, "Id"):
		return strings.ToLower(strings.TrimSuffix(key, "Id")) + "-" + n.digits(key, 17)
	default:
		return key + "-" + n.digits(key, 8)
	}
}

// special are the outputs that programs take apart, so that their form matters.
func (i invention) special(key string) (string, bool) {
	n := i.naming()
	switch n.pkg() + ":" + key {
	case "aws:repositoryUrl":
		return account + ".dkr.ecr." + region + ".amazonaws.com/" + i.name(), true
	case "aws:bucketDomainName":
		return i.name() + ".s3.amazonaws.com", true
	case "aws:bucketRegionalDomainName":
		return i.name() + ".s3." + region + ".amazonaws.com", true
	case "aws:issuer":
		return "https://oidc.eks." + region + ".amazonaws.com/id/" + strings.ToUpper(n.digits(key, 32)), true
	case "gcp:email":
		return i.name() + "@" + project + ".iam.gserviceaccount.com", true
	case "gcp:member":
		return "serviceAccount:" + i.name() + "@" + project + ".iam.gserviceaccount.com", true
	case "gcp:selfLink":
		return "https://www.googleapis.com/" + n.service() + "/v1/" + i.gcpPath(), true
	case "gcp:url":
		return "gs://" + i.name(), n.typeName() == "Bucket"
	case "azure-native:principalId", "azure-native:clientId", "azure-native:objectId":
		return n.uuid(key), true
	case "azure-native:tenantId":
		return tenant, true
	case "azure-native:type":
		return i.azureType(), true
	}
	return "", false
}

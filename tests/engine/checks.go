package engine

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/tests/standin/cloud"
	"github.com/mlpathway/mlpathway/tests/standin/provider"
)

// TreeProblems lists the resources that do not stand under the platform.
func TreeProblems(s *State) []string {
	parents := map[resource.URN]resource.URN{}
	for _, r := range s.Resources {
		parents[r.URN] = r.Parent
	}
	var problems []string
	for _, r := range s.Resources {
		if r.Type == resource.RootStackType || strings.HasPrefix(string(r.Type), "pulumi:") {
			continue
		}
		at := r.URN
		for at != "" && string(at.Type()) != components.PlatformToken {
			at = parents[at]
		}
		if at == "" {
			problems = append(problems, fmt.Sprintf("%s has no parent that leads to the platform", r.URN))
		}
	}
	return problems
}

// sensitive are the names of properties that hold a secret, if they hold a text.
var sensitive = regexp.MustCompile(`(?i)(password|privatekey|secretkey|accesskey|connectionstring|kubeconfig)$`)

// SecretProblems lists the places where a state shows a secret: a property whose name says that it is one, a secret
// that the stand-in invented, or a text that is encrypted elsewhere in the same state.
func SecretProblems(s *State) ([]string, error) {
	hidden, err := s.decrypted()
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, r := range s.Resources {
		walk("", map[string]any{"inputs": r.Inputs, "outputs": r.Outputs}, func(path, text string) {
			key := path[strings.LastIndex(path, ".")+1:]
			switch {
			case sensitive.MatchString(key) && text != "", strings.Contains(text, provider.SecretMark):
				problems = append(problems, fmt.Sprintf("%s shows %s in plain", r.URN, path))
			case len(text) >= minSecret && slices.ContainsFunc(hidden, func(h string) bool { return strings.Contains(text, h) }):
				problems = append(problems, fmt.Sprintf("%s shows in %s what is a secret elsewhere", r.URN, path))
			}
		})
	}
	return problems, nil
}

// minSecret is the length from which a text is unlikely to be equal to a secret by chance.
const minSecret = 8

// walk visits every text of a value; what is encrypted is left out.
func walk(path string, value any, visit func(path, text string)) {
	switch v := value.(type) {
	case string:
		visit(path, v)
	case map[string]any:
		if _, ok := v[resource.SigKey]; ok {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			walk(strings.TrimPrefix(path+"."+key, "."), v[key], visit)
		}
	case []any:
		for _, item := range v {
			walk(path, item, visit)
		}
	}
}

// decrypted are the texts that are encrypted in the state.
func (s *State) decrypted() ([]string, error) {
	var file struct {
		Checkpoint struct {
			Latest struct {
				Secrets apitype.SecretsProvidersV1 `json:"secrets_providers"`
			} `json:"latest"`
		} `json:"checkpoint"`
	}
	if err := json.Unmarshal(s.Raw, &file); err != nil {
		return nil, err
	}
	var settings struct {
		Salt string `json:"salt"`
	}
	if err := json.Unmarshal(file.Checkpoint.Latest.Secrets.State, &settings); err != nil {
		return nil, fmt.Errorf("the state names no secrets provider: %w", err)
	}
	crypter, err := crypterFor(settings.Salt)
	if err != nil {
		return nil, err
	}
	var hidden []string
	for _, r := range s.Resources {
		for _, properties := range []map[string]any{r.Inputs, r.Outputs} {
			texts, err := decryptAll(crypter, properties)
			if err != nil {
				return nil, fmt.Errorf("decrypting %s: %w", r.URN, err)
			}
			hidden = append(hidden, texts...)
		}
	}
	return hidden, nil
}

// crypterFor reads the salt of the passphrase provider: version, salt, a text to try the passphrase on.
func crypterFor(state string) (config.Crypter, error) {
	parts := strings.SplitN(state, ":", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("%q is no salt of the passphrase provider", state)
	}
	salt, err := base64.StdEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	return config.NewSymmetricCrypterFromPassphrase(passphrase, salt), nil
}

// decryptAll decrypts every secret text of a value that is long enough to be told from others.
func decryptAll(crypter config.Crypter, value any) ([]string, error) {
	var items []any
	switch v := value.(type) {
	case map[string]any:
		if text, ok := v["ciphertext"].(string); ok && v[resource.SigKey] != nil {
			return decrypt(crypter, text)
		}
		items = slices.Collect(maps.Values(v))
	case []any:
		items = v
	}
	var hidden []string
	for _, item := range items {
		texts, err := decryptAll(crypter, item)
		if err != nil {
			return nil, err
		}
		hidden = append(hidden, texts...)
	}
	return hidden, nil
}

func decrypt(crypter config.Crypter, ciphertext string) ([]string, error) {
	clear, err := crypter.DecryptValue(context.Background(), ciphertext)
	if err != nil {
		return nil, err
	}
	var secret string
	// Only a text is looked for elsewhere: Pulumi makes a whole object secret where one of its properties is.
	if json.Unmarshal([]byte(clear), &secret) != nil || len(secret) < minSecret {
		return nil, nil //nolint:nilerr // not a text
	}
	return []string{secret}, nil
}

// DeleteOrderProblems lists the deletions that began before all that needs the resource was gone: its children, and
// what depends on it. before is the state in which the deletions were planned.
func DeleteOrderProblems(before *State, calls []cloud.Call) []string {
	deletions := map[string]cloud.Call{}
	for _, call := range calls {
		if call.Operation == cloud.Delete {
			deletions[call.URN] = call
		}
	}
	var problems []string
	for _, r := range before.Resources {
		user, ok := deletions[string(r.URN)]
		if !ok {
			continue
		}
		for _, needed := range append(slices.Clone(r.Dependencies), r.Parent) {
			deletion, ok := deletions[string(needed)]
			if ok && (user.Ended.IsZero() || deletion.Started.Before(user.Ended)) {
				problems = append(problems, fmt.Sprintf("%s was deleted before %s, which needs it", needed, r.URN))
			}
		}
	}
	return problems
}

// ReplaceOrderProblems lists the resources that were replaced with a gap: the old one went before the new one came.
func ReplaceOrderProblems(calls []cloud.Call) []string {
	deletions := map[string]cloud.Call{}
	for _, call := range calls {
		if call.Operation == cloud.Delete {
			deletions[call.URN] = call
		}
	}
	var problems []string
	for _, call := range calls {
		deletion, ok := deletions[call.URN]
		if ok && call.Operation == cloud.Make && !call.Preview && deletion.Started.Before(call.Ended) {
			problems = append(problems, fmt.Sprintf("%s was deleted before its replacement was there", call.URN))
		}
	}
	return problems
}

// OrphanProblems lists what exists in the cloud and in no state, and what is in a state and does not exist.
func OrphanProblems(c *cloud.Cloud, states ...*State) ([]string, error) {
	exist, err := c.Resources()
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	for _, s := range states {
		for _, r := range s.Custom() {
			known[string(r.Type)+" "+string(r.ID)] = string(r.URN)
		}
	}
	var problems []string
	for _, r := range exist {
		key := r.Type + " " + r.ID
		if _, ok := known[key]; !ok {
			problems = append(problems, fmt.Sprintf("%s (%s) exists and is in no state", r.URN, r.ID))
		}
		delete(known, key)
	}
	for _, key := range slices.Sorted(maps.Keys(known)) {
		problems = append(problems, fmt.Sprintf("%s (%s) is in the state and does not exist", known[key], key))
	}
	return problems, nil
}

// PreviewProblems compares what a preview announced with what the up did.
func PreviewProblems(preview, up *Result) []string {
	announced, done := map[string]apitype.OpType{}, map[string]apitype.OpType{}
	for _, step := range preview.Steps() {
		announced[step.URN] = step.Operation
	}
	for _, step := range up.Steps() {
		done[step.URN] = step.Operation
	}
	var problems []string
	for _, urn := range slices.Sorted(maps.Keys(done)) {
		if announced[urn] != done[urn] {
			problems = append(problems, fmt.Sprintf("%s: the preview announced %s, up did %s", urn,
				cmp.Or(string(announced[urn]), "nothing"), done[urn]))
		}
		delete(announced, urn)
	}
	for _, urn := range slices.Sorted(maps.Keys(announced)) {
		problems = append(problems, fmt.Sprintf("%s: the preview announced %s, up did nothing", urn, announced[urn]))
	}
	return problems
}

// data are the types that hold what nobody can make again: data, keys, images, names that data is found by.
var data = regexp.MustCompile(`^aws:(s3/bucket(V2)?:|dynamodb/table:|kms/key:|ecr/repository:|` +
	`redshiftserverless/namespace:|secretsmanager/secret:|sagemaker/(modelPackageGroup|featureGroup|domain):|` +
	`efs/fileSystem:|rds/|cloudtrail/trail:)` +
	`|^gcp:(storage/bucket:|kms/|bigquery/(dataset|table):|firestore/database:|artifactregistry/repository:|` +
	`sql/|secretmanager/secret:|vertex/aiFeature)` +
	`|^azure-native:(storage(/[^:]+)?:(StorageAccount|BlobContainer)$|keyvault(/[^:]+)?:(Vault|Key)$|documentdb|` +
	`synapse|containerregistry(/[^:]+)?:Registry$|machinelearningservices(/[^:]+)?:(Workspace|Registry)$)` +
	`|^kubernetes:core/v1:PersistentVolumeClaim$|^kubernetes:apps/v1:StatefulSet$|^mlpathway:local:(Directory|Token)$`)

// HoldsData tells whether a type holds what nobody can make again.
func HoldsData(typ string) bool { return data.MatchString(typ) }

// ground are the types that all others stand on: to replace one is to replace the platform.
var ground = regexp.MustCompile(`^aws:(eks/cluster:|ec2/(vpc|subnet):|cloudwatch/logGroup:)` +
	`|^gcp:(container/cluster:|compute/(network|subnetwork):)` +
	`|^azure-native:(containerservice(/[^:]+)?:ManagedCluster$|resources(/[^:]+)?:ResourceGroup$|` +
	`network(/[^:]+)?:(VirtualNetwork|Subnet)$)|^kubernetes:core/v1:Namespace$`)

// Stateful tells whether a resource of the type must survive every release.
func Stateful(typ string) bool { return HoldsData(typ) || ground.MatchString(typ) }

// LossProblems lists the stateful resources that an operation replaces or deletes.
func LossProblems(r *Result) []string {
	var problems []string
	for _, step := range r.Steps() {
		loses := step.Operation != apitype.OpSame && step.Operation != apitype.OpUpdate && step.Operation != apitype.OpCreate
		loses = loses && step.Operation != apitype.OpRead && step.Operation != apitype.OpRefresh
		if loses && Stateful(string(resource.URN(step.URN).Type())) {
			problems = append(problems, step.String())
		}
	}
	return problems
}

package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// hygieneRules are the rules on hygiene.
func hygieneRules() []Rule {
	return []Rule{protectedInProd(), interfacesStable(), namesImpersonal(), providersNamed()}
}

// stateful are the types that hold what can not be made again.
var stateful = []string{
	bucketV2, dynamoTable, rdsInstance, rdsCluster, redshiftCluster, "aws:redshiftserverless/namespace:Namespace",
	"aws:efs/fileSystem:FileSystem", "aws:kms/key:Key", gcsBucket, "gcp:bigquery/dataset:Dataset", cloudSQL,
	"gcp:firestore/database:Database", "gcp:kms/cryptoKey:CryptoKey", storageAccount, "azure-native:keyvault:Vault",
	"azure-native:keyvault:Key",
}

func protectedInProd() Rule {
	var matchers []Matcher
	for _, typ := range append(slices.Clone(stateful), cosmosAccount) {
		matchers = append(matchers, Matcher{Type: typ, Unchecked: typ == cosmosAccount, Check: func(c *Check) {
			if c.Resource.Options.Protect {
				c.Pass()
				return
			}
			c.Fail("", "is not protected, want the resource option protect")
		}})
	}
	return Rule{
		ID:    "HYG-01",
		Title: "What holds state has the option protect",
		Why: "A cloud's own protection comes too late for a replacement that a changed name asks for: Pulumi stops it " +
			"before.",
		Severity: Medium,
		Levels:   Levels{Off, Advisory, Mandatory},
		Matchers: matchers,
		Fix:      "Give the resource the option pulumi.Protect(true). To delete it later: `pulumi state unprotect`.",
		// That outputs are secret where they should be is the providers' schema to say; plain inputs are for SEC-01.
		Remediation: "None: an option of the program, which a policy can not change.",
		Peers:       "unique to Pulumi",
	}
}

// oldRuntimes are the runtimes of functions whose support had ended on 2026-11-22, or ends within weeks
// (docs.aws.amazon.com/lambda, Lambda runtimes; cloud.google.com/functions, Runtime support).
var oldRuntimes = regexp.MustCompile(`^(nodejs(4|6|8|10|12|14|16|18|20)(\.x)?|python(2\.?7|3\.?[6-9])|` +
	`go1\.x|go1(11|13|16|18|19|20)|java8|java11|dotnet(core.*|[3-8](\.0)?)|ruby(2.*|3\.?[0-2])|php(74|81)|provided)$`)

func interfacesStable() Rule {
	runtime := func(typ, path string) Matcher {
		return Matcher{Type: typ, Paths: []string{path}, Check: func(c *Check) {
			c.Expect(path, "a runtime that is supported", func(v Value) bool {
				text, ok := v.Text()
				return ok && !oldRuntimes.MatchString(text)
			}, AbsentOK) // an image brings its own
		}}
	}
	return Rule{
		ID:    "HYG-02",
		Title: "No preview interface, no runtime whose support has ended",
		Why: "A preview may change or go without notice, and a runtime without support gets no security fixes and at " +
			"last can not be deployed any more.",
		Severity: Low,
		Levels:   Levels{Advisory, Advisory, Advisory},
		Matchers: []Matcher{
			runtime("aws:lambda/function:Function", "runtime"),
			runtime("gcp:cloudfunctionsv2/function:Function", "buildConfig.runtime"),
			{Type: AnyType, Check: func(c *Check) {
				switch version := apiVersion(c.Resource); {
				case version == "":
				case strings.Contains(version, "preview"), strings.Contains(version, "alpha"), strings.Contains(version, "beta"):
					c.Fail("", "uses the interface %s, want one that is stable", version)
				default:
					c.Pass()
				}
			}},
		},
		Fix:         "Use the token without a version or with a stable one, and the newest runtime.",
		Remediation: "None: another version has other properties, another runtime runs other code.",
		Controls:    "SecHub Lambda.2",
		Peers: "compliance-policies disallowPreviewResource (4824 near-identical rules; one pattern on the token " +
			"here); Checkov CKV_AWS_363",
	}
}

// apiVersion is the version of the interface that a resource uses; "" where its token says none. The kinds of
// extensions, which stay at alpha and beta for years, have none either.
func apiVersion(r *Resource) string {
	if r.Cloud() != Kubernetes {
		return r.APIVersion
	}
	module, _, _ := strings.Cut(strings.TrimPrefix(r.Type, "kubernetes:"), ":")
	group, version, ok := strings.Cut(module, "/")
	extension := strings.HasSuffix(group, ".x-k8s.io")
	if !ok || extension || strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io") {
		return ""
	}
	return version
}

var (
	accountID = regexp.MustCompile(`(^|[^0-9])[0-9]{12}($|[^0-9])`)
	words     = regexp.MustCompile(`[a-z0-9]+`)
)

func namesImpersonal() Rule {
	name := func(typ, path string, pattern *regexp.Regexp, want string) Matcher {
		return Matcher{Type: typ, Paths: []string{path}, Check: func(c *Check) {
			c.Expect(path, "no number of an account and no name of a person", func(v Value) bool {
				text, ok := v.Text()
				return ok && !accountID.MatchString(text) && !namesOwner(c.Stack.Owner, text)
			}, AbsentOK) // the provider makes one up
			c.Expect(path, want, func(v Value) bool { text, ok := v.Text(); return ok && pattern.MatchString(text) }, AbsentOK)
		}}
	}
	const want = "3 to 63 lower-case letters, digits, hyphens and dots"
	bucket := regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	return Rule{
		ID:    "HYG-03",
		Title: "Names of buckets and accounts give nobody away, and are as long as they may be",
		Why: "Such names are one of a kind in the world, stand in every URL and log, and can not be changed later. A " +
			"wrong one fails only at deployment.",
		Severity: Info,
		Levels:   Levels{Advisory, Advisory, Advisory},
		Matchers: []Matcher{
			name(bucketV2, "bucket", bucket, want),
			name(gcsBucket, "name", regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`), want+" and underscores"),
			name(storageAccount, "accountName", regexp.MustCompile(`^[a-z0-9]{3,24}$`), "3 to 24 lower-case letters and digits"),
		},
		Fix:         "Build the name from team, environment and purpose; make it one of a kind by a hash.",
		Remediation: "None: another name is another bucket.",
		Peers:       "Checkov CKV_AZURE_43",
	}
}

// namesOwner reports whether a name has the owner in it, as a word of its own: ada is not in canada.
func namesOwner(owner, name string) bool {
	owner, _, _ = strings.Cut(strings.ToLower(owner), "@")
	person, in := words.FindAllString(owner, -1), words.FindAllString(strings.ToLower(name), -1)
	for i := 0; len(person) > 0 && i+len(person) <= len(in); i++ {
		if slices.Equal(in[i:i+len(person)], person) {
			return true
		}
	}
	return false
}

func providersNamed() Rule {
	return Rule{
		ID:    "HYG-04",
		Title: "Every resource names its provider",
		Why: "The default provider takes account and region from whoever runs the program: the same program then builds in " +
			"another account on another machine.",
		Severity: Low,
		// One finding for each cloud, not for each resource.
		Levels:   Levels{Advisory, Advisory, Advisory},
		Scope:    OnStack,
		Matchers: []Matcher{{Type: AnyType}},
		Stack: func(c *Check) {
			implicit, unclear, all := map[Cloud]int{}, map[Cloud]int{}, map[Cloud]int{}
			for _, r := range c.Graph.Resources() {
				cloud := r.Cloud()
				if cloud == "" || !r.Custom {
					continue
				}
				all[cloud]++
				switch {
				case r.Provider.Name == "" && r.Provider.URN == "":
					unclear[cloud]++
				case r.Provider.Default():
					implicit[cloud]++
				}
			}
			for _, cloud := range Clouds() {
				switch {
				case implicit[cloud] > 0:
					c.Fail("", "%s of %s on the default provider, want one that names account and region",
						plural(implicit[cloud], "resource"), cloud)
				case unclear[cloud] > 0:
					c.Unsure("", "it is not known which provider manages %s of %s", plural(unclear[cloud], "resource"), cloud)
				case all[cloud] > 0:
					c.Pass()
				}
			}
		},
		// Versions of providers are those of the SDKs in go.mod: a Go program can not ask for others by mistake.
		Fix:         "Make a provider with its account and region, and give it to the resources or to their component.",
		Remediation: "None: another provider means another resource.",
		Peers:       "Pulumi only",
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

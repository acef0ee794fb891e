package rules

import (
	"regexp"
	"strings"
)

// imageRules are the rules on images and where they come from.
func imageRules() []Rule {
	return []Rule{registriesScan(), imagesPinned(), imagesSigned(), registriesTidy()}
}

const (
	ecrRepository = "aws:ecr/repository:Repository"
	ecrLifecycle  = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
	garRepository = "gcp:artifactregistry/repository:Repository"
	acrRegistry   = "azure-native:containerregistry:Registry"
)

func registriesScan() Rule {
	return Rule{
		ID:    "IMG-01",
		Title: "Registries scan what is pushed, and a tag never changes its meaning",
		Why: "A scan at push finds known holes before the image runs. A tag that can be moved lets another image run " +
			"under a name that was reviewed.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  ecrRepository,
				Paths: []string{"imageScanningConfiguration.scanOnPush", "imageTagMutability"},
				// Defaults: no scan, MUTABLE.
				Check: func(c *Check) {
					c.True("imageScanningConfiguration.scanOnPush")
					c.Is("imageTagMutability", "IMMUTABLE")
				},
				Remedy: remedies(sets(true, "imageScanningConfiguration.scanOnPush"), sets("IMMUTABLE", "imageTagMutability")),
			}, {
				// Scanning is a setting of the project (containerscanning.googleapis.com), not of the repository. Tags can be
				// made immutable only in a repository of Docker images that holds its own content.
				Type:  garRepository,
				Paths: []string{"format", "mode", "dockerConfig.immutableTags"},
				Check: func(c *Check) {
					if ownDockerImages(c) {
						c.True("dockerConfig.immutableTags")
					}
				},
				Remedy: func(c *Check) []Change {
					if !ownDockerImages(c) {
						return nil
					}
					return sets(true, "dockerConfig.immutableTags")(c)
				},
			},
		},
		Fix: "AWS: imageScanningConfiguration.scanOnPush: true and imageTagMutability: IMMUTABLE. GCP: " +
			"dockerConfig.immutableTags: true.",
		Remediation: "Sets the flags. A pipeline that pushes a moving tag such as latest fails from then on.",
		Controls:    "SecHub ECR.1, ECR.2; PCI4 11.3.1.2, 11.3.1.3; SOC2 CC3.1",
		Peers:       "Trivy AWS-0030/0031; Checkov CKV_AWS_51/163, CKV_AZURE_163; compliance-policies ecr (5)",
	}
}

// ownDockerImages reports whether a repository holds Docker images of its own. Default mode: STANDARD_REPOSITORY.
func ownDockerImages(c *Check) bool {
	if format, known := c.Get("format").Text(); known && !strings.EqualFold(format, "docker") {
		return false
	}
	mode, known := c.Get("mode").Text()
	return !known || mode == "STANDARD_REPOSITORY" || mode == "MODE_UNSPECIFIED"
}

func imagesPinned() Rule {
	matchers := podMatchers(func(c *Check, p pod) {
		for _, container := range p.containers {
			pinned(c, container.at("image"))
		}
	}, nil, []string{"image"})
	for _, other := range []Matcher{
		{Type: "aws:lambda/function:Function", Paths: []string{"imageUri"}},
		{Type: "aws:sagemaker/model:Model", Paths: []string{"primaryContainer.image", "containers[].image"}},
		{Type: "gcp:cloudrunv2/service:Service", Paths: []string{"template.containers[].image"}},
		{Type: "gcp:cloudrunv2/job:Job", Paths: []string{"template.template.containers[].image"}},
		{Type: "azure-native:app:ContainerApp", Paths: []string{"template.containers[].image"}},
		{Type: "azure-native:app:Job", Paths: []string{"template.containers[].image"}},
		{Type: trainJob, Paths: []string{"spec.trainer.image"}, Unchecked: true},
	} {
		other.Check = imagesAt(other.Paths)
		matchers = append(matchers, other)
	}
	return Rule{
		ID:    "IMG-02",
		Title: "Images come from allowed registries, by digest in prod and by a fixed tag elsewhere",
		Why: "A tag can be moved to another image between review and deployment, and between two nodes of one deployment. " +
			"A registry of somebody else can be taken over.",
		Severity: High,
		Levels:   Levels{Advisory, Advisory, Mandatory},
		Matchers: matchers,
		Fix: "Name the image as registry/repository@sha256:digest, which `docker buildx imagetools inspect` prints, and " +
			"copy " +
			"images of others into a registry of your own.",
		Remediation: "None: only a build knows the digest that was tested.",
		Controls:    "CIS-K8s1.12 1.2.11",
		Peers:       "Trivy KSV-0013, KSV-0032..0035, KSV-0125; Checkov CKV_K8S_14/43",
	}
}

// imagesAt looks at the images at the paths. One that is not given is none: Lambda runs archives too, a model may come
// from a package, and a TrainJob takes the image of its runtime. A container in a list must have one.
func imagesAt(paths []string) CheckFunc {
	return func(c *Check) {
		for _, path := range paths {
			for _, item := range c.Each(path) {
				if !item.IsAbsent() || strings.Contains(path, "[]") {
					pinned(c, item)
				}
			}
		}
	}
}

var imageDigest = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)

// pinned says of one image reference whether it is fixed and from a registry that is allowed.
func pinned(c *Check, image Item) {
	want := "a tag other than latest, or a digest"
	if c.In(Prod) {
		want = "a digest: registry/repository@sha256:..."
	}
	ok := c.expect(image, want, func(v Value) bool {
		reference, _ := v.Text()
		return imageDigest.MatchString(reference) || !c.In(Prod) && fixedTag(reference)
	}, nil)
	if !ok || len(c.Stack.AllowedRegistries) == 0 {
		return
	}
	c.expect(image, "an image from "+anyOf(c.Stack.AllowedRegistries), func(v Value) bool {
		reference, _ := v.Text()
		for _, prefix := range c.Stack.AllowedRegistries {
			// The prefix fraud.azurecr.io must not allow fraud.azurecr.io.evil.example.
			if strings.HasPrefix(reference, strings.TrimSuffix(prefix, "/")+"/") {
				return true
			}
		}
		return false
	}, nil)
}

// fixedTag reports whether an image reference has a tag that says more than "the newest".
func fixedTag(reference string) bool {
	name := reference[strings.LastIndex(reference, "/")+1:]
	_, tag, ok := strings.Cut(name, ":")
	return ok && tag != "" && tag != "latest"
}

func imagesSigned() Rule {
	return Rule{
		ID:    "IMG-03",
		Title: "Only signed images are admitted",
		Why: "Whoever can push to the registry can otherwise run code in the cluster. A signature ties an image to " +
			"the build that made it.",
		Severity: Medium,
		Levels:   Levels{Off, Advisory, Advisory},
		Matchers: []Matcher{
			{
				Type: "gcp:container/cluster:Cluster", Paths: []string{"binaryAuthorization.evaluationMode"}, // default: DISABLED
				Check: isText("binaryAuthorization.evaluationMode", "PROJECT_SINGLETON_POLICY_ENFORCE"),
			}, {
				Type:  "gcp:binaryauthorization/policy:Policy",
				Paths: []string{"defaultAdmissionRule.evaluationMode", "defaultAdmissionRule.enforcementMode"},
				Check: func(c *Check) {
					c.OneOf("defaultAdmissionRule.evaluationMode", []string{"REQUIRE_ATTESTATION", "ALWAYS_DENY"})
					c.Is("defaultAdmissionRule.enforcementMode", "ENFORCED_BLOCK_AND_AUDIT_LOG")
				},
			}, {
				Type: "gcp:cloudrunv2/service:Service", Paths: []string{"binaryAuthorization.useDefault"},
				Check: isTrue("binaryAuthorization.useDefault"),
			}, {
				// Content trust needs the SKU Premium, and Azure retires it in 2028: signatures by Notation are checked in the
				// cluster then.
				Type: acrRegistry, Paths: []string{"policies.trustPolicy.status", "sku.name"},
				Check: premium("policies.trustPolicy.status", "enabled"),
			}, {
				// Signatures are for archives: Lambda can not check those of images.
				Type: "aws:lambda/function:Function", Paths: []string{"codeSigningConfigArn", "packageType", "imageUri"},
				Check: func(c *Check) {
					if kind, _ := c.Get("packageType").Text(); kind != "Image" && c.Get("imageUri").IsAbsent() {
						signed(c)
					}
				},
			},
		},
		Fix: "GKE: binaryAuthorization.evaluationMode: PROJECT_SINGLETON_POLICY_ENFORCE, and a policy that requires " +
			"attestation. " +
			"Cloud Run: binaryAuthorization.useDefault. ACR: policies.trustPolicy.status: enabled. Lambda: a code signing " +
			"config.",
		Remediation: "None: it would refuse every image that is not signed yet.",
		Peers:       "Checkov CKV_GCP_66, CKV_AZURE_164, CKV_AWS_272",
	}
}

// signed wants a code signing config; one that the same stack makes has no ARN yet.
func signed(c *Check) {
	if c.TakesFrom("codeSigningConfigArn", "aws:lambda/codeSigningConfig:CodeSigningConfig") {
		c.Pass()
		return
	}
	c.Set("codeSigningConfigArn")
}

// premium wants a text in a registry of the SKU that has the feature.
func premium(path, text string) CheckFunc {
	return func(c *Check) {
		if sku, known := c.Get("sku.name").Text(); known && !strings.EqualFold(sku, "premium") {
			return
		}
		c.Is(path, text)
	}
}

func registriesTidy() Rule {
	return Rule{
		ID:    "IMG-04",
		Title: "Registries delete images that nobody needs",
		Why: "Every build adds an image. Old ones cost money each month, and can be run with holes that are long " +
			"since mended.",
		Severity: Low,
		Levels:   Levels{Advisory, Advisory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{
				Type: ecrRepository,
				Check: func(c *Check) {
					for _, policy := range c.Satellites(ecrLifecycle, "repository", "has no lifecycle policy") {
						policy.Expect("policy", "a document with rules", hasRules)
					}
				},
			},
			{Type: ecrLifecycle, Paths: []string{"repository", "policy"}},
			{
				Type:  garRepository,
				Paths: []string{"cleanupPolicies", "cleanupPolicyDryRun", "mode"},
				Check: func(c *Check) {
					if mode, _ := c.Get("mode").Text(); mode == "VIRTUAL_REPOSITORY" { // holds nothing itself
						return
					}
					c.Set("cleanupPolicies")
					c.False("cleanupPolicyDryRun", AbsentOK) // default: false
				},
			}, {
				// Retention of untagged manifests needs the SKU Premium.
				Type: acrRegistry, Paths: []string{"policies.retentionPolicy.status", "sku.name"},
				Check: premium("policies.retentionPolicy.status", "enabled"),
			},
		},
		Fix: "AWS: an ecr.LifecyclePolicy for the repository. GCP: cleanupPolicies without dry run. ACR: " +
			"policies.retentionPolicy.status: enabled.",
		Remediation: "None: which images may go is for their owner to say.",
		Controls:    "SecHub ECR.3; PCI4 10.5.1, 3.2.1",
		Peers:       "Checkov CKV_AZURE_167",
	}
}

// hasRules reports whether a text is a JSON document with a list of rules that is not empty.
func hasRules(v Value) bool {
	text, _ := v.Text()
	document, err := ParseJSON(text)
	return err == nil && document.Key("rules").Len() > 0
}

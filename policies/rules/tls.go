package rules

import (
	"slices"
	"strings"
)

// tlsRules are the rules on encryption in transit.
func tlsRules() []Rule {
	return []Rule{storageOverTLS(), gatewaysOverTLS(), databasesOverTLS(), clustersOverTLS()}
}

const bucketPolicy = "aws:s3/bucketPolicy:BucketPolicy"

func storageOverTLS() Rule {
	return Rule{
		ID:       "TLS-01",
		Title:    "Buckets refuse plain HTTP, storage accounts everything below TLS 1.2",
		Why:      "Without it a client that is set up wrongly sends data and signatures in the clear, and nobody notices.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Scope:    OnStack,
		Matchers: []Matcher{
			{Type: "aws:s3/bucketV2:BucketV2", Check: bucketOverTLS("")},
			{Type: "aws:s3/bucket:Bucket", Paths: []string{"policy"}, Check: bucketOverTLS("policy")},
			{Type: bucketPolicy, Paths: []string{"bucket", "policy"}},
			{
				Type:  "azure-native:storage:StorageAccount",
				Paths: []string{"enableHttpsTrafficOnly", "minimumTlsVersion"},
				// The first is on by default; not given, the second means TLS 1.0.
				Check: allOf(notFalse("enableHttpsTrafficOnly"), isText("minimumTlsVersion", "TLS1_2", "TLS1_3")),
				Remedy: remedies(setsUnless(trueOrAbsent, true, "enableHttpsTrafficOnly"),
					setsUnless(isOneOf("TLS1_2", "TLS1_3"), "TLS1_2", "minimumTlsVersion")),
			},
		},
		Fix: "AWS: a bucket policy that denies s3:* to everybody on the bucket and its objects where aws:SecureTransport " +
			"is false. Azure: enableHttpsTrafficOnly true and minimumTlsVersion TLS1_2.",
		Remediation: "Sets both flags of a storage account. A bucket has one policy only, which can not be written beside " +
			"another.",
		Controls: "CIS-AWS6 3.1.1; CIS-AZ5 9.3.4, 9.3.6; SecHub S3.5; HIPAA 164.312(e)(1), 164.312(e)(2)(i); PCI3.2.1 " +
			"2.2, 4.1; PCI4 1.2.5, 2.2.5; NIST SC-8, SC-8(1); SOC2 CC6.2, CC6.7",
		Peers: "Checkov CKV_AWS_379, CKV_AZURE_3, CKV_AZURE_44; Trivy AZU-0008, AZU-0011",
	}
}

// trueOrAbsent is for flags that are on by default.
func trueOrAbsent(v Value) bool { return v.IsAbsent() || isBool(true)(v) }

// isOneOf tells whether a value is one of the texts.
func isOneOf(texts ...string) func(Value) bool {
	return func(v Value) bool {
		text, ok := v.Text()
		return ok && slices.Contains(texts, text)
	}
}

// bucketOverTLS wants a policy that refuses plain HTTP: in a property of the bucket, or in a resource of its own.
func bucketOverTLS(inline string) CheckFunc {
	return func(c *Check) {
		if inline != "" && !c.Get(inline).IsAbsent() {
			c.refusesPlainHTTP(inline)
			return
		}
		for _, policy := range c.Satellites(bucketPolicy, "bucket", "has no bucket policy that refuses plain HTTP") {
			policy.refusesPlainHTTP("policy")
		}
	}
}

func (c *Check) refusesPlainHTTP(path string) {
	for _, item := range c.Policies(path) {
		refuses := No
		if item.Unknown {
			refuses = Maybe
		}
		for i := range item.Statements {
			refuses = refuses.Or(item.Statements[i].refusesPlainHTTP())
		}
		switch {
		case item.Problem != "":
			c.Fail(item.Path, "is no policy document: %s", item.Problem)
		case refuses == Yes:
			c.Pass()
		case refuses == Maybe:
			c.Unsure(item.Path, "is known in part only, want a statement that refuses plain HTTP")
		default:
			c.Fail(item.Path, "has no statement that denies s3:* to everybody where aws:SecureTransport is false")
		}
	}
}

// refusesPlainHTTP tells whether a statement denies everything to everybody that does not come over TLS. A further
// condition, and a list of what is not meant, would let some of it through.
func (s *Statement) refusesPlainHTTP() Tri {
	if s.NotPrincipals.Given() || s.NotActions.Given() {
		return No
	}
	_, everything := s.WholeService()
	_, objects := s.Resources.Any(func(arn string) bool { return strings.HasSuffix(arn, "*") })
	onlyPlain := No
	if s.Conditions.unknown {
		onlyPlain = Maybe
	} else if len(s.Conditions.list) == 1 {
		condition := s.Conditions.list[0]
		operator := strings.ToLower(condition.Operator)
		if condition.Key == "aws:securetransport" && (operator == "bool" || operator == "boolifexists") {
			_, onlyPlain = condition.Values.Any(func(v string) bool { return strings.EqualFold(v, "false") })
		}
	}
	return s.Allows.Not().And(s.AnyPrincipal()).And(everything).And(objects).And(onlyPlain)
}

func gatewaysOverTLS() Rule {
	return Rule{
		ID:       "TLS-02",
		Title:    "Load balancers and gateways speak TLS 1.2 or newer",
		Why:      "Whoever sits between reads what is sent, or makes the client agree on a version that he can break.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "aws:lb/listener:Listener",
				Paths: []string{"protocol", "sslPolicy", "defaultActions[].redirect.protocol"},
				Check: listenerOverTLS,
			}, {
				Type:  "aws:apigatewayv2/domainName:DomainName",
				Paths: []string{"domainNameConfiguration.securityPolicy"},
				Check: isText("domainNameConfiguration.securityPolicy", "TLS_1_2", "TLS_1_3"),
			}, {
				Type:  "gcp:compute/sSLPolicy:SSLPolicy",
				Paths: []string{"minTlsVersion", "profile"},
				// Not given, they mean TLS_1_0 and COMPATIBLE, which still has ciphers without forward secrecy.
				Check: allOf(isText("minTlsVersion", "TLS_1_2", "TLS_1_3"),
					isText("profile", "MODERN", "RESTRICTED", "CUSTOM", "FIPS_202205")),
			}, {
				Type:  "azure-native:web:WebApp",
				Paths: []string{"httpsOnly", "siteConfig.minTlsVersion"},
				Check: webAppOverTLS,
			},
		},
		Fix: "AWS: protocol HTTPS or TLS with an sslPolicy such as ELBSecurityPolicy-TLS13-1-2-2021-06, and a redirect to " +
			"HTTPS for HTTP. GCP: minTlsVersion TLS_1_2 and profile MODERN. Azure: httpsOnly and siteConfig.minTlsVersion " +
			"1.2.",
		Remediation: "None: old clients would be locked out without a warning.",
		Controls:    "SecHub ELB.1; HIPAA 164.312(e)(1), 164.312(e)(2)(i); PCI3.2.1 2.3, 4.1; NIST SC-8, SC-8(1)",
		Peers:       "Trivy AWS-0047, AWS-0054; Checkov CKV_AWS_2, CKV_AWS_103, CKV_AWS_376, CKV_AZURE_70, CKV_AZURE_145",
	}
}

// modernTLS are the policies of load balancers that begin at TLS 1.2. Without one it is ELBSecurityPolicy-2016-08,
// which begins at 1.0.
var modernTLS = []string{
	"ELBSecurityPolicy-TLS13-1-2-*", "ELBSecurityPolicy-TLS13-1-3-*", "ELBSecurityPolicy-TLS-1-2-*",
	"ELBSecurityPolicy-FS-1-2-*",
}

// listenerOverTLS does not apply to listeners that pass connections through: their TLS ends at the target.
func listenerOverTLS(c *Check) {
	protocol := c.Get("protocol")
	text, _ := protocol.Text()
	switch strings.ToUpper(text) {
	case "HTTPS", "TLS":
		c.Matches("sslPolicy", modernTLS)
	case "HTTP":
		if c.Get("defaultActions[].redirect").IsAbsent() {
			c.Fail("protocol", "is %s and there is no redirect to HTTPS", protocol)
			return
		}
		c.Is("defaultActions[].redirect.protocol", "HTTPS")
	case "TCP", "UDP", "TCP_UDP", "GENEVE":
	default:
		c.OneOf("protocol", []string{"HTTPS", "TLS"})
	}
}

// webAppOverTLS: the version is 1.2 by default, HTTPS is not demanded.
func webAppOverTLS(c *Check) {
	c.True("httpsOnly")
	c.OneOf("siteConfig.minTlsVersion", []string{"1.2", "1.3"}, AbsentOK)
}

func databasesOverTLS() Rule {
	const ip = "settings.ipConfiguration."
	return Rule{
		ID:       "TLS-03",
		Title:    "Databases, warehouses and event hubs demand TLS",
		Why:      "A client that does not ask for TLS gets none, and sends passwords and rows in the clear.",
		Severity: High,
		Levels:   Levels{Advisory, Mandatory, Mandatory},
		// Each is judged alone, so that a finding comes before it is made.
		Scope: OnResource,
		Matchers: []Matcher{
			{
				Type:  "aws:redshift/parameterGroup:ParameterGroup",
				Paths: []string{"family", "parameters[].name", "parameters[].value"},
				Check: redshiftOverTLS,
			}, {
				Type:  "gcp:sql/databaseInstance:DatabaseInstance",
				Paths: []string{ip + "sslMode", ip + "requireSsl"},
				Check: cloudSQLOverTLS,
			}, {
				Type: "azure-native:eventhub:Namespace", Paths: []string{"minimumTlsVersion"}, Unchecked: true,
				Check: isText("minimumTlsVersion", "1.2", "1.3"),
			}, {
				// Accounts that were made since April 2023 have Tls12 without it.
				Type: "azure-native:documentdb:DatabaseAccount", Paths: []string{"minimalTlsVersion"}, Unchecked: true,
				Check: func(c *Check) { c.OneOf("minimalTlsVersion", []string{"Tls12", "Tls13"}, AbsentOK) },
			},
		},
		Fix: "Redshift: the parameter require_ssl true. Cloud SQL: sslMode ENCRYPTED_ONLY. Azure: minimumTlsVersion 1.2, " +
			"minimalTlsVersion Tls12.",
		Remediation: "None: a client that does not speak TLS would be locked out without a warning.",
		Controls: "CIS-GCP5 6.4; SecHub RDS.38, RDS.39; HIPAA 164.312(e)(1), 164.312(e)(2)(i); PCI3.2.1 2.3, 4.1; PCI4 " +
			"1.2.5, 2.2.5; NIST SC-8, SC-8(1); SOC2 CC6.7",
		Peers: "Checkov CKV_AWS_105, CKV_AZURE_223; Trivy GCP-0015",
	}
}

// redshiftOverTLS: require_ssl is false by default in the family redshift-1.0 and true in redshift-2.0.
func redshiftOverTLS(c *Check) {
	for _, parameter := range c.Each("parameters[]") {
		name := parameter.Key("name")
		if text, known := name.Text(); known && text == "require_ssl" {
			value := Item{Value: parameter.Key("value"), Path: parameter.Path + ".value"}
			c.expect(value, "true", isBool(true), nil)
			return
		} else if !known {
			c.Unsure(parameter.Path, "is not known yet, want require_ssl to be true")
			return
		}
	}
	if family, _ := c.Get("family").Text(); family == "redshift-2.0" {
		c.Pass()
		return
	}
	c.Fail("parameters", "has no require_ssl, want true")
}

// cloudSQLOverTLS takes the newer sslMode where it is given, else requireSsl. Both are off by default.
func cloudSQLOverTLS(c *Check) {
	const ip = "settings.ipConfiguration."
	if c.Get(ip+"sslMode").IsAbsent() && !c.Get(ip+"requireSsl").IsAbsent() {
		c.True(ip + "requireSsl")
		return
	}
	c.OneOf(ip+"sslMode", []string{"ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"})
}

func clustersOverTLS() Rule {
	const flag = "networkConfig.enableInterContainerTrafficEncryption"
	return Rule{
		ID:       "TLS-04",
		Title:    "What the machines of a training or Spark job tell each other is encrypted",
		Why:      "Shuffles and gradients carry the data. Inside a VPC they are not encrypted by themselves.",
		Severity: Medium,
		Levels:   Levels{Off, Advisory, Mandatory},
		Matchers: []Matcher{
			{
				Type:  "aws:emr/securityConfiguration:SecurityConfiguration",
				Paths: []string{"configuration"},
				Check: emrConfiguration("EncryptionConfiguration.EnableInTransitEncryption"),
			}, {
				Type:  "aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition",
				Paths: []string{flag, "jobResources.clusterConfig.instanceCount"},
				// A single machine has nobody to talk to.
				Check: func(c *Check) {
					if count, known := c.Get("jobResources.clusterConfig.instanceCount").Number(); known && count == 1 {
						c.Pass()
						return
					}
					c.True(flag)
				},
			},
		},
		Fix:         "EMR: EnableInTransitEncryption and a certificate in the configuration. SageMaker: " + flag + ".",
		Remediation: "None: it takes certificates, and costs a long job part of its speed.",
		Peers:       "Checkov CKV_AWS_351, CKV_AWS_369",
	}
}

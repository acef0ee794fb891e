package rules

import (
	"regexp"
	"slices"
)

func noPlainSecrets() Rule {
	const env = "template.containers[].envs[]"
	ofContainer := []string{"env[].name", "env[].value"}
	pods := append(podMatchers(podSecrets, nil, ofContainer), trainJobSecrets())
	return Rule{
		ID:    "SEC-01",
		Title: "No secret stands in plain text in code, environments, user data or parameters",
		Why: "Environments and user data are shown to everybody who may look at the resource, and end up in logs " +
			"and tickets.",
		Severity: Critical,
		Levels:   Levels{Mandatory, Mandatory, Mandatory},
		Matchers: append(pods, []Matcher{
			{
				Type: "aws:lambda/function:Function", Paths: []string{"environment.variables"},
				Check: func(c *Check) { c.noSecretsIn("environment.variables") },
			}, {
				Type: "aws:ec2/instance:Instance", Paths: []string{"userData"}, Check: userDataPlain,
			}, {
				Type:  "aws:rds/instance:Instance",
				Paths: []string{"manageMasterUserPassword", "password"},
				Check: passwordHidden("manageMasterUserPassword", "password"),
			}, {
				Type:  "aws:redshiftserverless/namespace:Namespace",
				Paths: []string{"manageAdminPassword", "adminUserPassword"},
				Check: passwordHidden("manageAdminPassword", "adminUserPassword"),
			}, {
				Type: "gcp:cloudrunv2/service:Service", Paths: []string{env + ".name", env + ".value"},
				Check: func(c *Check) { c.noSecretPairs(c.Each(env)) },
			}, {
				Type: "kubernetes:core/v1:ConfigMap", Paths: []string{"data"},
				Check: func(c *Check) { c.noSecretsIn("data") },
			},
		}...),
		Fix: "Put the secret into the platform's store and give the workload its address; let the platform make the " +
			"password (manageMasterUserPassword, manageAdminPassword); use secretKeyRef, valueSource or a Secret.",
		Remediation: "None: the secret is known by now and must be replaced.",
		Controls:    "CIS-K8s1.12 5.4.1",
		Peers:       "Trivy AWS-0029, KSV-0109; Checkov CKV_AWS_45/46",
	}
}

var (
	// secretNames are the names of variables that hold secrets, unless addresses says otherwise.
	secretNames = regexp.MustCompile(
		`(?i)(passw(or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|credentials?$|conn(ection)?_?str)`)
	// addresses are endings of names that only say where a secret is, or what it is like.
	addresses = regexp.MustCompile(
		`(?i)(_|-|\.)?(arn|uri|url|urn|name|id|ref|path|file|dir|ttl|len(gth)?|type|version|param(eter)?|enabled|required|` +
			`store|provider|count|limit|max|min|size|days|seconds|header|endpoint|issuer|audience|scopes?|tokenizer)s?$`)
	// secretTexts are texts that are secrets, whatever their name: keys of platforms, private keys, passwords in URLs.
	secretTexts = regexp.MustCompile(
		`\b(AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[pousr]_[0-9A-Za-z]{36}|` +
			`\bgithub_pat_[0-9A-Za-z_]{22}|\bxox[abprs]-[0-9A-Za-z-]{10}|\bAIza[0-9A-Za-z_-]{35}|` +
			`\bsk-[0-9A-Za-z_-]{32}|\bhf_[0-9A-Za-z]{30}|AccountKey=[0-9A-Za-z+/]{40}|://[^/\s:@]+:[^/\s:@$\{]+@`)
	// assignments are lines of a script that give a secret to a variable.
	assignments = regexp.MustCompile(
		`(?im)(?:passw(?:or)?d|secret|token|api_?key|access_?key|private_?key)["']?\s*[=:]\s*["']?([^\s"'$<{(]{6,})`)
	// references are texts that lead to a secret, and switches and small numbers, which are none.
	references = regexp.MustCompile(
		`(?i)^(arn:|aws[a-z]*://|gcp[a-z]*://|azure[a-z]*://|https?://|file://|vault:|ssm:|/|projects/.+/secrets/|` +
			`\{\{ *resolve:|\$[({]|@Microsoft\.KeyVault|(true|false|[0-9]{1,5})$)`)
)

// secretNamed reports whether a variable holds a secret by its name.
func secretNamed(name string) bool {
	return secretNames.MatchString(name) && !addresses.MatchString(name)
}

// noSecretsIn looks at a mapping of names to values.
func (c *Check) noSecretsIn(path string) {
	values := c.Get(path)
	switch values.Kind() {
	case Absent:
		c.Pass()
	case Unknown:
		c.Unsure(path, "is not known yet, want no secrets")
	case Map:
		for _, name := range values.Keys() {
			c.noSecret(join(path, name), name, values.Key(name))
		}
		if values.Len() == 0 {
			c.Pass()
		}
	default:
		c.Fail(path, "is %s, want a mapping of names to values", values)
	}
}

// podSecrets looks at the environments of the containers of a pod.
func podSecrets(c *Check, p pod) {
	for _, container := range p.containers {
		c.noSecretPairs(container.within("env[]"))
	}
}

// trainJobSecrets looks at the environments that a TrainJob gives, itself or as a change of its runtime.
func trainJobSecrets() Matcher {
	m := patchMatcher(podSecrets, nil, []string{"env[].name", "env[].value"})
	patches := m.Check
	own := []string{"spec.trainer.env[]", "spec.initializer.dataset.env[]", "spec.initializer.model.env[]"}
	for _, env := range own {
		m.Paths = append(m.Paths, env+".name", env+".value")
	}
	m.Check = func(c *Check) {
		for _, env := range own {
			c.noSecretPairs(c.Each(env))
		}
		patches(c)
	}
	return m
}

// noSecretPairs looks at a list of names and values, as containers have.
func (c *Check) noSecretPairs(pairs []Item) {
	if len(pairs) == 0 {
		c.Pass()
	}
	for _, pair := range pairs {
		if pair.IsUnknown() {
			c.Unsure(pair.Path, "is not known yet, want no secrets")
			continue
		}
		name, _ := pair.Key("name").Text()
		c.noSecret(pair.Path+".value", name, pair.Key("value"))
	}
}

// noSecret judges one variable. That its value is marked as a secret hides it in the state of Pulumi only: the platform
// shows it to everybody who may look at the resource.
func (c *Check) noSecret(path, name string, value Value) {
	text, known := value.Text()
	switch {
	case known && secretTexts.MatchString(text):
		c.Fail(path, "holds what looks like a key or a password in plain text")
	case !secretNamed(name), value.Empty(), known && references.MatchString(text):
		c.Pass()
	case known && text != "":
		c.Fail(path, "is a secret by its name and holds plain text, want the address of the secret")
	case value.IsUnknown() && value.Secret():
		c.Fail(path, "holds a secret that will be plain text on the platform, want the address of the secret")
	case value.IsUnknown():
		c.Unsure(path, "is a secret by its name, and its value is not known yet")
	default:
		c.Pass()
	}
}

// userDataPlain looks for secrets in the script that a machine runs when it starts.
func userDataPlain(c *Check) {
	data := c.Get("userData")
	text, known := data.Text()
	switch {
	case data.IsUnknown():
		c.Unsure("userData", "is not known yet, want no secrets")
	case known && (secretTexts.MatchString(text) || assignsSecret(text)):
		c.Fail("userData", "holds what looks like a key or a password in plain text")
	default:
		c.Pass()
	}
}

// assignsSecret reports whether a line of a script gives a plain secret to a variable.
func assignsSecret(script string) bool {
	return slices.ContainsFunc(assignments.FindAllStringSubmatch(script, -1), func(found []string) bool {
		return !references.MatchString(found[1])
	})
}

// passwordHidden wants the platform to make the password, or one that is marked as a secret: as text it would stand in
// the state and in every preview.
func passwordHidden(managed, path string) CheckFunc {
	return func(c *Check) {
		password := c.Get(path)
		switch {
		case isBool(true)(c.Get(managed)), password.IsAbsent(), password.Secret():
			c.Pass()
		case password.IsUnknown():
			c.Unsure(path, "is not known yet and not marked as a secret")
		default:
			c.Fail(path, "is plain text, want %s true or a value that is marked as a secret", managed)
		}
	}
}

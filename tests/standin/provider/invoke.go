package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/mlpathway/mlpathway/tests/standin/cloud"
	"github.com/mlpathway/mlpathway/tests/standin/schema"
)

// invoke answers a function: from its arguments where the answer follows from them, else by invention.
func (s *standin) invoke(_ context.Context, r p.InvokeRequest) (resp p.InvokeResponse, err error) {
	token := string(r.Token)
	call := cloud.Call{Operation: cloud.Invoke, URN: token, Type: token}
	err = s.record(call, func(call *cloud.Call) error {
		definition, err := s.sdks.Function(token)
		if errors.Is(err, schema.ErrNotChecked) {
			return fmt.Errorf("the stand-in cannot answer: %w", err)
		}
		if err != nil {
			return err
		}
		if resp.Failures = checkInputs(definition, r.Args); len(resp.Failures) > 0 {
			return nil
		}
		args := plain(r.Args)
		resp.Return, err = answer(definition, token, args)
		return err
	})
	return resp, err
}

func answer(d *schema.Definition, token string, args property.Map) (property.Map, error) {
	module, name, _ := strings.Cut(strings.TrimPrefix(token, strings.SplitN(token, ":", 2)[0]+":"), ":")
	urn := resource.NewURN("standin", "standin", "", tokens.Type(token), argsKey(args))
	made := invention{definition: &schema.Definition{
		Token: token, Inputs: schema.Object{}, Outputs: d.Outputs, Objects: d.Objects, Secrets: d.Secrets,
	}, urn: urn, inputs: args}
	values := map[string]property.Value{}
	for key, known := range d.Outputs {
		if given, ok := args.GetOk(key); ok {
			values[key] = given
			continue
		}
		values[key] = made.value(key, known.Type, name+"-"+made.naming().digits("id", 17), true, 0)
	}
	for key, value := range known(module, name) {
		values[key] = value
	}
	if name == "getPolicyDocument" {
		document, err := policyDocument(args)
		if err != nil {
			return property.Map{}, err
		}
		values["json"] = property.New(document)
	}
	return property.NewMap(values), nil
}

// argsKey tells two calls with different arguments apart.
func argsKey(args property.Map) string {
	data, err := encode(args)
	if err != nil {
		return "unknown"
	}
	return string(data)
}

func list(values ...string) property.Value {
	var all []property.Value
	for _, value := range values {
		all = append(all, property.New(value))
	}
	return property.New(all)
}

// known are the answers whose form or value a program relies on.
func known(module, name string) map[string]property.Value {
	str := func(s string) property.Value { return property.New(s) }
	switch name {
	case "getRegion":
		return map[string]property.Value{
			"name": str(region), "id": str(region), "endpoint": str("ec2." + region + ".amazonaws.com"),
		}
	case "getCallerIdentity":
		return map[string]property.Value{
			"accountId": str(account), "id": str(account), "userId": str("AIDASTANDIN"),
			"arn": str("arn:aws:iam::" + account + ":user/standin"),
		}
	case "getPartition":
		return map[string]property.Value{"partition": str("aws"), "dnsSuffix": str("amazonaws.com"), "id": str("aws")}
	case "getAvailabilityZones":
		return map[string]property.Value{
			"names": list(region+"a", region+"b", region+"c"), "zoneIds": list("euc1-az1", "euc1-az2", "euc1-az3"),
		}
	case "getZones":
		return map[string]property.Value{"names": list("europe-west3-a", "europe-west3-b", "europe-west3-c")}
	case "getAmi":
		return map[string]property.Value{"id": str("ami-0123456789abcdef0"), "imageId": str("ami-0123456789abcdef0")}
	case "getProject":
		return map[string]property.Value{"projectId": str(project), "number": str("123456789012")}
	case "getClientConfig":
		if strings.HasPrefix(module, "authorization") {
			return map[string]property.Value{"subscriptionId": str(subscription), "tenantId": str(tenant)}
		}
		return map[string]property.Value{
			"project": str(project), "region": str("europe-west3"), "zone": str("europe-west3-a"),
		}
	}
	return nil
}

// policyDocument writes the JSON of an IAM policy from the arguments of getPolicyDocument.
func policyDocument(args property.Map) (string, error) {
	document := map[string]any{"Version": "2012-10-17"}
	var statements []map[string]any
	if all := args.Get("statements"); all.IsArray() {
		for _, s := range all.AsArray().All {
			statements = append(statements, policyStatement(s.AsMap()))
		}
	}
	document["Statement"] = statements
	data, err := json.Marshal(document)
	return string(data), err
}

func policyStatement(s property.Map) map[string]any {
	effect := first(text(s, "effect"), "Allow")
	statement := map[string]any{"Effect": effect}
	for from, to := range map[string]string{
		"sid": "Sid", "actions": "Action", "notActions": "NotAction", "resources": "Resource", "notResources": "NotResource",
	} {
		if v, ok := s.GetOk(from); ok {
			statement[to] = mappable(v)
		}
	}
	if all := s.Get("principals"); all.IsArray() {
		principals := map[string]any{}
		for _, v := range all.AsArray().All {
			principals[text(v.AsMap(), "type")] = mappable(v.AsMap().Get("identifiers"))
		}
		statement["Principal"] = principals
	}
	if all := s.Get("conditions"); all.IsArray() {
		conditions := map[string]map[string]any{}
		for _, v := range all.AsArray().All {
			test := text(v.AsMap(), "test")
			if conditions[test] == nil {
				conditions[test] = map[string]any{}
			}
			conditions[test][text(v.AsMap(), "variable")] = mappable(v.AsMap().Get("values"))
		}
		statement["Condition"] = conditions
	}
	return statement
}

func mappable(v property.Value) any { return resource.ToResourcePropertyValue(v).Mappable() }

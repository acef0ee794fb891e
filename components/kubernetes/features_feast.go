package kubernetes

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/kubernetes/api"
	"github.com/mlpathway/mlpathway/components/kubernetes/argo"
	"github.com/mlpathway/mlpathway/components/kubernetes/object"
)

// feastScript fills the online store.
//
//go:embed feast.py
var feastScript string

// The parts of an online store, and where they listen.
const (
	redisPart  = "redis"
	serverPart = "server"
	redisPort  = 6379
	serverPort = 6566
	// onlineStep is the template that fills the store.
	onlineStep = "online"
)

// The keys of the store's ConfigMap and Secret.
const (
	storeKey     = "feature_store.yaml"
	fillKey      = "feast.py"
	redisKey     = "redis.conf"
	passwordKey  = "password"
	passwordName = "REDIS_PASSWORD"
)

// online is the online store of a stack: Feast, which keeps the newest row of each key in Redis.
type online struct {
	*layer
	args   *components.FeaturesArgs
	secret string
	config string // the ConfigMap
}

// newOnline makes Redis, the server that endpoints ask, and what a step needs to fill the store. Errors: ErrRequired
// for an image, ErrUnsupported for a store that Feast does not know.
func (l *layer) newOnline(args *components.FeaturesArgs) (*online, []pulumi.Resource, error) {
	o := &online{layer: l, args: args, secret: l.Part(redisPart), config: l.Part("feast")}
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	if err := o.keepPassword(); err != nil {
		return nil, nil, err
	}
	_, err := o.named("v1", "ConfigMap", []string{"feast"}, object.Metadata{Name: o.config}, map[string]any{
		"data": map[string]string{storeKey: o.storeFile(), fillKey: feastScript},
	})
	if err != nil {
		return nil, nil, err
	}
	disk, err := o.disk()
	if err != nil {
		return nil, nil, err
	}
	if err := o.ways(); err != nil {
		return nil, nil, err
	}
	redis, err := o.run(redisPart, redisPort, o.redis(), pulumi.DependsOn([]pulumi.Resource{disk}))
	if err != nil {
		return nil, nil, err
	}
	server, err := o.run(serverPart, serverPort, o.server())
	return o, append(redis, server...), err
}

func (o *online) check() error {
	r := &refuse{}
	if o.settings.Feast.Redis == "" {
		r.add(components.ErrRequired, "kubernetes.feast.redis", "", "an image of Redis, in which Feast keeps the rows")
	}
	if strings.HasPrefix(o.settings.Lake.URI, "azblob:") {
		r.add(components.ErrUnsupported, "kubernetes.feast", o.settings.Feast.Image, "none: Feast keeps its registry in "+
			"s3://, gs:// or on a disk")
	}
	return r.err()
}

// keepPassword makes the Secret that Redis and its clients read.
func (o *online) keepPassword() error {
	password, err := random.NewRandomPassword(o.Context, o.Part(redisPart), &random.RandomPasswordArgs{
		Length: pulumi.Int(40), Special: pulumi.Bool(false),
	}, o.Given...)
	if err != nil {
		return err
	}
	_, err = o.named("v1", "Secret", []string{redisPart}, object.Metadata{Name: o.secret}, map[string]any{
		"type": "Opaque", "stringData": pulumi.StringMap{
			passwordKey: password.Result,
			redisKey:    pulumi.Sprintf("requirepass %s\nappendonly yes\ndir /data\n", password.Result),
		},
	}, pulumi.AdditionalSecretOutputs([]string{"stringData", "data"}))
	return err
}

// storeFile describes the store to Feast. The password comes from the environment.
func (o *online) storeFile() string {
	registry := o.zone(components.Features) + "/feast/registry.db"
	text := fmt.Sprintf(`project: %s
provider: local
registry: {path: %q, cache_ttl_seconds: 60}
offline_store: {type: file}
entity_key_serialization_version: 3
online_store:
  type: redis
  connection_string: "%s:%d,password=${%s}"
`, strings.ReplaceAll(o.namespace, "-", "_"), strings.TrimPrefix(registry, "file://"), o.Part(redisPart), redisPort,
		passwordName)
	if o.args.TTLDays > 0 {
		text += fmt.Sprintf("  key_ttl_seconds: %d\n", o.args.TTLDays*24*3600)
	}
	return text
}

// disk keeps the rows when Redis starts anew.
func (o *online) disk() (pulumi.Resource, error) {
	var kept []pulumi.ResourceOption
	if *o.args.Retain {
		kept = append(kept, pulumi.Protect(true), pulumi.RetainOnDelete(true))
	}
	m := object.Metadata{Name: o.Part(redisPart), Annotations: unawaited}
	return o.named("v1", "PersistentVolumeClaim", []string{redisPart}, m, spec(api.Claim{
		AccessModes: []string{"ReadWriteOnce"}, StorageClassName: o.settings.Lake.StorageClass,
		Resources: api.ClaimResources{Requests: map[string]string{"storage": "10Gi"}},
	}), kept...)
}

// ways opens the network: to Redis for the server and for the steps of pipelines, and to the server for endpoints.
func (o *online) ways() error {
	at := func(part string) *api.Selector { return &api.Selector{MatchLabels: o.selector(part)} }
	of := func(kind components.Layer) *api.Selector {
		return &api.Selector{MatchLabels: map[string]string{"layer": strings.ToLower(string(kind))}}
	}
	for _, way := range []struct {
		part     string
		from, to *api.Selector
		port     int
	}{
		{"server-redis", at(serverPart), at(redisPart), redisPort},
		{"fill-redis", of(components.PipelineLayer), at(redisPart), redisPort},
		{"endpoint-server", of(components.EndpointLayer), at(serverPart), serverPort},
	} {
		ports := []api.PolicyPort{{Protocol: "TCP", Port: way.port}}
		err := o.policy(way.part+"-in", api.NetworkPolicy{
			PodSelector: *way.to, PolicyTypes: []string{"Ingress"},
			Ingress: []api.Ingress{{From: []api.Peer{{PodSelector: way.from}}, Ports: ports}},
		})
		if err != nil {
			return err
		}
		err = o.policy(way.part+"-out", api.NetworkPolicy{
			PodSelector: *way.from, PolicyTypes: []string{"Egress"},
			Egress: []api.Egress{{To: []api.Peer{{PodSelector: way.to}}, Ports: ports}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// run makes a Deployment and its Service. Nobody waits: a store is empty until a run fills it.
func (o *online) run(
	part string, port int, template api.PodTemplate, opts ...pulumi.ResourceOption,
) ([]pulumi.Resource, error) {
	m := object.Metadata{Name: o.Part(part), Annotations: unawaited}
	labels := o.selector(part)
	deployment, err := o.named("apps/v1", "Deployment", []string{part}, m, spec(api.Deployment{
		Replicas: new(1), Selector: api.Selector{MatchLabels: labels}, RevisionHistoryLimit: 2,
		Strategy: api.Strategy{Type: "Recreate"}, Template: template,
	}), opts...)
	if err != nil {
		return nil, err
	}
	service, err := o.named("v1", "Service", []string{part}, m, spec(api.Service{
		Type: "ClusterIP", Selector: labels, Ports: []api.ServicePort{{Name: part, Port: port, TargetPort: part}},
	}))
	return []pulumi.Resource{deployment, service}, err
}

// redis describes the pod of Redis. It acts for nobody and knows nothing of the lake.
func (o *online) redis() api.PodTemplate {
	template := o.pod(workload{
		part: redisPart, account: o.Component, image: o.settings.Feast.Redis,
		machine: components.Machine{CPUs: 0.5, MemoryMiB: 2048},
		files:   []mount{{uri: pulumi.String(fileURI(o.secret, redisKey)), secret: true}},
		container: func(c *api.Container) {
			c.Command = []string{"redis-server", strings.TrimPrefix(fileURI(o.secret, redisKey), "file://")}
			c.EnvFrom, c.Env = nil, nil
			c.VolumeMounts = append(c.VolumeMounts, api.VolumeMount{Name: "data", MountPath: pulumi.String("/data")})
			listen(c, redisPart, redisPort)
		},
	})
	template.Spec.Volumes = append(template.Spec.Volumes, api.Volume{
		Name: "data", PersistentVolumeClaim: &api.ClaimVolume{ClaimName: o.Part(redisPart)},
	})
	return template
}

// server describes the pod that endpoints ask for the newest row of a key.
func (o *online) server() api.PodTemplate {
	return o.pod(workload{
		part: serverPart, account: o.Component, image: o.settings.Feast.Image,
		machine: components.Machine{CPUs: 0.5, MemoryMiB: 1024}, files: []mount{o.files()},
		container: func(c *api.Container) {
			c.Command = []string{"feast", "--chdir", o.dir(), "serve", "--host", "0.0.0.0", "--port", fmt.Sprint(serverPort)}
			o.tell(c)
			listen(c, serverPart, serverPort)
		},
	})
}

// files are the store's description and the script that fills it, and dir is where they lie.
func (o *online) files() mount { return mount{uri: pulumi.String(fileURI(o.config, storeKey))} }

func (o *online) dir() string {
	return strings.TrimSuffix(strings.TrimPrefix(fileURI(o.config, storeKey), "file://"), "/"+storeKey)
}

// tell gives a container of Feast the password, a directory to write to, and where the registry's store is.
func (o *online) tell(c *api.Container) {
	c.Env = append(c.Env, api.EnvVar{Name: passwordName, ValueFrom: &api.EnvSource{
		SecretKeyRef: &api.KeyRef{Name: o.secret, Key: passwordKey},
	}}, api.EnvVar{Name: "HOME", Value: pulumi.String("/tmp")})
	if endpoint := o.settings.Lake.Endpoint; endpoint != "" {
		c.Env = append(c.Env, api.EnvVar{Name: "FEAST_S3_ENDPOINT_URL", Value: pulumi.String(endpoint)})
	}
}

// listen adds a port, and takes a pod out of its service that does not listen.
func listen(c *api.Container, name string, port int) {
	c.Ports = []api.Port{{Name: name, ContainerPort: port, Protocol: "TCP"}}
	c.ReadinessProbe = &api.Probe{
		TCPSocket: &api.TCPSocket{Port: name}, PeriodSeconds: 5, TimeoutSeconds: 5, FailureThreshold: 3,
	}
}

// fill is the step that puts the feature set of a run into the store, and the volumes that it needs besides.
func (p *pipeline) fill(o *online) (argo.Template, []api.Volume) {
	definition := strings.Join([]string{filesDir, p.definitionName, definitionKey}, "/")
	pod := p.pod(workload{
		part: onlineStep, account: p.Component, image: o.settings.Feast.Image, machine: stepMachine,
		files: []mount{{uri: p.definition}, o.files()}, scratchGiB: 10, container: o.tell,
	})
	c := pod.Spec.Containers[0]
	c.Name = "" // Argo has one of its own
	view := o.args.Views[0]
	c.Command = []string{"python", o.dir() + "/" + fillKey}
	c.Args = []string{
		o.zone(components.Logs) + "/runs/" + runID + ".json", o.zone(components.Features), definition, view.Name, view.Key,
	}
	return argo.Template{
		Name: onlineStep, Container: &c, PodSpecPatch: argoContainers, RetryStrategy: p.again(),
	}, pod.Spec.Volumes
}

// addVolumes adds the volumes that a list lacks.
func addVolumes(to, volumes []api.Volume) []api.Volume {
	for _, v := range volumes {
		if !slices.ContainsFunc(to, func(have api.Volume) bool { return have.Name == v.Name }) {
			to = append(to, v)
		}
	}
	return to
}

package cost

import "strings"

// awsBase are storage, keys and the network.
var awsBase = map[string]model{
	"aws:s3/bucketV2:BucketV2":      s3Bucket,
	"aws:s3/bucket:Bucket":          s3Bucket,
	"aws:kms/key:Key":               kmsKey,
	"aws:kms/replicaKey:ReplicaKey": kmsKey,
	"aws:secretsmanager/secret:Secret": func(p *pricer) {
		p.always("secret", "secretsmanager", "secret", 1)
		p.usage("reads", "secretsmanager", "api", p.use("secretReads"))
	},
	"aws:ec2/natGateway:NatGateway": func(p *pricer) {
		p.always("NAT gateway", "nat-gateway", "hour", HoursPerMonth)
		p.usage("data through it", "nat-gateway", "data processed", p.use("natGB"))
	},
	"aws:ec2/eip:Eip":                 func(p *pricer) { p.always("public address", "eip", "idle", HoursPerMonth) },
	"aws:ec2/vpcEndpoint:VpcEndpoint": vpcEndpoint,
	"aws:ec2/flowLog:FlowLog": func(p *pricer) {
		p.usage("connection records", "cloudwatch-logs", "ingest", p.use("flowLogGB"))
	},
	"aws:lb/loadBalancer:LoadBalancer": loadBalancer,
	"aws:ebs/volume:Volume": func(p *pricer) {
		p.always("volume", "ebs", p.text("type", "gp2"), p.number("size", 20))
	},
	"aws:efs/fileSystem:FileSystem": func(p *pricer) {
		p.always("files", "efs", "standard", p.use("storageGB"))
		p.uncap()
	},
	"aws:route53/zone:Zone": func(p *pricer) { p.always("hosted zone", "route53", "hosted zone", 1) },
}

// s3Bucket is billed in the standard class: transitions to colder ones make it cheaper later.
func s3Bucket(p *pricer) {
	p.always("objects", "s3", "standard first 50TB", p.use("storageGB"))
	p.uncap()
	p.usage("writes", "s3", "put/copy/post/list standard", p.use("storageWrites"))
	p.usage("reads", "s3", "get standard", p.use("storageReads"))
}

func kmsKey(p *pricer) {
	p.always("key", "kms", "key", 1)
	p.usage("use", "kms", "requests", p.use("keyRequests"))
}

// vpcEndpoint: those of the gateway type are free, the others are billed for each zone.
func vpcEndpoint(p *pricer) {
	if kind := p.text("vpcEndpointType", "Gateway"); kind == "Gateway" {
		return
	}
	zones := max(p.count("subnetIds", 1), p.count("subnetConfigurations", 1), 1)
	p.always("endpoint in each zone", "vpc-endpoint", "interface per AZ", zones*HoursPerMonth)
	p.usage("data through it", "vpc-endpoint", "data processed", p.use("endpointGB"))
}

func loadBalancer(p *pricer) {
	service := "alb"
	if strings.EqualFold(p.text("loadBalancerType", "application"), "network") {
		service = "nlb"
	}
	p.always("load balancer", service, "hour", HoursPerMonth)
	p.unpriced("capacity units", "they depend on connections and bytes, which no assumption describes")
}
